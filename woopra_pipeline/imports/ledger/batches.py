"""Batches: ranges of lines of a file, each sent in one request, and their states."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from woopra_pipeline.errors import LedgerError
from woopra_pipeline.imports.batch_files import BatchFile
from woopra_pipeline.imports.journals import Request, Stretch, note
from woopra_pipeline.imports.ledger.files import Files
from woopra_pipeline.imports.ledger.requests import Requests
from woopra_pipeline.imports.sources import Shape


class State(StrEnum):
    """The state of a batch."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """It may have been imported."""
    SUPERSEDED = "superseded"
    """A profile update that may have been imported, and that a later one replaced."""


SETTLED = (State.ACCEPTED, State.REJECTED, State.UNKNOWN)


@dataclass(frozen=True)
class Batch:
    """A batch as the ledger has it; `first_line` is 0-based."""

    batch_id: int
    source: str
    shape: Shape
    log_day: date
    file: BatchFile
    file_id: int
    first_line: int
    line_count: int
    byte_count: int
    state: State
    attempts: int
    reason: str | None
    sent_at: datetime | None
    settled_at: datetime | None
    is_dry_run: bool
    is_asked_for: bool
    sent_until: datetime | None
    """None, unless the ledger was lost: then it may have been sent from `sent_at` until then."""

    @property
    def lines(self) -> slice:
        """Its place among the lines of its file."""
        return slice(self.first_line, self.first_line + self.line_count)


_BATCHES = """
    select batch_id, sources.name, shape, log_day, path, files.line_count, files.byte_count,
        file_id, first_line, batches.line_count, batches.byte_count, state, attempts, reason,
        sent_at, settled_at, is_dry_run, is_asked_for, sent_until
    from batches
    join files using (file_id)
    join sources using (source_id)
