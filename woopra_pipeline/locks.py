"""Doing something alone: a lock that dies with its holder, and that says who holds it."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from woopra_pipeline.files import make_folder


class HeldElsewhereError(Exception):
    """Another process holds the lock; the message says which, as far as it is known."""


@contextmanager
def held(
    path: Path,
    now: datetime,
    *,
    patience_seconds: float = 0,
    on_wait: Callable[[str], None] = lambda holder: None,
) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs; `now` is shown to others.

    If someone else holds it, tells `on_wait` who, and waits. Raises `HeldElsewhereError` if that
    takes longer than `patience_seconds`.
    """
    make_folder(path.parent)
    lock = FileLock(path)
    holder = path.with_name(f"{path.name}.holder.json")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait(_described(holder))
        try:
            lock.acquire(timeout=patience_seconds)
        except Timeout:
            raise HeldElsewhereError(_described(holder)) from None
    try:
        program = Path(sys.argv[0]).name
        host = platform.node()
        # Not by a temporary file: a process killed here would leave one that nobody removes.
        holder.write_bytes(
            orjson.dumps({"process": os.getpid(), "host": host, "program": program, "since": now})
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _described(holder: Path) -> str:
    try:
        known = orjson.loads(holder.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return "another process"
    return (
        f"process {known['process']} ({known['program']}) on {known['host']} since {known['since']}"
    )
