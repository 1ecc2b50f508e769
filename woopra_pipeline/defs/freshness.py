"""Freshness: which log days are there. It is not about runs.

Dagster's own freshness policies look at the last run of an asset, whichever day it was for. So a
check says how many days are missing at the end: with every run, and whenever a sensor sees that the
number changed, also because a day has become due.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import msgspec
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DefaultSensorStatus,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.model.checks import DUE_AT

NAME = "up_to_date"
PLACE_OF = {"raw_export": "archive", "visits_log": "parsed days", "log_days": "model"}
"""Where the log days of an asset are, for the assets that have the check."""

UP_TO_DATE = {
    asset: AssetCheckSpec(
        NAME,
        asset=asset,
        description=f"From {DUE_AT:%H:%M} in Los Angeles on, the log day that ended at midnight is "
        f"in the {place}.",
    )
    for asset, place in PLACE_OF.items()
}


def evaluate(directory: DataDirectory, asset: str) -> AssetCheckEvaluation | None:
    """Whether yesterday is there; None if there is no log day yet."""
    from woopra_pipeline.model.freshness import find_freshness

    found = find_freshness(directory, PLACE_OF[asset], system_clock())
    if found is None:
        return None
    return AssetCheckEvaluation(
        asset_key=AssetKey(asset),
        check_name=NAME,
        passed=found.days_behind == 0,
        severity=AssetCheckSeverity.ERROR,
        description=None
        if found.days_behind == 0
        else f"The last log day is {found.last_day}, and {found.due_day} is due.",
        metadata={
            "days_behind": found.days_behind,
            "last_log_day": str(found.last_day),
            "due_log_day": str(found.due_day),
        },
    )


def evaluate_selected(
    directory: DataDirectory, selected: AbstractSet[AssetCheckKey]
) -> Iterator[AssetCheckEvaluation]:
    """The same for those of a run's checks that are about freshness."""
    for asset, spec in UP_TO_DATE.items():
        if spec.key in selected and (evaluation := evaluate(directory, asset)) is not None:
            yield evaluation


@sensor(
    name="watch_freshness",
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Records how many log days the archive, the parsed days and the model are behind, "
    f"when that changes. Yesterday must be there from {DUE_AT:%H:%M} in Los Angeles on. It starts "
    "no runs.",
)
def watch_freshness(
    context: SensorEvaluationContext, data_directory: DataDirectoryResource
) -> SensorResult | SkipReason:
    """Record the check for the assets of which the last day or the due one is another."""
    said = msgspec.json.decode(context.cursor, type=dict[str, str]) if context.cursor else {}
    events = []
    for asset in PLACE_OF:
        evaluation = evaluate(data_directory.directory, asset)
        if evaluation is None:
            continue
        days = (evaluation.metadata[name].text for name in ("last_log_day", "due_log_day"))
        state = " of ".join(map(str, days))
        if said.get(asset) != state:
            said[asset] = state
            events.append(evaluation)
    if not events:
        return SkipReason("Nothing has changed.")
    return SensorResult(asset_events=events, cursor=msgspec.json.encode(said).decode())