"""


def _batch(row: tuple[Any, ...]) -> Batch:
    """A row of `_BATCHES`; raises `sqlite3.DatabaseError` if it is not valid."""
    number, source, shape, log_day, path, *file_sizes, file_id, first, lines, size, state = row[:12]
    attempts, reason, sent_at, settled_at, is_dry_run, is_asked_for, sent_until = row[12:]
    try:
        return Batch(
            int(number),
            str(source),
            Shape(shape),
            date.fromisoformat(log_day),
            BatchFile(str(path), *map(int, file_sizes)),
            int(file_id),
            int(first),
            int(lines),
            int(size),
            State(state),
            int(attempts),
            reason,
            _moment(sent_at),
            _moment(settled_at),
            bool(is_dry_run),
            bool(is_asked_for),
            _moment(sent_until),
        )
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"a batch is not valid: {error}") from error


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Batches(Files, Requests):
    """The table `batches`."""

    def enter_batch(self, file_id: int, file: BatchFile) -> None:
        """Add all lines of a file as one batch, planned."""
        self.connection.execute(
            "insert into batches (file_id, first_line, line_count, byte_count, state) "
            "values (?, 0, ?, ?, 'planned')",
            [file_id, file.line_count, file.byte_count],
        )

    def enter_lost_batch(
        self, file_id: int, stretch: Stretch, byte_count: int, settled_at: str, request: int
    ) -> None:
        """Add lines that may have been sent; a lost ledger knew more about them."""
        self.connection.execute(
            "insert into batches (file_id, first_line, line_count, byte_count, state, attempts, "
            "reason, sent_at, sent_until, settled_at, last_request) "
            "values (?, ?, ?, ?, 'unknown', ?, ?, ?, ?, ?, ?)",
            [
                file_id,
                stretch.first_line,
                stretch.end_line - stretch.first_line,
                byte_count,
                stretch.attempts,
                "the ledger was lost, so it is not known whether it arrived",
                stretch.first_sent_at,
                stretch.last_sent_at,
                settled_at,
                request,
            ],
        )

    def batches(self, source: str | None = None, *states: State) -> list[Batch]:
        """Batches in the order in which they are or were to be sent, dry runs left out."""
        wanted = ", ".join(f"'{state}'" for state in states or State)
        rows = self.connection.execute(
            f"{_BATCHES} where not is_dry_run and state in ({wanted}) "
            "and (? is null or sources.name = ?) order by log_day, file_id, first_line",
            [source, source],
        )
        return [_batch(row) for row in rows]

    def dry_runs(self, source: str, log_day: date) -> list[Batch]:
        """The batches of a day from dry runs."""
        rows = self.connection.execute(
            f"{_BATCHES} where is_dry_run and sources.name = ? and log_day = ?",
            [source, log_day.isoformat()],
        )
        return [_batch(row) for row in rows]

    def batch(self, batch_id: int) -> Batch:
        """One batch; raises `LedgerError` if there is none of that number."""
        for row in self.connection.execute(f"{_BATCHES} where batch_id = ?", [batch_id]):
            return _batch(row)
        raise LedgerError(
            f"There is no import batch {batch_id}: "
            'see `woopra-pipeline query "select batch, state from imports"`'
        )

    def next_planned(
        self, source: str, last_day: date, *, only_asked_for: bool = False
    ) -> Batch | None:
        """The batch of a source to be sent next, of days up to `last_day`."""
        for row in self.connection.execute(
            f"{_BATCHES} where state = 'planned' and not is_dry_run and sources.name = ? "
            "and log_day <= ? and is_asked_for >= ? order by log_day, file_id, first_line limit 1",
            [source, last_day.isoformat(), only_asked_for],
        ):
            return _batch(row)
        return None

    def begin_sending(self, batch: Batch) -> None:
        """Write durably, in ledger and journal, that a planned batch is about to be sent.

        Raises `LedgerError` if the journal cannot be written; then the batch is still planned.
        """
        now = self.now().isoformat()
        file = self.directory.root / batch.file.path
        request = Request(file.name, batch.first_line, batch.line_count, now)
        with self.transaction():
            number = self.enter_request(batch.file_id, request)
            changed = self.connection.execute(
                "update batches set state = 'sending', attempts = attempts + 1, sent_at = ?, "
                "sent_until = null, settled_at = null, last_request = ? "
                "where batch_id = ? and state = 'planned'",
                [now, number, batch.batch_id],
            )
            if changed.rowcount != 1:
                raise LedgerError(f"Import batch {batch.batch_id} is not planned: try again")
            self.count_change()
        try:
            note(file.parent, self.plan_header(batch.file.path), [request])
        except LedgerError:
            self.settle(
                batch,
                State.PLANNED,
                reason="it could not be written to the journal beside its file",
            )
            raise

    def settle(
        self,
        batch: Batch,
        state: State,
        *,
        status: int | None = None,
        reason: str | None = None,
        answer: str | None = None,
    ) -> None:
        """Set the state of a batch, durably; `planned` means that no line of it was accepted."""
        now = self.now().isoformat()
        with self.transaction():
            self.end_request(batch.batch_id, now, status, state.value)
            self.connection.execute(
                "update batches set state = ?, status = ?, reason = ?, answer = ?, settled_at = ?, "
                "is_asked_for = is_asked_for and ? = 'planned' where batch_id = ?",
                [
                    state,
                    status,
                    reason,
                    answer,
                    now if state in SETTLED else None,
                    state,
                    batch.batch_id,
                ],
            )
            self.count_change()

    def settle_unknown(self, batch_id: int, state: State, reason: str) -> None:
        """Set the state of an unknown batch, whose source must be held.

        Raises `LedgerError` if it is not unknown.
        """
        batch = self.batch(batch_id)
        if batch.state is not State.UNKNOWN:
            raise LedgerError(
                f"Import batch {batch_id} is {batch.state}: only an unknown one can be settled"
            )
        self.settle(batch, state, reason=reason)

    def split(
        self, batch: Batch, sizes: Sequence[int], *, status: int | None, reason: str | None
    ) -> None:
        """Split a batch, of which nothing was accepted, into two planned ones.

        `sizes` are the bytes of its lines, in order.
        """
        first = batch.line_count // 2
        now = self.now().isoformat()
        with self.transaction():
            self.end_request(batch.batch_id, now, status, "split")
            self.connection.execute(
                "update batches set state = 'planned', line_count = ?, byte_count = ?, "
                "status = ?, reason = ? where batch_id = ?",
                [first, sum(sizes[:first]), status, reason, batch.batch_id],
            )
            self.connection.execute(
                "insert into batches (file_id, first_line, line_count, byte_count, state, "
                "attempts, status, reason, sent_at, last_request, is_asked_for, sent_until) "
                "select file_id, first_line + ?, ?, ?, 'planned', "
                "attempts, status, reason, sent_at, last_request, is_asked_for, sent_until "
                "from batches where batch_id = ?",
                [first, batch.line_count - first, sum(sizes[first:]), batch.batch_id],
            )
            self.count_change()

    def ask_for(self, batch: Batch) -> None:
        """Plan a batch again because the user wants it sent, whatever its state is."""
        with self.transaction():
            self.connection.execute(
                "update batches set state = 'planned', settled_at = null, is_asked_for = 1, "
                "reason = 'sent again because it was asked for' where batch_id = ?",
                [batch.batch_id],
            )
            self.count_change()

    def supersede(self, batches: Iterable[Batch]) -> None:
        """Mark these batches, within a transaction, as replaced by newer profile updates."""
        self.connection.executemany(
            "update batches set state = 'superseded', "
            "reason = 'sent again, or made void by a newer update' where batch_id = ?",
            [(batch.batch_id,) for batch in batches],
        )

    def withdraw(self, batches: Iterable[Batch]) -> None:
        """Remove batches of which nothing was accepted, within a transaction."""
        gone = list(batches)
        connection = self.connection
        connection.executemany(
            "insert into withdrawn values (?, ?, ?, ?)",
            [(b.source, b.file.path, b.first_line, b.line_count) for b in gone if b.attempts],
        )
        connection.executemany(
            "delete from batches where batch_id = ?", [(batch.batch_id,) for batch in gone]
        )
        connection.executemany(
            "delete from files where file_id = ? "
            "and not exists (select 1 from batches where batches.file_id = files.file_id)",
            [(file_id,) for file_id in {batch.file_id for batch in gone}],
        )
