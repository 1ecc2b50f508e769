"""A full disk: recognized whoever meets it first, and said in one sentence.

Python, SQLite, DuckDB, Arrow and Dagster each say it in another way, and wrap what another said.
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
    # DuckDB, of what does not fit into memory; by default it takes all the disk has.
    "failed to offload data block",
)
TOO_LARGE = "file too large"
"""What a limit on the size of files makes of a file that would get larger."""

LITTLE_BYTES = 1 << 20
"""With less than this left, SQLite's `disk I/O error` means that there was no room."""


@contextmanager
def needs_room(folder: Path, doing: str) -> Iterator[None]:
    """Raise `DiskFullError` in place of whatever the block raises because a disk is full.

    `folder`, which need not exist, is where the block writes, and `doing` what it does: a gerund
    with what belongs to it, such as `updating the model`.
    """
    try:
        yield
    except Exception as error:
        full = full_disk(error, folder, doing)
        if full is None or full is error:
            raise
        raise full from error


def full_disk(error: BaseException, folder: Path, doing: str) -> DiskFullError | None:
    """What to raise in place of `error` if it comes from a full disk; None if it does not.

    If it has been said already, further inside, that is returned.
    """
    chain = list(_chain(error))
    for inner in chain:
        if isinstance(inner, DiskFullError):
            return inner
    if any(TOO_LARGE in str(inner).lower() for inner in chain):
        return DiskFullError(
            f"A file below {folder} has reached the largest size allowed while {doing}: "
            "raise the limit on the size of files (ulimit -f), then do the same again"
        )
    disk = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(disk).free
    if not any(_is_of_full_disk(inner, free) for inner in chain):
        return None
    mounted = next(path for path in (disk, *disk.parents) if path.is_mount())
    return DiskFullError(
        f"The disk {mounted} is full, with {free:,} bytes free, while {doing} in {folder}: "
        "make room there, then do the same again"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those it was raised from or while handling, each once."""
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
