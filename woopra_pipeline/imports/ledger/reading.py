"""Reads the ledger without writing anything: no file is created, changed or locked.

If the ledger is in use, SQLite's journal is read too, with the index in shared memory that its
writers keep.
"""

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError
from woopra_pipeline.imports.ledger.batches import State
from woopra_pipeline.imports.ledger.ledger import BUSY_SECONDS
from woopra_pipeline.imports.ledger.lost import LEDGER_NAME, unusable, why_lost
from woopra_pipeline.imports.ledger.schema import SCHEMA_VERSION, require_ledger, version
from woopra_pipeline.imports.ledger.tables import LedgerTables
from woopra_pipeline.imports.sources import source_lock
from woopra_pipeline.locks import lives


def read_line_counts(directory: DataDirectory) -> dict[str, int]:
    """Lines of all imports by state; those that dead processes were sending are unknown.

    Raises `UnusableLedgerError` if the ledger is lost, damaged or of another version, and
    `LedgerError` if it has the earlier version and was not opened since then.
    """
    path = directory.imports / LEDGER_NAME
    if not path.exists() or not path.stat().st_size:
        if why := why_lost(directory):
            raise unusable(path, f"is missing or empty, although {why}")
        return {}
    try:
        with _readable(path) as address, closing(_connect(address)) as connection:
            _require_this_version(path, connection)
            ledger = LedgerTables(directory, connection, system_clock)
            counts = Counter(ledger.line_counts())
            for batch in ledger.batches(None, State.SENDING):
                if not lives(source_lock(directory, batch.source)):
                    counts[State.SENDING.value] -= batch.line_count
                    counts[State.UNKNOWN.value] += batch.line_count
    except sqlite3.DatabaseError as error:
        raise unusable(path, f"cannot be read ({error})") from error
    return {state: number for state, number in counts.items() if number}


def _require_this_version(path: Path, connection: sqlite3.Connection) -> None:
    require_ledger(path, connection)
    if (found := version(connection)) != SCHEMA_VERSION:
        raise LedgerError(
            f"The import ledger {path} is of version {found}: `woopra-pipeline import --list` "
            f"brings it to version {SCHEMA_VERSION}"
        )


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """The URI with which SQLite reads the database and its journal, and writes nothing."""
    journal, index = (path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "shm"))
    if index.exists():
        yield f"file:{quote(str(path))}?mode=ro&readonly_shm=1"
    elif not journal.exists():
        yield f"file:{quote(str(path))}?mode=ro&immutable=1"
    else:
        # For example a file from a backup: SQLite would have to make the index.
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, path.name)
            for file in (path, journal):
                with suppress(FileNotFoundError):
                    shutil.copyfile(file, copy.with_name(file.name))
            yield f"file:{quote(str(copy))}"
