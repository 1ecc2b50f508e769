"""The rate budget: our own count of requests, kept under the service's limits.

The service counts over all endpoints of a project together, so everything that talks to it counts
in one SQLite file, whatever process or thread it runs in and however often it is restarted.
"""

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyrate_limiter import Rate, RateItem, SQLiteBucket

from woopra_pipeline.clock import Clock
from woopra_pipeline.errors import ConfigurationError, RateBudgetSpentError
from woopra_pipeline.woopra.settings import WoopraSettings

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
"""In milliseconds."""


class RateBudget:
    """At most so many requests in any minute, hour and day, counted in the file at `path`.

    The bucket is used without its library's `Limiter`, which sleeps on its own clock and refuses
    a request when merely another process holds the file's lock.
    """

    def __init__(
        self,
        path: Path,
        settings: WoopraSettings,
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        notify: Callable[[str], None],
    ) -> None:
        """Open the budget; raise `ConfigurationError` if the file or the limits are unusable."""
        self._clock = clock
        self._sleep = sleep
        self._notify = notify
        self._longest_wait = timedelta(seconds=settings.longest_budget_wait)
        self._thread_lock = threading.Lock()
        self._announced_until = datetime.min.replace(tzinfo=UTC)
        limits = {
            MINUTE: settings.requests_per_minute,
            HOUR: settings.requests_per_hour,
            DAY: settings.requests_per_day,
        }
        if min(limits.values()) < 1:
            raise ConfigurationError("The rate limits must be at least 1 request each")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._bucket = SQLiteBucket.init_from_file(
                _binding_rates(limits), table="requests", db_path=str(path), use_file_lock=True
            )
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"The rate budget {path} cannot be used ({error}): remove it and try again"
            ) from error

    def take(self) -> None:
        """Take the place of one request, waiting for it if need be.

        Raises `RateBudgetSpentError` if there is none within the longest wait.
        """
        deadline = self._clock() + self._longest_wait
        while (free_at := self._try_to_take()) is not None:
            if free_at > deadline:
                raise RateBudgetSpentError(
                    f"The budget of requests to Woopra is used up until {free_at:%Y-%m-%d %H:%M:%S}"
                    " UTC: try again then"
                )
            seconds = (free_at - self._clock()).total_seconds()
            self._announce(seconds, free_at)
            self._sleep(max(seconds, 0.0))

    def _announce(self, seconds: float, free_at: datetime) -> None:
        """Say that we wait, once for all threads that wait for the same moment."""
        with self._thread_lock:
            if seconds < 1 or free_at < self._announced_until:
                return
            self._announced_until = free_at + timedelta(seconds=1)
        self._notify(
            "The budget of requests to Woopra is used up: "
            f"waiting {seconds:.0f} s, until {free_at:%H:%M:%S} UTC"
        )

    def _try_to_take(self) -> datetime | None:
        """Take a place and return None, or else return when there is room under every limit."""
        with self._thread_lock:
            now = self._clock()
            milliseconds = int(now.timestamp() * 1000)
            self._bucket.leak(milliseconds)
            if self._bucket.put(RateItem("request", milliseconds)):
                return None
            waits = [
                oldest.timestamp + rate.interval + 1 - milliseconds
                for rate in self._bucket.rates
                if (oldest := self._bucket.peek(rate.limit - 1)) is not None
            ]
            return now + timedelta(milliseconds=max(waits, default=1))

    def close(self) -> None:
        """Close the file; places taken stay taken."""
        self._bucket.close()  # type: ignore[no-untyped-call]


def _binding_rates(limits: dict[int, int]) -> list[Rate]:
    """The limits, by length of their window, that can ever bind: the bucket takes no others.

    A shorter window's limit never binds if a longer window's is not above it; a longer window's
    never does if the shorter ones cannot add up to it.
    """
    rates: list[Rate] = []
    for window, limit in sorted(limits.items()):
        rates = [rate for rate in rates if rate.limit < limit]
        if all(limit * rate.interval <= rate.limit * window for rate in rates):
            rates.append(Rate(limit, window))
    return rates
