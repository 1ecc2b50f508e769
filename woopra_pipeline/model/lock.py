"""Lets only one process write the model at a time. The lock ends with its holder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from woopra_pipeline.errors import ModelError
from woopra_pipeline.locks import HeldElsewhereError, held


@contextmanager
def model_lock(
    folder: Path,
    now: datetime,
    *,
    patience_seconds: float,
    notify: Callable[[str], None] = lambda message: None,
) -> Iterator[None]:
    """Hold the model below `folder` alone while the block runs.

    Waits up to `patience_seconds` for another holder, and says so through `notify`. After that,
    raises `ModelError` with the name of the holder. `now` is shown to others as the start time of
    this holder.
    """

    def say_for_whom(holder: str) -> None:
        notify(f"waiting for the model, which is being updated by {holder}")

    try:
        with held(folder / "lock", now, patience_seconds=patience_seconds, on_wait=say_for_whom):
            yield
    except HeldElsewhereError as holder:
        raise ModelError(
            f"the model is being updated by {holder}, for longer than "
            f"{patience_seconds:.0f} seconds: wait for it or end it, then try again"
        ) from None
