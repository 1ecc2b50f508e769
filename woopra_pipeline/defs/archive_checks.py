"""The check of the archive: files that lose lines are held back, and somebody has to know."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetCheckSpec

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.partitions import log_days
from woopra_pipeline.errors import ArchiveError

if TYPE_CHECKING:
    from woopra_pipeline.archive import ArchivedDay

HOW_TO_ACCEPT = (
    "Fetch the day again later. If the shorter file is right, take it with `woopra-pipeline "
    "backfill DAY DAY --accept-shorter`, or materialize raw_export for the day with the "
    "configuration `accept_shorter: true`."
)


NO_FILE_HELD_BACK = AssetCheckSpec(
    "no_file_held_back",
    asset="raw_export",
    description="No fetched file of the log day has fewer readable lines than its archived file. A "
    "file with fewer lines is held back: the archived one stays current until the service delivers "
    "a complete file, or somebody accepts the shorter one.",
    partitions_def=log_days,
)


def look_for_held_back(
    directory: DataDirectory, days: Iterable[date]
) -> Iterator[AssetCheckEvaluation]:
    """Evaluate the check for each day; a day that is not archived has no file held back."""
    from woopra_pipeline.archive import Archive

    archive = Archive(directory.raw)
    for log_day in days:
        try:
            archived = archive.find(log_day)
        except ArchiveError:
            archived = None
        held_back = archived is not None and bool(archived.held_back)
        yield AssetCheckEvaluation(
            asset_key=NO_FILE_HELD_BACK.asset_key,
            check_name=NO_FILE_HELD_BACK.name,
            partition=log_day.isoformat(),
            passed=not held_back,
            severity=AssetCheckSeverity.WARN,
            metadata=_describe(archived) if archived is not None and held_back else {},
        )


def _describe(archived: "ArchivedDay") -> Mapping[str, Any]:
    held_back = archived.held_back[-1]
    return {
        "lines": archived.line_count,
        "lines_held_back": held_back.line_count,
        "held_back": held_back.path.name,
        "what_to_do": HOW_TO_ACCEPT,
    }
