"""One import from end to end: plans, sends and publishes a source for a day."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from woopra_pipeline.archive.project import claim_archive
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, LedgerError, SourceError
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.imports.batch_files import read_lines, remove_unnamed
from woopra_pipeline.imports.ledger import Batch, Ledger, State
from woopra_pipeline.imports.lines import SetAside
from woopra_pipeline.imports.planning import Plan, plan_day
from woopra_pipeline.imports.posting import Poster, Streak
from woopra_pipeline.imports.publication import publish_imports, published_afterwards
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import get_source, remove_abandoned_spills
from woopra_pipeline.woopra.client import WoopraClient

MOST_SHOWN = 20


@dataclass(frozen=True)
class ImportRun:
    """The result of one source's import of one day.

    `lines` are the lines of the source and day by state, those of earlier runs included.
    """

    source: str
    log_day: date
    dry_run: bool
    plan: Plan
    lines: dict[str, int]
    first_rejected: list[SetAside]
    """The first rows and lines of the day that are not sent, and why."""


@dataclass
class Importer:
    """Imports into one project from the sources of one data directory.

    `client` may be None if there are only dry runs.
    """

    directory: DataDirectory
    client: WoopraClient | None
    settings: ImportSettings = field(default_factory=ImportSettings)
    clock: Clock = system_clock
    notify: Callable[[str], None] = lambda message: None
    sleep: Callable[[float], None] = time.sleep
    _streak: Streak = field(default_factory=Streak, init=False)

    def run(self, name: str, log_day: date, *, dry_run: bool = False) -> ImportRun:
        """Plan the lines that the source has for the day and, unless it is a dry run, send them.

        Planned batches of earlier days are sent first. Raises `SourceError`, `LedgerError` if the
        source is held by another process, `ConfigurationError` if the data directory holds another
        project, and what `Poster.post_planned` raises; after any error, the same call carries on
        where it ended.
        """
        source = get_source(self.directory, name)
        if not dry_run:
            self._claim_directory()
        with self._needs_room(f"importing from {name}"), self._ledger() as ledger:
            ledger.require_sound()
            remove_abandoned_spills(self.directory, self.clock())
            with published_afterwards(ledger), ledger.holding(name):
                remove_unnamed(self.directory, name, ledger.named_files(name))
                plan = plan_day(
                    ledger,
                    source,
                    log_day,
                    settings=self.settings,
                    clock=self.clock,
                    dry_run=dry_run,
                )
                # If the ledger were lost, the files of a replaced plan would look like a plan.
                ledger.note_withdrawn(name)
                remove_unnamed(self.directory, name, ledger.named_files(name))
                if not dry_run:
                    self._poster(ledger).post_planned(name, log_day)
                lines = ledger.line_counts(name, log_day)
                rejected = list(islice(_rejected_lines(ledger, name, log_day), MOST_SHOWN))
        first_rejected = [*plan.first_set_aside, *rejected][:MOST_SHOWN]
        return ImportRun(name, log_day, dry_run, plan, lines, first_rejected)

    def run_all(
        self, names: Sequence[str], log_day: date, *, dry_run: bool = False
    ) -> list[ImportRun]:
        """Do what `run` does for several sources, one after another.

        If a source cannot be run, or is held, the others go on, and its error is raised at the end.
        """
        runs = []
        errors: list[ConfigurationError | LedgerError | SourceError] = []
        for name in names:
            try:
                runs.append(self.run(name, log_day, dry_run=dry_run))
            except (ConfigurationError, LedgerError, SourceError) as error:
                errors.append(error)
        if errors:
            raise type(errors[0])("; ".join(dict.fromkeys(map(str, errors))))
        return runs

    def send_again(self, batch_ids: Sequence[int]) -> list[Batch]:
        """Send batches again, whatever their state is. Imported lines are then in Woopra twice.

        Raises like `run`, and `LedgerError` if there is no such batch. Returns them as they are
        now.
        """
        self._claim_directory()
        with self._needs_room("importing again"), self._ledger() as ledger:
            ledger.require_sound()
            with published_afterwards(ledger):
                for batch_id in batch_ids:
                    batch = ledger.batch(batch_id)
                    if batch.is_dry_run:
                        raise LedgerError(
                            f"Import batch {batch_id} was made by a dry run, and is never sent: "
                            f"import {batch.source} without --dry-run"
                        )
                    with ledger.holding(batch.source):
                        ledger.ask_for(batch)
                        self._poster(ledger).post_planned(
                            batch.source, batch.log_day, only_asked_for=True
                        )
            return [ledger.batch(batch_id) for batch_id in batch_ids]

    def _ledger(self) -> Ledger:
        return Ledger(self.directory, self.clock)

    def _needs_room(self, doing: str) -> AbstractContextManager[None]:
        return needs_room(self.directory.imports, doing)

    def _claim_directory(self) -> None:
        """Check that the ledger belongs to the project that receives the import."""
        claim_archive(self.directory.raw, self._client().settings.project)

    def _client(self) -> WoopraClient:
        if self.client is None:
            raise ValueError("without a client there are only dry runs")
        return self.client

    def _poster(self, ledger: Ledger) -> Poster:
        return Poster(
            ledger,
            self._client(),
            settings=self.settings,
            streak=self._streak,
            clock=self.clock,
            notify=self.notify,
            sleep=self.sleep,
        )


def _rejected_lines(ledger: Ledger, source: str, log_day: date) -> Iterator[SetAside]:
    for batch in ledger.batches(source, State.REJECTED):
        if batch.log_day == log_day:
            for line in read_lines(ledger.directory, batch.file)[batch.lines]:
                yield SetAside(line.decode(), batch.reason or "")


def settle_by_hand(
    directory: DataDirectory, batch_id: int, state: State, *, clock: Clock = system_clock
) -> Batch:
    """Set the state of an unknown batch: `accepted` if it is in Woopra, `planned` if it is not.

    Raises `LedgerError` if it is not unknown, or held by another process. Returns it as it is now.
    """
    with Ledger(directory, clock) as ledger:
        batch = ledger.batch(batch_id)
        with ledger.holding(batch.source):
            ledger.settle_unknown(batch_id, state, reason="settled by hand")
        publish_imports(ledger)
        return ledger.batch(batch_id)
