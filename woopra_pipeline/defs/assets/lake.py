"""The days in the lake: their second home, from which they can be restored."""

from datetime import date
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, AssetSpec, MetadataValue

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.export import RAW_EXPORT
from woopra_pipeline.defs.assets.parsed import LOG_TABLES
from woopra_pipeline.defs.days import AssetMetadata, WorkedDays, work_through
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.errors import ConfigurationError, LakeError
from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake

if TYPE_CHECKING:
    from woopra_pipeline.lake.putting import PutDay

GROUP = "lake"
DAYS_AT_ONCE = 4


LAKE_DAYS = AssetSpec(
    "lake_days",
    deps=[RAW_EXPORT, *LOG_TABLES],
    description="""\
A day's archived file and its Parquet files in the lake, each with its manifest.

Files that are there already are not uploaded again. Files that no manifest has named for a week are
removed.""",
    group_name=GROUP,
    kinds={"zstd", "parquet"},
    owners=["team:data"],
)


def put_days(
    context: AssetExecutionContext, days: WorkedDays, data_directory: DataDirectoryResource
) -> None:
    """Put the log days that did not fail into the lake, some at a time."""
    from woopra_pipeline.lake.cleaning import remove_unnamed
    from woopra_pipeline.lake.project import claim_lake

    lake = data_directory.open_lake()
    if lake is None:
        raise ConfigurationError(f"{LAKE_VARIABLE} is not set: say where the lake is")
    directory = data_directory.directory
    claim_lake(lake, directory)
    work_through(
        context,
        days,
        lambda log_day: _put_whole(lake, directory, log_day),
        _describe,
        threads=DAYS_AT_ONCE,
    )
    if removed_bytes := remove_unnamed(lake):
        context.log.info(f"{removed_bytes:,} bytes removed that no manifest names any more")


def _put_whole(lake: Lake, directory: DataDirectory, log_day: date) -> "PutDay":
    """Put a day into the lake; `LakeError` if it is not there afterwards, archived and parsed."""
    from woopra_pipeline.lake.putting import put_day

    day = put_day(lake, directory, log_day)
    if day.archived is None or day.parsed is None:
        raise LakeError(
            f"Log day {log_day} is not in the lake, and not on this disk as an archived and a "
            f"parsed day: `woopra-pipeline backfill {log_day} {log_day}` makes it"
        )
    return day


def _describe(day: "PutDay") -> tuple[str, AssetMetadata]:
    assert day.archived is not None
    assert day.parsed is not None
    metadata = {
        "compressed_bytes": day.archived.compressed_byte_count,
        "sha256": day.archived.sha256,
        "parsed_bytes": sum(day.parsed.files.values()),
        "uploaded_bytes": day.uploaded_bytes,
        "path": MetadataValue.text(day.parsed.folder.as_posix()),
    }
    return f"{day.uploaded_bytes:,} bytes uploaded", {LAKE_DAYS.key.to_user_string(): metadata}
