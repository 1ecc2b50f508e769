"""One writer of the model at a time, in however many processes; the lock dies with its holder."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from woopra_pipeline.errors import ModelError


@contextmanager
def model_lock(
    folder: Path,
    now: datetime,
    *,
    patience_seconds: float,
    notify: Callable[[str], None] = lambda message: None,
) -> Iterator[None]:
    """Hold the model below `folder` alone while the block runs.

    Waits up to `patience_seconds` for another holder and says so through `notify`; past that,
    raises `ModelError` naming the holder. `now` is what others are told the holder started at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    holder = folder / "holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        notify(f"waiting for the model, which is being updated by {_described(holder)}")
        try:
            lock.acquire(timeout=patience_seconds)
        except Timeout:
            raise ModelError(
                f"the model is being updated by {_described(holder)}, for longer than "
                f"{patience_seconds:.0f} seconds: wait for it or end it, then try again"
            ) from None
    try:
        description = {
            "process": os.getpid(),
            "host": platform.node(),
            "program": Path(sys.argv[0]).name,
            "since": now,
        }
        holder.write_bytes(orjson.dumps(description))
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
