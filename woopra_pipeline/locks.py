"""All locks of the project. A lock ends with the process that holds it.

- `held`: a lock file, with another file beside it that says who holds it
- `alone`: a lock file and nothing else
- `locked`, `locked_folder`, `lock_until_closed`: an existing file or folder

All are locks of the operating system (`flock`), so that it does not matter how a process ends.
"""

import fcntl
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

    If another process holds it, tells `on_wait` which, and waits. Raises `HeldElsewhereError` if
    that takes longer than `patience_seconds`.
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
        # Without a temporary file: a process killed here would leave one that nobody removes.
        holder.write_bytes(
            orjson.dumps({"process": os.getpid(), "host": host, "program": program, "since": now})
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def alone(path: Path, *, waits: bool = True) -> Iterator[None]:
    """Hold the lock file at `path`, whose folder is there, while the block runs.

    If another process holds it, waits for it, or raises `HeldElsewhereError` unless it `waits`.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if waits else 0)
    except Timeout:
        raise HeldElsewhereError("another process") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked(path: Path, *, waits: bool = True) -> Iterator[None]:
    """Lock the file or folder at `path` itself while the block runs; it stays as it is.

    If another process has the lock, waits for it, or raises `HeldElsewhereError` unless it `waits`.
    Raises `FileNotFoundError` if there is nothing at `path`.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise HeldElsewhereError("another process") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, made if it is missing; waits while another process has it."""
    make_folder(folder)
    with locked(folder):
        yield


def lock_until_closed(descriptor: int) -> None:
    """Lock an open file until it is closed; waits while another process has it locked."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


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
