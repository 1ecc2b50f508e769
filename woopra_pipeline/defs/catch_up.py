"""The sensor that finishes what stopped halfway: parses days, applies days, writes the report.

It does not matter what fetched or parsed the days, or where a run ended. The files say what is
left. The sensor waits until no run works on a day any more. So days come into the model by
themselves, many at once, and a bad day does not stop the others.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec
from dagster import (
    AssetSelection,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.assets.parsed import LOG_TABLES
from woopra_pipeline.defs.assets.report import project_report
from woopra_pipeline.defs.days import blocks
from woopra_pipeline.defs.instance import end_dead_runs, share
from woopra_pipeline.defs.partitions import log_days
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.defs.tags import PARTITION, RANGE_END, RANGE_START, SENSOR_NAME, of_days
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.woopra.log_days import log_day_from_text, log_days_between

NAME = "catch_up"
LATEST_BACKFILLS = 20
"""So many of the last backfills are looked at, to find one that is not over."""
UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


class Tried(msgspec.Struct, frozen=True):
    """What was requested before and is outstanding still: it failed, and is not tried again."""

    parse: dict[date, str] = {}
    model: str = ""
    report: str = ""


@sensor(
    name=NAME,
    target=AssetSelection.groups("log", "model", "report"),
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Parses archived days that are not parsed yet, applies the parsed days to the "
    "model, many at once, and updates the report. It does not matter what fetched the days, or "
    "where a run ended. Days on which another run or a backfill works are left alone. What fails "
    "is tried once.",
)
def catch_up(
    context: SensorEvaluationContext, data_directory: DataDirectoryResource
) -> SensorResult | SkipReason:
    """Request runs for what is outstanding, parsing first."""
    from woopra_pipeline.model.freshness import find_newer_model
    from woopra_pipeline.model.outstanding import find_outstanding

    directory = data_directory.directory
    instance = context.instance
    share(directory)
    end_dead_runs(instance, directory)
    backfills = instance.get_backfills(limit=LATEST_BACKFILLS)
    if any(backfill.status.value == "REQUESTED" for backfill in backfills):
        return SkipReason("A backfill is running.")
    runs = instance.get_runs(RunsFilter(statuses=UNFINISHED))
    if any(run.tags.get(SENSOR_NAME) == NAME for run in runs):
        return SkipReason("A run that was requested before is not over yet.")

    tried = msgspec.json.decode(context.cursor, type=Tried) if context.cursor else Tried()
    outstanding = find_outstanding(directory)
    in_hand = {log_day for run in runs for log_day in _days_of(run)}
    no_partitions = {day for day in outstanding.to_parse if day < log_days.start.date()}
    to_parse = _without(outstanding.to_parse, in_hand | no_partitions)
    to_apply = _without(outstanding.to_apply, in_hand)
    state = _fingerprint(to_apply)
    new = [log_day for log_day in to_parse if tried.parse.get(log_day) != to_parse[log_day]]
    if new:
        requests = [_parsing(block) for block in blocks(new)]
        tried = Tried(to_parse, tried.model, tried.report)
    elif any(map(_makes_model, runs)):
        return SkipReason("The model is being updated.")
    elif to_apply and tried.model != state:
        requests = [RunRequest(asset_selection=[*model.keys, *project_report.keys])]
        tried = Tried(to_parse, state, tried.report)
    elif (model_of := find_newer_model(directory)) and tried.report != model_of:
        requests = [RunRequest(asset_selection=[*project_report.keys])]
        tried = Tried(to_parse, state, model_of)
    elif to_parse or to_apply:
        days = ", ".join(map(str, sorted({*to_parse, *to_apply})))
        return SkipReason(f"These days were tried and failed, see their run: {days}.")
    else:
        # Once nothing is left, the same may have to be done again: if a file is lost or damaged.
        is_done = not outstanding.to_parse and not outstanding.to_apply
        return SensorResult(
            skip_reason="Every archived day is in the model, or a run is working on it.",
            cursor=_encoded(Tried(report=tried.report) if is_done else tried),
        )
    return SensorResult(requests, cursor=_encoded(tried))


def _encoded(tried: Tried) -> str:
    return msgspec.json.encode(tried).decode()


def _without(days: Mapping[date, str], others: set[date]) -> dict[date, str]:
    return {log_day: text for log_day, text in days.items() if log_day not in others}


def _parsing(block: Sequence[date]) -> RunRequest:
    return RunRequest(
        asset_selection=[table.key for table in LOG_TABLES],
        tags=of_days(block[0], block[-1]),
    )


def _days_of(run: DagsterRun) -> Iterator[date]:
    """The log days a run works on."""
    day = run.tags.get(PARTITION)
    first = run.tags.get(RANGE_START, day)
    last = run.tags.get(RANGE_END, day)
    if first and last:
        try:
            yield from log_days_between(log_day_from_text(first), log_day_from_text(last))
        except ConfigurationError:
            return


def _makes_model(run: DagsterRun) -> bool:
    """Whether a run does nothing before it makes the model or its report."""
    made = model.keys | project_report.keys
    return not any(_days_of(run)) and bool(made & (run.asset_selection or set()))


def _fingerprint(days: Mapping[date, str]) -> str:
    text = "".join(f"{log_day} {text} " for log_day, text in sorted(days.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
