"""The parsed days: each archived file as typed tables, one set of Parquet files a day."""

from datetime import date
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, AssetSpec, MetadataValue

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.assets.export import RAW_EXPORT
from woopra_pipeline.defs.days import AssetMetadata, WorkedDays, work_through
from woopra_pipeline.defs.metadata import column_schema
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.tables import PARSED_TABLES
from woopra_pipeline.woopra.log_days import log_day_at
from woopra_pipeline.wording import count

if TYPE_CHECKING:
    from woopra_pipeline.parse.parsed_days import ParsedDay

LOG_TABLES = [
    AssetSpec(
        table.name,
        deps=[RAW_EXPORT],
        description=f"{table.comment}.",
        group_name="log",
        kinds={"parquet"},
        owners=["team:data"],
        metadata={"dagster/column_schema": column_schema(table)},
    )
    for table in PARSED_TABLES
]


def parse_days(
    context: AssetExecutionContext, days: WorkedDays, data_directory: DataDirectoryResource
) -> None:
    """Parse the archived files of the log days that were fetched; each line is counted once.

    All tables come from one reading, so all are made, whichever are selected. With a lake, a day
    that was parsed elsewhere is taken from there instead, and what is parsed is put there.
    """
    from woopra_pipeline.archive import Archive
    from woopra_pipeline.archive.keeping import remove_old_files
    from woopra_pipeline.lake.project import claim_lake
    from woopra_pipeline.lake.sharing import take_or_parse
    from woopra_pipeline.parse.parse_day import days_at_once, parse_log_day
    from woopra_pipeline.parse.workers import Workers

    directory = data_directory.directory
    archive = Archive(directory.raw)
    lake = data_directory.open_lake()
    if lake is not None:
        claim_lake(lake, directory)
    log_days = days.without_bad()
    context.log.info(f"Parsing {count(len(log_days), 'log day')}")
    at_once = days_at_once(archive, log_days)
    with Workers() as workers:
        shared = workers if at_once > 1 else None

        def parse(log_day: date) -> "ParsedDay":
            if lake is None:
                return parse_log_day(archive, log_day, directory.parsed, workers=shared)
            return take_or_parse(lake, directory, log_day, workers=shared)

        work_through(context, days, parse, _describe, threads=at_once)
    if data_directory.keep_raw_days:
        today = log_day_at(system_clock())
        removed = remove_old_files(archive, directory.parsed, today, data_directory.keep_raw_days)
        if removed:
            context.log.info(f"raw files of {len(removed)} old log days were removed")


def _describe(day: "ParsedDay") -> tuple[str, AssetMetadata]:
    metadata = {
        table.name: {
            "dagster/partition_row_count": day.row_count(table),
            "bytes": sum(path.stat().st_size for path in day.parquet_files(table)),
            "lines": day.line_count,
            "visits": day.visit_count,
            "identifies": day.identify_count,
            "deletes": day.delete_count,
            "rejected_lines": day.rejected_count,
            "path": MetadataValue.path(day.folder),
        }
        for table in PARSED_TABLES
    }
    return f"{day.line_count:,} lines, {day.rejected_count:,} rejected", metadata
