"""Recognises a ledger that is missing, damaged or cannot be read, and makes its error message."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError, UnusableLedgerError
from woopra_pipeline.imports.journals import was_anything_sent
from woopra_pipeline.imports.published_requests import published_requests

LEDGER_NAME = "ledger.sqlite"
PASSING_ERRORS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}
"""SQLite errors that do not mean that the file is damaged."""


def unusable(path: Path, why: str) -> UnusableLedgerError:
    """The error for a ledger that does not show what was sent."""
    return UnusableLedgerError(
        f"The import ledger {path} {why}: put it back from a backup, or make it again from the "
        "batch files with `woopra-pipeline import --rebuild-ledger`; until then nothing is "
        "imported, because it could be sent twice"
    )


def has_ledger(directory: DataDirectory) -> bool:
    """Whether anything was ever imported from a data directory, or planned.

    It is also true if the ledger was lost: opening it then raises the error.
    """
    return (directory.imports / LEDGER_NAME).exists() or why_lost(directory) is not None


def why_lost(directory: DataDirectory) -> str | None:
    """The sign that there was a ledger, if it is missing; None if there is no sign."""
    ledger = directory.imports / LEDGER_NAME
    if _size(ledger):
        return None
    side = ledger.with_name(f"{LEDGER_NAME}-wal")
    why = signs_of_sending(directory) or (f"{side} is there" if _size(side) else None)
    # Another process may have made the first ledger in the meantime. Then this is its file.
    return None if _size(ledger) else why


def signs_of_sending(directory: DataDirectory) -> str | None:
    """The sign outside of the ledger that something was sent; None if there is no sign."""
    if was_anything_sent(directory):
        return "batches beside it were sent"
    if published_requests(directory):
        return f"{directory.published_imports} shows what was sent"
    return None


@contextmanager
def raising_ledger_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as `LedgerError`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING_ERRORS:
            raise LedgerError(
                f"The import ledger {path} cannot be read or written now ({error}): see that no "
                "other process keeps it open, that the file can be written, and that the disk has "
                "room, then try again"
            ) from error
        raise unusable(path, f"is damaged ({error})") from error


def _size(path: Path) -> int:
    """The bytes of a file; 0 if there is none."""
    return path.stat().st_size if path.is_file() else int(path.exists())
