"""The check of the archive: files that lose lines are held back, and somebody has to know."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    asset_check,
)

from woopra_pipeline.defs.metadata import rows_as_table
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.model.checks import MOST_EXAMPLES

if TYPE_CHECKING:
    from woopra_pipeline.archive import Archive

NAME = "no_file_held_back"
HOW_TO_ACCEPT = (
    "Fetch the day again later. If the shorter file is right, take it with `woopra-pipeline "
    "backfill DAY DAY --accept-shorter`, or materialize raw_export for the day with the "
    "configuration `accept_shorter: true`."
)


@asset_check(asset="raw_export", name=NAME)
def no_file_held_back(data_directory: DataDirectoryResource) -> AssetCheckResult:
    """No log day came with fewer readable lines than its archived file, which then stays current.

    Where one did, its file is held back until the service takes it back or somebody accepts it.
    """
    from woopra_pipeline.archive import Archive

    found = _find(Archive(data_directory.directory.raw))
    return AssetCheckResult(
        passed=not found, severity=AssetCheckSeverity.WARN, metadata=found or {"found": 0}
    )


def record_held_back(context: AssetExecutionContext, archive: "Archive") -> None:
    """Record the check from a step that is about to fail, where Dagster runs it no more."""
    found = _find(archive)
    if found:
        context.log_event(
            AssetCheckEvaluation(
                asset_key=AssetKey("raw_export"),
                check_name=NAME,
                passed=False,
                severity=AssetCheckSeverity.WARN,
                metadata=found,
            )
        )


def _find(archive: "Archive") -> Mapping[str, Any]:
    """What the check shows of the days with a file held back; nothing if there are none."""
    from woopra_pipeline.archive.days import find_held_back

    held_back = find_held_back(archive)
    if not held_back:
        return {}
    return {
        "found": len(held_back),
        "what_to_do": HOW_TO_ACCEPT,
        "examples": rows_as_table(
            ("log_day", "lines", "lines_held_back", "held_back"),
            [
                (
                    day.log_day,
                    day.line_count,
                    day.held_back[-1].line_count,
                    day.held_back[-1].path.name,
                )
                for day in held_back[:MOST_EXAMPLES]
            ],
        ),
    }
