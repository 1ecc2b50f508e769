"""A log day's files, in one step: as Woopra delivered them, as tables, and both in the lake."""

import os
from collections.abc import Iterator

from dagster import (
    AssetCheckEvaluation,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    MaterializeResult,
    multi_asset,
)

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.archive_checks import NO_FILE_HELD_BACK, look_for_held_back
from woopra_pipeline.defs.assets.export import RAW_EXPORT, FetchConfig, fetch_days
from woopra_pipeline.defs.assets.lake import LAKE_DAYS, put_days
from woopra_pipeline.defs.assets.parsed import LOG_TABLES, parse_days
from woopra_pipeline.defs.checks import EVERY_LINE_ACCOUNTED, account_for_lines
from woopra_pipeline.defs.days import WorkedDays, days_of, record_days
from woopra_pipeline.defs.freshness import UP_TO_DATE, evaluate_selected
from woopra_pipeline.defs.partitions import log_days
from woopra_pipeline.defs.resources import DataDirectoryResource, WoopraResource
from woopra_pipeline.lake.location import LAKE_VARIABLE
from woopra_pipeline.tables import DELETES_LOG

RAW_AND_LOG = [RAW_EXPORT.key, *(table.key for table in LOG_TABLES)]


def make_day_files(*, with_lake: bool) -> AssetsDefinition:
    """The step, with the days in the lake as the last of its assets or without them."""

    @multi_asset(
        name="day_files",
        specs=[RAW_EXPORT, *LOG_TABLES, *([LAKE_DAYS] if with_lake else [])],
        check_specs=[
            NO_FILE_HELD_BACK,
            EVERY_LINE_ACCOUNTED,
            *(UP_TO_DATE[asset] for asset in ("raw_export", "visits_log")),
        ],
        partitions_def=log_days,
        backfill_policy=BackfillPolicy.single_run(),
        can_subset=True,
    )
    def day_files(
        context: AssetExecutionContext,
        config: FetchConfig,
        woopra: WoopraResource,
        data_directory: DataDirectoryResource,
    ) -> Iterator[MaterializeResult[None]]:
        """Fetch log days, parse those that came, and put them into the lake, as is selected.

        If days fail, the others are done all the same: they are recorded as made, and the step then
        fails, so that Dagster shows the failed days alone as failed.
        """
        selected = context.selected_asset_keys
        days = days_of(context)
        if RAW_EXPORT.key in selected:
            fetch_days(context, days, woopra, data_directory, config)
        if selected & {table.key for table in LOG_TABLES}:
            parse_days(context, days, data_directory)
        if LAKE_DAYS.key in selected:
            put_days(context, days, data_directory)
        for evaluation in _evaluations(context, days, data_directory.directory):
            context.log_event(evaluation)
        record_days(context, days)
        for key in sorted(selected, key=_place):
            yield MaterializeResult(asset_key=key)

    return day_files


day_files = make_day_files(with_lake=bool(os.environ.get(LAKE_VARIABLE)))


def _place(key: AssetKey) -> tuple[bool, ...]:
    """Where an asset comes among those that are recorded.

    Nearly all of the model depends on the deletes: as the last tables, they keep a backfill from
    beginning it while the days of other tables are still recorded.
    """
    return key == LAKE_DAYS.key, key != RAW_EXPORT.key, key == AssetKey(DELETES_LOG.name)


def _evaluations(
    context: AssetExecutionContext, days: WorkedDays, directory: DataDirectory
) -> Iterator[AssetCheckEvaluation]:
    """The checks that are selected; those of a day name it."""
    selected = context.selected_asset_check_keys
    if NO_FILE_HELD_BACK.key in selected:
        yield from look_for_held_back(directory, days.log_days)
    if EVERY_LINE_ACCOUNTED.key in selected:
        yield from account_for_lines(directory, days)
    yield from evaluate_selected(directory, selected)
