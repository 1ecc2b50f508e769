"""The jobs and their schedules: fetching is harmless and on, sending is for ever and off."""

import os
from datetime import timedelta

from dagster import (
    AssetSelection,
    Backoff,
    DefaultScheduleStatus,
    RetryPolicy,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)

from woopra_pipeline.defs.partitions import log_days
from woopra_pipeline.lake.location import LAKE_VARIABLE
from woopra_pipeline.woopra.log_days import LOG_TIME_ZONE, log_day_at

RETRIES = 6
FIRST_RETRY_SECONDS = 900

LAKE_GROUPS = ["lake"] if os.environ.get(LAKE_VARIABLE) else []
"""Without a lake there are no assets of it."""

daily_log_day = define_asset_job(
    "daily_log_day",
    selection=AssetSelection.groups("archive", "log", "model", "report", *LAKE_GROUPS),
    description="A log day from fetch to model and report. If its file is late, or the service "
    "down, the run waits and tries again for five hours before it fails. For many days, do not use "
    "this job: backfill the groups archive and log in Lineage, and the model follows by itself.",
    op_retry_policy=RetryPolicy(
        max_retries=RETRIES, delay=FIRST_RETRY_SECONDS, backoff=Backoff.LINEAR
    ),
)

daily_imports = define_asset_job(
    "daily_imports",
    selection=AssetSelection.groups("imports"),
    description="What the import sources have for a log day, and what became of earlier imports.",
)

command_line = define_asset_job(
    "command_line",
    selection=AssetSelection.all(),
    description="What the commands of `woopra-pipeline` do is recorded as runs of this job; there "
    "is nothing to launch here.",
)


@schedule(
    job=daily_log_day,
    # No clock is ever put past 03:30, or back to it.
    cron_schedule="30 3 * * *",
    execution_timezone=LOG_TIME_ZONE.key,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every night at 03:30 in Los Angeles, the log day that ended at midnight there.",
)
def daily_log_day_schedule(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """Take the day that has just ended to the model."""
    return _day_before(context)


@schedule(
    job=daily_imports,
    cron_schedule="30 4 * * *",
    execution_timezone=LOG_TIME_ZONE.key,
    description="Every night at 04:30 in Los Angeles, when the log day is in the model. Off until "
    "you switch it on, because what is sent cannot be taken back.",
)
def daily_imports_schedule(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """Import what the sources have for the day that has just ended."""
    return _day_before(context)


def _day_before(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    log_day = log_day_at(context.scheduled_execution_time) - timedelta(days=1)
    if log_day < log_days.start.date():
        return SkipReason(f"The log days begin with {log_days.start:%Y-%m-%d}.")
    return RunRequest(run_key=str(log_day), partition_key=str(log_day))
