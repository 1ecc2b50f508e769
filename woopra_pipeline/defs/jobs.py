"""The jobs and their schedules."""

from dagster import (
    AssetSelection,
    Backoff,
    Jitter,
    RetryPolicy,
    build_schedule_from_partitioned_job,
    define_asset_job,
)

daily_log_day = define_asset_job(
    "daily_log_day",
    selection=AssetSelection.groups("archive", "log", "model"),
    description="A log day from fetch to model.",
    # A file can come late, and the service can be down for longer than one request's retries.
    op_retry_policy=RetryPolicy(
        max_retries=4, delay=900, backoff=Backoff.LINEAR, jitter=Jitter.PLUS_MINUS
    ),
)

daily_log_day_schedule = build_schedule_from_partitioned_job(
    daily_log_day,
    description="Every night, an hour and a half after the log day has ended in Los Angeles.",
    hour_of_day=1,
    minute_of_hour=30,
)

daily_imports = define_asset_job(
    "daily_imports",
    selection=AssetSelection.groups("imports"),
    description="What the import sources have for a log day, and what became of earlier imports.",
)

daily_imports_schedule = build_schedule_from_partitioned_job(
    daily_imports,
    description="Every night, when the log day is in the model; off until you switch it on.",
    hour_of_day=4,
    minute_of_hour=30,
)
