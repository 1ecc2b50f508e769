"""Many days from fetch to report in this process, as materializations recorded in the instance.

Where all goes well that is one run. Where days fail, Dagster skips what comes after them; then a
second run takes the good days to the model and the report.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from dagster import (
    AssetCheckSeverity,
    AssetKey,
    DagsterError,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    EventLogEntry,
)

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.day_files import RAW_AND_LOG, day_files
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.assets.report import project_report
from woopra_pipeline.defs.in_process import execute
from woopra_pipeline.errors import ModelError
from woopra_pipeline.woopra.log_days import log_days_between

Kind: TypeAlias = Literal["start", "day", "bad day", "note", "end"]
STEPS = {step.op.name for step in (day_files, model, project_report)}
MODEL_AND_REPORT = [*model.keys, project_report.key]
PHASES = {"Fetching": "raw_export", "Parsing": "parsed_days"}
"""What `day_files` does one after the other, by the first word of what it then logs."""


@dataclass(frozen=True)
class Progress:
    """Something that happened in a step: it starts or ends, a day is done or has failed, …"""

    step: str
    """`raw_export`, `parsed_days`, `model` or `project_report`."""
    kind: Kind
    text: str = ""
    days: int = 0
    """How many log days the step works through; 0 for the model and the report."""


Notify: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True)
class Backfill:
    """Runs in this process, recorded in `instance`; `notify` hears what happens in them.

    With `accept_shorter`, files that lose lines become current too.
    """

    definitions: Definitions
    instance: DagsterInstance
    directory: DataDirectory
    notify: Notify
    accept_shorter: bool = False

    def run(self, first: date, last: date) -> dict[date, str]:
        """Take every log day from `first` to `last` from fetch to model.

        Returns, for each day that did not get there, the sentence that says why. Raises what the
        model step raises, and `ModelError` if a check finds that what was made is wrong.
        """
        log_days = list(log_days_between(first, last))
        bad = self._execute([*RAW_AND_LOG, *MODEL_AND_REPORT], log_days)
        if bad and len(bad) < len(log_days):
            self.update_model()
        return bad

    def update_model(self) -> None:
        """Bring model and report in line with the parsed days; raises what `run` raises."""
        self._execute(MODEL_AND_REPORT, [])

    def make_report(self) -> None:
        """Make the report of the published model; raises what `write_report` raises."""
        self._execute([project_report.key], [])

    def _execute(self, assets: Sequence[AssetKey], log_days: Sequence[date]) -> dict[date, str]:
        """One run of `assets`; returns the days that failed, and why each of them did."""
        listener = _Listener(self.notify, len(log_days))
        fetching = {day_files.op.name: {"accept_shorter": self.accept_shorter}}
        try:
            failed = execute(
                self.definitions,
                self.instance,
                self.directory,
                assets,
                log_days,
                config=fetching if log_days else {},
                listen=listener,
            )
        except DagsterError as error:
            if listener.wrong is None:
                raise
            raise ModelError(
                f"The check {listener.wrong} does not hold: the result is wrong, because of a "
                "fault in this program; `woopra-pipeline ui` shows what was found"
            ) from error
        return {date.fromisoformat(day): why for day, why in (failed or {}).items()}


class _Listener:
    """Tells, of all that Dagster records about a run, what someone waiting wants to know."""

    def __init__(self, notify: Notify, days: int) -> None:
        self.wrong: str | None = None
        """The check that must hold and does not."""
        self._step: str | None = None
        self._notify = notify
        self._days = days

    def __call__(self, entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if check.blocking and not check.passed and check.severity is AssetCheckSeverity.ERROR:
                self.wrong = check.check_name
        if entry.step_key not in STEPS:
            return
        if event is None:
            self._hear(int(entry.level), entry.user_message)
        elif event.event_type is DagsterEventType.STEP_START:
            if entry.step_key != day_files.op.name:
                self._begin(entry.step_key)
        elif event.event_type is DagsterEventType.STEP_SUCCESS:
            self._end()
        elif event.event_type is DagsterEventType.ENGINE_EVENT:
            # The only one of a step in this process: it waits for its pool.
            self._notify(Progress(entry.step_key, "note", "waiting for another run to finish"))

    def _hear(self, level: int, text: str) -> None:
        phase = PHASES.get(text.partition(" ")[0])
        if phase is not None:
            self._end()
            self._begin(phase)
        elif level >= logging.ERROR:
            self._tell("bad day", text)
        elif level == logging.INFO and self._step in PHASES.values():
            self._tell("day", text)
        else:
            self._tell("note", text)

    def _begin(self, step: str) -> None:
        self._step = step
        self._tell("start")

    def _end(self) -> None:
        if self._step is not None:
            self._tell("end")
            self._step = None

    def _tell(self, kind: Kind, text: str = "") -> None:
        if self._step is not None:
            days = self._days if self._step in PHASES.values() else 0
            self._notify(Progress(self._step, kind, text, days))
