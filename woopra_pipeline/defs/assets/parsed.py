"""The parsed days: each archived file as typed tables, one set of Parquet files a day."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    BackfillPolicy,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.days import AssetMetadata, work_through_days
from woopra_pipeline.defs.metadata import column_schema
from woopra_pipeline.defs.partitions import UP_TO_DATE_BY_NINE, log_days
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.tables import DELETES_LOG, PARSED_TABLES
from woopra_pipeline.woopra.log_days import log_day_at

if TYPE_CHECKING:
    from woopra_pipeline.parse.parsed_days import ParsedDay

DELETES_KEY = AssetKey(DELETES_LOG.name)


@multi_asset(
    specs=[
        AssetSpec(
            table.name,
            deps=["raw_export"],
            description=f"{table.comment}.",
            group_name="log",
            kinds={"parquet"},
            owners=["team:data"],
            metadata={"dagster/column_schema": column_schema(table)},
            freshness_policy=UP_TO_DATE_BY_NINE,
        )
        for table in PARSED_TABLES
    ],
    partitions_def=log_days,
    backfill_policy=BackfillPolicy.single_run(),
    can_subset=True,
)
def parsed_days(
    context: AssetExecutionContext, data_directory: DataDirectoryResource
) -> Iterator[MaterializeResult[None]]:
    """Parse the archived file of each log day; every line of it is counted exactly once.

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
    days = [date.fromisoformat(key) for key in context.partition_keys]
    lake = data_directory.open_lake()
    if lake is not None:
        claim_lake(lake, directory)
    at_once = days_at_once(archive, days)
    with Workers() as workers:
        shared = workers if at_once > 1 else None

        def parse(log_day: date) -> "ParsedDay":
            if lake is None:
                return parse_log_day(archive, log_day, directory.parsed, workers=shared)
            return take_or_parse(lake, directory, log_day, workers=shared)

        work_through_days(
            context,
            parse,
            _describe,
            threads=at_once,
        )
    if data_directory.keep_raw_days:
        today = log_day_at(system_clock())
        removed = remove_old_files(archive, directory.parsed, today, data_directory.keep_raw_days)
        if removed:
            context.log.info(f"raw files of {len(removed)} old log days were removed")
    # Nearly all of the model depends on the deletes. Recorded last, they keep a backfill from
    # beginning it while Dagster still records the days of the other tables.
    for key in sorted(context.selected_asset_keys, key=lambda key: key == DELETES_KEY):
        yield MaterializeResult(asset_key=key)


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
