"""A clock that can run fast, and can be moved forward: the time of the sandbox."""

import threading
from datetime import UTC, datetime, timedelta

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.woopra.log_days import end_of_log_day, log_day_at


class SandboxClock:
    """Starts at `start` (an aware datetime; None: now) and runs `speed` times as fast as `base`."""

    def __init__(
        self, start: datetime | None = None, speed: float = 1.0, *, base: Clock = system_clock
    ) -> None:
        self._base = base
        self._base_start = base()
        self._start = (start or self._base_start).astimezone(UTC)
        self._speed = speed
        self._skipped = timedelta()
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """The current instant in UTC."""
        return self._start + (self._base() - self._base_start) * self._speed + self._skipped

    def skip_to_midnight(self) -> None:
        """Move the clock forward to the next midnight in Los Angeles."""
        with self._lock:
            now = self()
            self._skipped += end_of_log_day(log_day_at(now)) - now
