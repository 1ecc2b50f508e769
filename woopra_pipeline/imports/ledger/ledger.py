"""Opens or creates the ledger's file, and holds a source while a process sends its lines."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from woopra_pipeline.clock import Clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError, UnusableLedgerError
from woopra_pipeline.files import make_file, make_folder
from woopra_pipeline.imports.journals import note_format
from woopra_pipeline.imports.ledger.agreement import bring_in_line
from woopra_pipeline.imports.ledger.batches import State
from woopra_pipeline.imports.ledger.lost import (
    LEDGER_NAME,
    raising_ledger_errors,
    signs_of_sending,
    unusable,
    why_lost,
)
from woopra_pipeline.imports.ledger.schema import (
    SCHEMA_VERSION,
    WITHOUT_JOURNALS,
    add_columns_of_journals,
    create_tables,
    require_ledger,
    table_names,
    version,
)
from woopra_pipeline.imports.ledger.tables import LedgerTables
from woopra_pipeline.imports.sources import source_lock
from woopra_pipeline.locks import HeldElsewhereError, held

BUSY_SECONDS = 60
SETTINGS = (
    "journal_mode = wal",
    "synchronous = full",
    "foreign_keys = on",
    "cache_size = -65536",
    "temp_store = file",
    "temp.cache_size = -65536",
    "temp.journal_mode = memory",
)


class Ledger(LedgerTables):
    """The ledger of a data directory, to be used as a context manager, by one thread.

    If SQLite finds it damaged within the block, that is raised as `UnusableLedgerError`.
    """

    def __init__(self, directory: DataDirectory, clock: Clock) -> None:
        """Open the ledger, creating it if nothing was ever imported.

        Raises `UnusableLedgerError` if it is missing although something was sent, or is no ledger
        of this version.
        """
        path = directory.imports / LEDGER_NAME
        self._in_line: set[str] = set()
        if why := why_lost(directory):
            state = "empty" if path.exists() else "missing"
            raise unusable(path, f"is {state}, although {why}")
        make_folder(path.parent)
        make_file(path)
        with raising_ledger_errors(path):
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            super().__init__(directory, connection, clock)
            try:
                self._prepare()
            except BaseException:
                connection.close()
                raise

    def _prepare(self) -> None:
        for setting in SETTINGS:
            self.connection.execute(f"pragma {setting}")
        with self.transaction():
            if version(self.connection) == 0 and not table_names(self.connection):
                if why := signs_of_sending(self.directory):
                    raise unusable(self.path, f"is empty, although {why}")
                note_format(self.directory)
                create_tables(self.connection)
            else:
                require_ledger(self.path, self.connection)
                if version(self.connection) == WITHOUT_JOURNALS:
                    self._add_journals()

    def _add_journals(self) -> None:
        """Change a ledger of the earlier version to this version."""
        add_columns_of_journals(self.connection)
        self.add_checksums()
        for source in self.source_names():
            self.require_latest(source)
        note_format(self.directory)
        self.connection.execute(f"pragma user_version = {SCHEMA_VERSION}")

    def require_sound(self) -> None:
        """Let SQLite check the whole file; raise `UnusableLedgerError` if it is damaged."""
        with raising_ledger_errors(self.path):
            ((found,),) = self.connection.execute("pragma quick_check(1)").fetchall()
        if found != "ok":
            raise unusable(self.path, f"is damaged ({' '.join(str(found).split())})")

    def require_latest(self, source: str) -> None:
        """Raise `UnusableLedgerError` if a source, which must be held, sent more than it knows."""
        bring_in_line(self, source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        self.connection.close()
        if isinstance(exception, sqlite3.DatabaseError):
            with raising_ledger_errors(self.path):
                raise exception

    @contextmanager
    def holding(self, source: str) -> Iterator[None]:
        """Hold the lock of a source.

        Only the holder may send its lines, or decide about batches in state `sending`.

        Raises `LedgerError`, naming the holder, if another process has it, and
        `UnusableLedgerError` if the ledger lacks something that was sent.
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
        """Set batches of all sources to `unknown` that dead processes were sending."""
        for source in sorted({batch.source for batch in self.batches(None, State.SENDING)}):
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
                batch, State.UNKNOWN, reason="the process that sent it ended before an answer came"
            )
