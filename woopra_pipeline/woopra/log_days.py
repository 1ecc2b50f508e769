"""Log days and log positions: the only place that knows Woopra's calendar.

Woopra starts a new log file at midnight in Los Angeles. A log day is that calendar day, a plain
`datetime.date` throughout the package; on the two days a year when the clocks change it lasts 23 or
25 hours. A log position is the place of a line in the whole log, as one integer. So the order of
the log, which is the only order that counts, is the order of these integers.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from woopra_pipeline.errors import ConfigurationError

LOG_TIME_ZONE = ZoneInfo("America/Los_Angeles")

LINE_BITS = 32
EPOCH = date(1970, 1, 1)

EARLIEST_LOG_DAY = date(2000, 1, 1)
LATEST_LOG_DAY = date(2999, 12, 31)
"""The range of log days that are accepted; far outside of it, dates cannot be computed any more."""

LONGEST_SHOWN = 40
LOOKS_LIKE_A_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def log_day_from_text(text: str) -> date:
    """Read a log day written as YYYY-MM-DD; raise `ConfigurationError` for anything else.

    Also for a day before `EARLIEST_LOG_DAY` or after `LATEST_LOG_DAY`.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        shown = repr(text[:LONGEST_SHOWN] + "…" * (len(text) > LONGEST_SHOWN))
        if LOOKS_LIKE_A_DAY.fullmatch(text):
            raise ConfigurationError(f"{shown} is not in the calendar: check the month and the day")
        raise ConfigurationError(
            f"{shown} is not a log day: write it as YYYY-MM-DD, like 2026-03-05"
        )
    if not EARLIEST_LOG_DAY <= day <= LATEST_LOG_DAY:
        raise ConfigurationError(
            f"{day} is not a log day: they lie between {EARLIEST_LOG_DAY} and {LATEST_LOG_DAY}, "
            "check the year"
        )
    return day


def log_days_between(first: date, last: date) -> Iterator[date]:
    """Every log day from `first` to `last`, both included, in order."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def find_gaps(log_days: Iterable[date]) -> list[date]:
    """The log days that are missing between the first and the last of `log_days`, in order."""
    there = set(log_days)
    if not there:
        return []
    return [day for day in log_days_between(min(there), max(there)) if day not in there]


def start_of_log_day(day: date) -> datetime:
    """The instant, in UTC, at which `day`'s file starts: midnight in Los Angeles."""
    return datetime.combine(day, time(), tzinfo=LOG_TIME_ZONE).astimezone(UTC)


def end_of_log_day(day: date) -> datetime:
    """The instant, in UTC, from which `day`'s file is complete: the next midnight there."""
    return start_of_log_day(day + timedelta(days=1))


def log_day_at(instant: datetime) -> date:
    """The log day whose file is being written at `instant` (an aware datetime)."""
    return instant.astimezone(LOG_TIME_ZONE).date()


def log_position(day: date, line: int) -> int:
    """The position of the `line`-th physical line (1-based) of `day`'s file in the whole log."""
    return (day - EPOCH).days << LINE_BITS | line
