"""The rate budget: our own count of requests, kept under the service's limits.

The service counts over all endpoints of a project together, so everything that talks to it counts
in one SQLite file, whatever process or thread it runs in and however often it is restarted.

The count is only a help: no fault of it stops the pipeline. A file that is damaged, or another
program's, is put aside, and the count begins again. Requests that are counted at a time in the
future are dropped: the clock was wrong then, or was set back since then, and they would block all
others until the clock has reached that time.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyrate_limiter import Rate, RateItem, SQLiteBucket

from woopra_pipeline.clock import Clock
from woopra_pipeline.errors import ConfigurationError, RateBudgetSpentError
from woopra_pipeline.files import make_file, make_folder
from woopra_pipeline.locks import alone
from woopra_pipeline.woopra.settings import WoopraSettings

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
"""In milliseconds."""

LARGEST_SKEW = MINUTE
"""How far in the future, in milliseconds, a counted request may be without being dropped.

The clocks of two machines that share the file differ by less, and small corrections of a clock are
smaller too. To drop such requests would allow more requests than the service does. They delay
others by at most this time, which is the shortest window.
"""

TABLE = "requests"
COLUMNS = {"name", "item_timestamp"}
NO_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""Errors that do not mean that the content of the file is wrong."""


class RateBudget:
    """At most so many requests in any minute, hour and day, counted in the file at `path`.

    The bucket is used without its library's `Limiter`, which sleeps on its own clock and refuses a
    request even if another process only holds the file's lock.
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
        self._path = path
        self._rates = _binding_rates(limits)
        make_folder(path.parent)
        self._bucket = self._open()

    def _open(self) -> SQLiteBucket:
        try:
            self._put_aside_what_is_no_budget()
            make_file(self._path)
            return SQLiteBucket.init_from_file(
                self._rates, table=TABLE, db_path=str(self._path), use_file_lock=True
            )
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def _put_aside_what_is_no_budget(self) -> None:
        # The bucket uses the same lock, so only one of two processes puts the file aside.
        with alone(self._path.with_name(f"{self._path.name}.lock")):
            problem = _problem_of(self._path)
            if problem is None:
                return
            aside = self._path.with_name(f"{self._path.name}.damaged")
            for suffix in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").replace(f"{aside}{suffix}")
        self._notify(
            f"The rate budget {self._path} could not be read ({problem}) and was put aside as "
            f"{aside.name}: the count of requests begins again at 0"
        )

    def _unusable(self, error: sqlite3.DatabaseError) -> ConfigurationError:
        return ConfigurationError(
            f"The rate budget {self._path} cannot be used ({error}): see that it and its folder "
            "can be written and have room, or remove it, and try again"
        )

    def take(self) -> None:
        """Take the place of one request; wait for it if necessary.

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
        """Report the waiting, once for all threads that wait for the same moment."""
        with self._thread_lock:
            if seconds < 1 or free_at < self._announced_until:
                return
            self._announced_until = free_at + timedelta(seconds=1)
        self._notify(
            "The budget of requests to Woopra is used up: "
            f"waiting {seconds:.0f} s, until {free_at:%H:%M:%S} UTC"
        )

    def _try_to_take(self) -> datetime | None:
        """Take a place and return None, or return the time when every limit allows a request."""
        with self._thread_lock:
            try:
                return self._take_or_wait()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    with suppress(sqlite3.Error):
                        self._bucket.conn.rollback()
                    raise self._unusable(error) from error
            self.close()
            self._bucket = self._open()
            try:
                return self._take_or_wait()
            except sqlite3.DatabaseError as error:
                raise self._unusable(error) from error

    def _take_or_wait(self) -> datetime | None:
        now = self._clock()
        milliseconds = int(now.timestamp() * 1000)
        self._forget_what_is_to_come(milliseconds)
        self._bucket.leak(milliseconds)
        if self._bucket.put(RateItem("request", milliseconds)):
            return None
        waits = [
            oldest.timestamp + rate.interval + 1 - milliseconds
            for rate in self._bucket.rates
            if (oldest := self._bucket.peek(rate.limit - 1)) is not None
        ]
        return now + timedelta(milliseconds=max(waits, default=1))

    def _forget_what_is_to_come(self, milliseconds: int) -> None:
        with self._bucket.lock:
            cursor = self._bucket.conn.execute(
                f"delete from {TABLE} "
                "where typeof(item_timestamp) <> 'integer' or item_timestamp > ?",
                [milliseconds + LARGEST_SKEW],
            )
            self._bucket.conn.commit()
        if cursor.rowcount:
            self._announced_until = datetime.min.replace(tzinfo=UTC)
            self._notify(
                f"{cursor.rowcount:,} requests to Woopra are counted at a time in the future, so "
                "the clock of this machine was set back: they are no longer counted"
            )

    def close(self) -> None:
        """Close the file; places taken stay taken."""
        self._bucket.close()  # type: ignore[no-untyped-call]


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the content of the file is wrong.

    The low byte of SQLite's codes says the kind of error.
    """
    return error.sqlite_errorcode & 0xFF not in NO_DAMAGE


def _problem_of(path: Path) -> str | None:
    """Why the file at `path` is no budget; None if it is one, or does not exist.

    Raises `sqlite3.DatabaseError` if that cannot be found out.
    """
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            ((verdict,),) = connection.execute("pragma quick_check(1)").fetchall()
            if verdict != "ok":
                return str(verdict)
            kinds = connection.execute(
                "select type from sqlite_master where name = ?", [TABLE]
            ).fetchall()
            columns = {name for _, name, *_ in connection.execute(f"pragma table_info({TABLE})")}
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return str(error)
        raise
    if kinds and (kinds != [("table",)] or columns != COLUMNS):
        return "it holds something else"
    return None


def _binding_rates(limits: dict[int, int]) -> list[Rate]:
    """The limits that can ever be reached, by length of their window: the bucket accepts no others.

    The limit of a shorter window is never reached if that of a longer window is not above it. The
    limit of a longer window is never reached if the shorter ones cannot add up to it.
    """
    rates: list[Rate] = []
    for window, limit in sorted(limits.items()):
        rates = [rate for rate in rates if rate.limit < limit]
        if all(limit * rate.interval <= rate.limit * window for rate in rates):
            rates.append(Rate(limit, window))
    return rates
