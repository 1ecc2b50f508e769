"""Many days from fetch to model in this process, as materializations recorded in the instance.

Where all goes well that is one run. Where days fail, Dagster skips what stands after them, for
the good days too; then further runs take the good days to the model without fetching them again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from dagster import (
    AssetsDefinition,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    EventLogEntry,
)
from dagster._core.errors import DagsterAssetCheckFailedError

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.export import raw_export
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.assets.parsed import parsed_days
from woopra_pipeline.defs.days import blocks
from woopra_pipeline.defs.in_process import execute
from woopra_pipeline.errors import ModelError
from woopra_pipeline.woopra.log_days import log_days_between

Kind: TypeAlias = Literal["start", "day", "bad day", "note", "end"]
STEPS = {step.op.name for step in (raw_export, parsed_days, model)}


@dataclass(frozen=True)
class Progress:
    """Something that happened in a step: it starts or ends, a day is done or has failed, …"""

    step: str
    """`raw_export`, `parsed_days` or `model`."""
    kind: Kind
    text: str = ""
    days: int = 0
    """How many log days the step works through; 0 for the model."""


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
        failed_step, bad = self._execute([raw_export, parsed_days, model], log_days)
        if failed_step == raw_export.op.name:
            for block in blocks([log_day for log_day in log_days if log_day not in bad]):
                bad |= self._execute([parsed_days], block)[1]
        if failed_step and len(bad) < len(log_days):
            self._execute([model], [])
        return bad

    def update_model(self) -> None:
        """Bring the model in line with the parsed days; raises what `run` raises."""
        self._execute([model], [])

    def _execute(
        self, assets: Sequence[AssetsDefinition], log_days: Sequence[date]
    ) -> tuple[str | None, dict[date, str]]:
        """One run of `assets`; returns the step at which days failed, and why each of them did."""
        listener = _Listener(self.notify, len(log_days))
        fetching = {raw_export.op.name: {"accept_shorter": self.accept_shorter}}
        try:
            failed = execute(
                self.definitions,
                self.instance,
                self.directory,
                [key for asset in assets for key in asset.keys],
                log_days,
                config=fetching if raw_export in assets else {},
                listen=listener,
            )
        except DagsterAssetCheckFailedError as error:
            raise ModelError(
                f"{' '.join(str(error).split())}: the result is wrong, because of a fault in "
                "this program; `woopra-pipeline ui` shows what was found"
            ) from error
        if failed is None:
            return None, {}
        return listener.step, {date.fromisoformat(day): why for day, why in failed.items()}


class _Listener:
    """Tells, of all that Dagster records about a run, what someone waiting wants to know."""

    def __init__(self, notify: Notify, days: int) -> None:
        self.step: str | None = None
        self._notify = notify
        self._days = days

    def __call__(self, entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if entry.step_key not in STEPS:
            return
        if event is None:
            if entry.step_key == self.step:
                self._tell(self._kind_of(int(entry.level)), entry.user_message)
        elif event.event_type is DagsterEventType.STEP_START:
            self.step = event.step_key
            self._tell("start")
        elif event.event_type is DagsterEventType.STEP_SUCCESS:
            self._tell("end")
        elif event.event_type is DagsterEventType.ENGINE_EVENT:
            # The only one of a step in this process: it waits for its pool.
            self._notify(Progress(entry.step_key, "note", "waiting for another run to finish"))

    def _tell(self, kind: Kind, text: str = "") -> None:
        assert self.step is not None
        self._notify(Progress(self.step, kind, text, self._days))

    def _kind_of(self, level: int) -> Kind:
        if level >= logging.ERROR:
            return "bad day"
        if level == logging.INFO and self.step != model.op.name:
            return "day"
        return "note"
