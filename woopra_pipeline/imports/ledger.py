"""The ledger: what is known of every line that was ever to be imported.

    planned → sending → accepted | rejected | unknown

`sending` is on disk before the first byte leaves, so a batch that is not `sending` is not under
way. What sends a source holds its lock; a batch found `sending` under a lock that nobody holds is
one of a process that died, and becomes `unknown`. The ledger is a SQLite file in WAL mode, and
every commit is flushed to disk.

A ledger that is missing, damaged or not the latest one must never pass for one in which nothing was
sent: the `journals` beside the batch files tell.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib.resources import files as package_files
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from xxhash import xxh3_128_digest

from woopra_pipeline.clock import Clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError, UnusableLedgerError
from woopra_pipeline.files import make_file, make_folder
from woopra_pipeline.imports.agreement import (
    bring_in_line,
    note_withdrawn,
    plan_header,
    unusable,
)
from woopra_pipeline.imports.batch_files import BatchFile
from woopra_pipeline.imports.journals import Request, note, note_format, was_anything_sent
from woopra_pipeline.imports.published_requests import published_requests
from woopra_pipeline.imports.sources import Shape, source_lock
from woopra_pipeline.locks import HeldElsewhereError, held

LEDGER_NAME = "ledger.sqlite"
SCHEMA_VERSION = 4
WITHOUT_JOURNALS = 3
BUSY_SECONDS = 60
NEW_TABLES = {"withdrawn"}
TABLES = {
    "sources",
    "files",
    "batches",
    "requests",
    "file_keys",
    "set_aside",
    "changes",
} | NEW_TABLES
PASSING_ERRORS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}
"""What does not mean that the file is damaged."""


class State(StrEnum):
    """Where a batch is."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """It may have been imported."""
    SUPERSEDED = "superseded"
    """A profile update that may have been imported, which a later one made void."""


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
    """None, or, if the ledger was lost, until when it may have been sent, from `sent_at` on."""

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


def _batch(row: tuple[object, ...]) -> Batch:
    """A row of `_BATCHES`; raises `sqlite3.DatabaseError` if it makes no sense."""
    try:
        return _batch_of(row)
    except ValueError as error:
        raise sqlite3.DatabaseError(f"a batch makes no sense: {error}") from error


def _batch_of(row: tuple[object, ...]) -> Batch:
    (batch_id, source, shape, log_day, path, file_lines, file_bytes, file_id, *rest) = row
    (first_line, lines, byte_count, state, attempts, reason, sent, settled, dry, asked, until) = (
        rest
    )
    return Batch(
        int(str(batch_id)),
        str(source),
        Shape(str(shape)),
        date.fromisoformat(str(log_day)),
        BatchFile(str(path), int(str(file_lines)), int(str(file_bytes))),
        int(str(file_id)),
        int(str(first_line)),
        int(str(lines)),
        int(str(byte_count)),
        State(str(state)),
        int(str(attempts)),
        None if reason is None else str(reason),
        None if sent is None else datetime.fromisoformat(str(sent)),
        None if settled is None else datetime.fromisoformat(str(settled)),
        bool(dry),
        bool(asked),
        None if until is None else datetime.fromisoformat(str(until)),
    )


def has_ledger(directory: DataDirectory) -> bool:
    """Whether anything was ever imported from a data directory, or was going to be.

    It is true of a ledger that was lost, too: to open it then says so.
    """
    return (directory.imports / LEDGER_NAME).exists() or why_lost(directory) is not None


def why_lost(directory: DataDirectory) -> str | None:
    """What shows that there was a ledger, where none is; None if nothing does."""
    ledger = directory.imports / LEDGER_NAME
    side = ledger.with_name(f"{LEDGER_NAME}-wal")
    why = _signs_of_sending(directory) or (f"{side} is there" if _size(side) else None)
    # If another process has made the first ledger in the meantime, this is what it left.
    return None if _size(ledger) else why


def _signs_of_sending(directory: DataDirectory) -> str | None:
    if was_anything_sent(directory):
        return "batches beside it were sent"
    if published_requests(directory):
        return f"{directory.published_imports} shows what was sent"
    return None


def require_ledger(path: Path, version: int, tables: set[str]) -> None:
    """Raise `UnusableLedgerError` unless the file at `path` is a ledger this program can use."""
    if version == WITHOUT_JOURNALS and tables >= TABLES - NEW_TABLES:
        return
    if version == 0 or (version == SCHEMA_VERSION and not tables >= TABLES):
        raise unusable(path, "is a file of something else")
    if version != SCHEMA_VERSION:
        raise unusable(
            path,
            f"is of version {version}, and this program knows version {SCHEMA_VERSION} "
            "(the program that wrote it can go on with it)",
        )


class Ledger:
    """The ledger of a data directory, to be used as a context manager, by one thread.

    If SQLite finds it damaged within the block, that is raised as `UnusableLedgerError`.
    """

    def __init__(self, directory: DataDirectory, clock: Clock) -> None:
        """Open the ledger, creating it if nothing was ever imported.

        Raises `UnusableLedgerError` if it is missing although something was sent, or is no ledger
        of this version.
        """
        self.directory = directory
        self._clock = clock
        self.path = directory.imports / LEDGER_NAME
        self._in_line: set[str] = set()
        if _size(self.path) == 0 and (why := why_lost(directory)):
            raise self._lost(why)
        make_folder(self.path.parent)
        make_file(self.path)
        with _raising_ledger_errors(self.path):
            self.connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _lost(self, why: str) -> UnusableLedgerError:
        state = "empty" if self.path.exists() else "missing"
        return unusable(self.path, f"is {state}, although {why}")

    def _prepare(self) -> None:
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "foreign_keys = on",
            "cache_size = -65536",
            "temp_store = file",
            "temp.cache_size = -65536",
            "temp.journal_mode = memory",
        ):
            self.connection.execute(f"pragma {pragma}")
        with self.transaction():
            ((version,),) = self.connection.execute("pragma user_version").fetchall()
            tables = table_names(self.connection)
            if version == 0 and not tables:
                if why := _signs_of_sending(self.directory):
                    raise self._lost(why)
                note_format(self.directory)
                create_tables(self.connection)
            else:
                require_ledger(self.path, version, tables)
                if version == WITHOUT_JOURNALS:
                    self._add_journals()

    def _add_journals(self) -> None:
        """Make a ledger of the version before one of this version."""
        connection = self.connection
        for statement in (
            "alter table batches add column sent_until text",
            "alter table file_keys add column checksum blob",
            "create table withdrawn (source text not null, path text not null, "
            "first_line integer not null, line_count integer not null)",
        ):
            connection.execute(statement)
        for file_id, *blobs in connection.execute(
            "select file_id, keys, lines, contents from file_keys"
        ).fetchall():
            connection.execute(
                "update file_keys set checksum = ? where file_id = ?", [checksum(*blobs), file_id]
            )
        for source in self.source_names():
            self.require_latest(source)
        note_format(self.directory)
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")

    def require_sound(self) -> None:
        """Raise `UnusableLedgerError` if SQLite finds the file damaged, looking at all of it."""
        with _raising_ledger_errors(self.path):
            ((found,),) = self.connection.execute("pragma quick_check(1)").fetchall()
        if found != "ok":
            raise unusable(self.path, f"is damaged ({' '.join(str(found).split())})")

    def require_latest(self, source: str) -> None:
        """Raise `UnusableLedgerError` if a source, which must be held, sent what is not in it."""
        bring_in_line(self.connection, self.directory, source, self.path)

    def source_names(self) -> list[str]:
        """The names of all sources that were ever asked for."""
        rows = self.connection.execute("select name from sources order by name")
        return [str(name) for (name,) in rows]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.connection.close()
        if isinstance(exception, sqlite3.DatabaseError):
            with _raising_ledger_errors(self.path):
                raise exception

    @contextmanager
    def transaction(self, kind: Literal["immediate", "deferred"] = "immediate") -> Iterator[None]:
        """Commit what the block does, durably, or undo all of it if it raises.

        A deferred one is for temporary tables alone: it keeps no other process waiting.
        """
        self.connection.execute(f"begin {kind}")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    @contextmanager
    def holding(self, source: str) -> Iterator[None]:
        """Hold a source alone: only who does may send for it or judge what was being sent.

        Raises `LedgerError`, naming the holder, if another process has it, and
        `UnusableLedgerError` if something of it was sent of which the ledger knows nothing.
        """
        try:
            with held(source_lock(self.directory, source), self._clock()):
                if source not in self._in_line:
                    self.require_latest(source)
                    self._in_line.add(source)
                self._settle_interrupted(source)
                try:
                    yield
                finally:
                    self._settle_interrupted(source)
        except HeldElsewhereError as holder:
            raise LedgerError(
                f"The source {source} is being imported by {holder}: "
                "wait for it or end it, then try again"
            ) from None

    def recover(self) -> None:
        """Make `unknown` what processes were sending when they died, whatever source it is of."""
        rows = self.connection.execute(
            "select distinct name from batches join files using (file_id) "
            "join sources using (source_id) where state = 'sending'"
        ).fetchall()
        for (source,) in rows:
            try:
                with self.holding(source):
                    pass
            except UnusableLedgerError:
                raise
            except LedgerError:
                continue

    def _settle_interrupted(self, source: str) -> None:
        for batch in self.batches(source, State.SENDING):
            self.settle(
                batch, State.UNKNOWN, reason="its sending was interrupted before an answer came"
            )

    def note_withdrawn(self, source: str) -> None:
        """Note beside the batch files of a source, which must be held, what was withdrawn."""
        note_withdrawn(self.connection, self.directory, source)

    def source_id(self, source: str) -> int:
        """The number of a source, given to it when it is first asked for."""
        self.connection.execute("insert or ignore into sources (name) values (?)", [source])
        ((number,),) = self.connection.execute(
            "select source_id from sources where name = ?", [source]
        ).fetchall()
        return int(number)

    def batches(self, source: str | None = None, *states: State) -> list[Batch]:
        """Batches in the order in which they are or were to be sent, dry runs left out."""
        wanted = ", ".join(f"'{state}'" for state in states or State)
        rows = self.connection.execute(
            f"{_BATCHES} where not is_dry_run and state in ({wanted}) "
            "and (? is null or sources.name = ?) order by log_day, file_id, first_line",
            [source, source],
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
        """Note, durably, that a planned batch is about to be sent, in the ledger and beside it.

        Raises `LedgerError` if it cannot be noted beside it; then it is still planned.
        """
        now = self.now().isoformat()
        with self.transaction():
            cursor = self.connection.execute(
                "insert into requests (file_id, first_line, line_count, sent_at) "
                "values (?, ?, ?, ?)",
                [batch.file_id, batch.first_line, batch.line_count, now],
            )
            changed = self.connection.execute(
                "update batches set state = 'sending', attempts = attempts + 1, sent_at = ?, "
                "sent_until = null, settled_at = null, last_request = ? "
                "where batch_id = ? and state = 'planned'",
                [now, cursor.lastrowid, batch.batch_id],
            )
            if changed.rowcount != 1:
                raise LedgerError(f"Import batch {batch.batch_id} is not planned: try again")
            self.count_change()
        file = self.directory.root / batch.file.path
        try:
            note(
                file.parent,
                plan_header(self.connection, batch.file.path),
                [Request(file.name, batch.first_line, batch.line_count, now)],
            )
        except LedgerError:
            self.settle(batch, State.PLANNED, reason="it could not be noted beside its file")
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
        """Note what became of a batch, durably; `planned` means that nothing of it was taken."""
        now = self.now().isoformat()
        with self.transaction():
            self._end_request(batch, now, status, state.value)
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
        """Note what was found out about an unknown batch, whose source must be held.

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
        """Cut a batch, of which nothing was taken, in two, both planned.

        `sizes` are the bytes of its lines, in order.
        """
        first = batch.line_count // 2
        now = self.now().isoformat()
        with self.transaction():
            self._end_request(batch, now, status, "split")
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

    def _end_request(self, batch: Batch, now: str, status: int | None, outcome: str) -> None:
        self.connection.execute(
            "update requests set ended_at = ?, status = ?, outcome = ? where ended_at is null and "
            "request_id = (select last_request from batches where batch_id = ?)",
            [now, status, outcome, batch.batch_id],
        )

    def rejections(self, batch: Batch) -> int:
        """How many requests with lines of the batch's file were rejected and then split."""
        ((count,),) = self.connection.execute(
            "select count(*) from requests where file_id = ? and outcome = 'split' "
            "and status in (400, 422)",
            [batch.file_id],
        ).fetchall()
        return int(count)

    def ask_for(self, batch: Batch) -> None:
        """Plan a batch again because the user wants it sent, whatever became of it before."""
        with self.transaction():
            self.connection.execute(
                "update batches set state = 'planned', settled_at = null, is_asked_for = 1, "
                "reason = 'sent again because it was asked for' where batch_id = ?",
                [batch.batch_id],
            )
            self.count_change()

    def count_change(self) -> None:
        """Note, within a transaction, that the ledger has changed."""
        self.connection.execute("update changes set change_count = change_count + 1")

    def change_count(self) -> int:
        """How often the ledger has changed so far."""
        ((count,),) = self.connection.execute("select change_count from changes").fetchall()
        return int(count)

    def line_counts(self, source: str | None = None, log_day: date | None = None) -> dict[str, int]:
        """Lines by state, of batches that were not made to be looked at only, and `set aside`.

        Of one source or day, if they are given.
        """
        wanted = [source, source, log_day and log_day.isoformat(), log_day and log_day.isoformat()]
        counts = {
            str(state): int(lines)
            for state, lines in self.connection.execute(
                "select state, sum(batches.line_count) from batches join files using (file_id) "
                "join sources using (source_id) where not is_dry_run "
                "and (? is null or name = ?) and (? is null or log_day = ?) group by state",
                wanted,
            )
        }
        ((set_aside,),) = self.connection.execute(
            "select count(*) from set_aside join sources using (source_id) where not is_dry_run "
            "and (? is null or name = ?) and (? is null or log_day = ?)",
            wanted,
        ).fetchall()
        return counts | ({"set aside": int(set_aside)} if set_aside else {})

    def last_days(self) -> dict[str, date]:
        """For each source, the last day of which it had anything to send or to set aside."""
        rows = self.connection.execute(
            "select name, max(log_day) from sources join ("
            "select source_id, log_day from files where not is_dry_run "
            "union all select source_id, log_day from set_aside where not is_dry_run"
            ") using (source_id) group by name order by name"
        )
        return {str(name): date.fromisoformat(log_day) for name, log_day in rows}

    def named_files(self, source: str) -> set[str]:
        """The paths of all batch files of a source."""
        rows = self.connection.execute(
            "select path from files where source_id = ?", [self.source_id(source)]
        )
        return {str(path) for (path,) in rows}

    def now(self) -> datetime:
        """What the ledger's clock says."""
        return self._clock()


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty database an empty ledger of this version, within a transaction."""
    script = (package_files(__package__) / "ledger.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        connection.execute(statement)
    connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def checksum(keys: bytes, lines: bytes, contents: bytes | None) -> bytes:
    """The checksum of a row of `file_keys`."""
    return xxh3_128_digest(b"".join([keys, lines, contents or b""]))


def table_names(connection: sqlite3.Connection) -> set[str]:
    """The tables of a database, its own ones left out."""
    rows = connection.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    )
    return {str(name) for (name,) in rows}


def _size(path: Path) -> int:
    """The bytes of a file; 0 if there is none."""
    return path.stat().st_size if path.is_file() else int(path.exists())


@contextmanager
def _raising_ledger_errors(path: Path) -> Iterator[None]:
    """Raise what SQLite says as `LedgerError`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING_ERRORS:
            raise LedgerError(
                f"The import ledger {path} cannot be read or written now ({error}): see that no "
                "other process keeps it, that it is a file that may be written, and that the disk "
                "has room, then try again"
            ) from error
        raise unusable(path, f"is damaged ({error})") from error
