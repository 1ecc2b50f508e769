"""The sensor that follows the current log day, step by step, from the service to the model."""

from datetime import UTC, datetime, timedelta

from dagster import (
    MAX_RUNTIME_SECONDS_TAG,
    AssetSelection,
    DefaultSensorStatus,
    RunConfig,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from woopra_pipeline.clock import system_clock
from woopra_pipeline.defs.assets.current_day import CurrentDayConfig, current_day
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.tags import SENSOR_NAME

NAME = "follow_current_day_sensor"
MINUTES_A_RUN = 15
MINUTES_UNTIL_DEAD = 30
"""After this time a run is ended whose process was killed: Dagster does not notice otherwise."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_DOUBLINGS = 6
"""After so many failures, and after all further ones, a run is tried about once an hour."""


@sensor(
    name=NAME,
    target=AssetSelection.assets(*current_day.keys, *model.keys),
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.STOPPED,
    description="Fetches the new lines of the current log day every minute, and applies them to "
    "the model. A run lasts a quarter of an hour, and then the next one starts. If runs fail, the "
    "pauses get longer, up to an hour.",
)
def follow_current_day_sensor(context: SensorEvaluationContext) -> RunRequest | SkipReason:
    """Request the next steps, without the checks, which are about days that are over."""
    records = context.instance.get_run_records(
        RunsFilter(tags={SENSOR_NAME: NAME}), limit=LONGEST_DOUBLINGS
    )
    runs = [record.dagster_run for record in records]
    if runs and not runs[0].is_finished:
        return SkipReason("The run before is not over yet.")
    failures = next((number for number, run in enumerate(runs) if run.is_success), len(runs))
    if failures:
        ended_at = datetime.fromtimestamp(records[0].end_time or 0, UTC)
        next_at = ended_at + FIRST_PAUSE * 2**failures
        # A run that ended in what is still to come says that the clock was set back since.
        if ended_at <= system_clock() < next_at:
            return SkipReason(f"The last run failed; the next is due at {next_at:%H:%M} UTC.")
    config = CurrentDayConfig(minutes=MINUTES_A_RUN)
    return RunRequest(
        asset_selection=[*current_day.keys, *model.keys],
        asset_check_keys=[],
        run_config=RunConfig(ops={current_day.op.name: config}),
        tags={MAX_RUNTIME_SECONDS_TAG: str(MINUTES_UNTIL_DEAD * 60)},
    )
