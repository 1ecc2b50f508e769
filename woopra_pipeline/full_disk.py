"""Recognises a full disk, whichever library reports it, and says so in one sentence.

Python, SQLite, DuckDB, Arrow and Dagster report it in different ways, and wrap errors of each
other.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from woopra_pipeline.errors import DiskFullError

NUMBERS = {errno.ENOSPC, errno.EDQUOT}
WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",
    # DuckDB says this about data that does not fit into memory; by default it uses the whole disk.
    "failed to offload data block",
)
TOO_LARGE = "file too large"
"""The error for a file that would get larger than the limit allows."""

LITTLE_BYTES = 1 << 20
"""With less than this left, SQLite's `disk I/O error` means that there was no room."""


@contextmanager
def needs_room(folder: Path, doing: str) -> Iterator[None]:
    """Raise `DiskFullError` in place of any error of the block that a full disk caused.

    `folder`, which need not exist, is where the block writes. `doing` says what it does, such as
    `updating the model`.
    """
    try:
        yield
    except Exception as error:
        full = full_disk(error, folder, doing)
        if full is None or full is error:
            raise
        raise full from error


def full_disk(error: BaseException, folder: Path, doing: str) -> DiskFullError | None:
    """The error to raise in place of `error` if a full disk caused it; otherwise None.

    If it was raised already, further inside, that error is returned.
    """
    chain = list(_chain(error))
    for inner in chain:
        if isinstance(inner, DiskFullError):
            return inner
    if any(TOO_LARGE in str(inner).lower() for inner in chain):
        return DiskFullError(
            f"A file below {folder} has reached the largest size allowed while {doing}: "
            "raise the limit on the size of files (ulimit -f), then try again"
        )
    disk = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(disk).free
    if not any(_is_of_full_disk(inner, free) for inner in chain):
        return None
    mounted = next(path for path in (disk, *disk.parents) if path.is_mount())
    return DiskFullError(
        f"The disk {mounted} is full, with {free:,} bytes free, while {doing} in {folder}: "
        "make room there, then try again"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all its causes and contexts, each once."""
    to_see, seen = [error], set()
    while to_see:
        this = to_see.pop()
        if id(this) not in seen:
            seen.add(id(this))
            yield this
            # SQLAlchemy keeps the error of the database here.
            linked = (getattr(this, "orig", None), this.__cause__, this.__context__)
            to_see += [other for other in linked if isinstance(other, BaseException)]


def _is_of_full_disk(error: BaseException, free: int) -> bool:
    if isinstance(error, OSError) and error.errno in NUMBERS:
        return True
    text = str(error).lower()
    if isinstance(error, sqlite3.Error) and "disk i/o error" in text:
        return free < LITTLE_BYTES
    return any(words in text for words in WORDS)
