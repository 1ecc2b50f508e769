"""Doing something alone: a lock that dies with its holder, and that says who holds it."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
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
    holder = _holder_path(path)
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


class _Holder(msgspec.Struct):
    process: int
    host: str
    program: str
    since: str


def lives(path: Path) -> bool:
    """Whether the holder of the lock file at `path` may be alive; nothing is locked to find out.

    A process on another machine may be.
    """
    holder = _holder(_holder_path(path))
    if holder is None or holder.host != platform.node():
        return holder is not None
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holder_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder.json")


def _holder(path: Path) -> _Holder | None:
    """Who wrote the file at `path`; None if nobody did, or it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Holder)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _described(path: Path) -> str:
    holder = _holder(path)
    if holder is None:
        return "another process"
    return f"process {holder.process} ({holder.program}) on {holder.host} since {holder.since}"
