"""A lowest rate for downloads: a slow server that is never silent could hold a fetch for ever."""

import time
from collections.abc import Callable, Iterable, Iterator


class TooSlowError(Exception):
    """Too few bytes came in a window of time; the message says how few."""


def kept_up(
    chunks: Iterable[bytes],
    *,
    lowest_rate: float,
    window: float,
    stopwatch: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """`chunks` as they are; raises `TooSlowError` as soon as a window brought too few bytes.

    `lowest_rate` is in bytes a second, `window` in seconds, `stopwatch` counts seconds. Only the
    time that is spent waiting for chunks counts, not what their reader does with them. One silence
    counts as at most half a window, because the read timeout limits its length.
    """
    waited, byte_count = 0.0, 0
    started = stopwatch()
    for chunk in chunks:
        waited += min(stopwatch() - started, window / 2)
        byte_count += len(chunk)
        if waited >= window:
            if byte_count < lowest_rate * window:
                raise TooSlowError(
                    f"it sent {byte_count:,} bytes in {window:g} s, less than {lowest_rate:g} a "
                    "second"
                )
            waited, byte_count = 0.0, 0
        yield chunk
        started = stopwatch()
