"""How far the archive, the parsed days and the model are behind the calendar, by their log days.

Only whole days count, not days that were only followed while they were current.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ParsedDayError
from woopra_pipeline.model.checks import due_log_day
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.parse.parsed_days import find_parsed_day, parsed_log_days


@dataclass(frozen=True)
class Freshness:
    """The latest log day that is there, and the latest one that should be there."""

    last_day: date
    due_day: date

    @property
    def days_behind(self) -> int:
        """How many log days are missing after the last one."""
        return max(0, (self.due_day - self.last_day).days)


def find_freshness(directory: DataDirectory, place: str, now: datetime) -> Freshness | None:
    """How fresh one of `PLACES` is at `now` (aware); None if there is no log day in it at all."""
    last_day = PLACES[place](directory)
    return None if last_day is None else Freshness(last_day, due_log_day(now))


def _last_archived(directory: DataDirectory) -> date | None:
    return max(Archive(directory.raw).log_days(), default=None)


def _last_parsed(directory: DataDirectory) -> date | None:
    for log_day in sorted(parsed_log_days(directory.parsed), reverse=True):
        with suppress(ParsedDayError):
            day = find_parsed_day(directory.parsed, log_day)
            if day is not None and not day.is_open:
                return log_day
    return None


def _last_in_model(directory: DataDirectory) -> date | None:
    if not directory.published_model.exists():
        return None
    with connect_published(directory) as connection:
        ((last_day,),) = connection.sql(
            "select max(log_day) from log_days where not is_open"
        ).fetchall()
    return cast("date | None", last_day)


def find_newer_model(directory: DataDirectory) -> str | None:
    """When the latest whole log day was applied to the model, if the report is older.

    The current day is left out: it changes the model every minute, and a report takes seconds.
    """
    if not directory.published_model.exists():
        return None
    with connect_published(directory) as connection:
        ((applied_at,),) = connection.sql(
            "select epoch(max(applied_at)) from log_days where not is_open"
        ).fetchall()
    written_at = max((page.stat().st_mtime for page in directory.reports.glob("*.html")), default=0)
    return str(applied_at) if applied_at is not None and written_at < applied_at else None


PLACES: Mapping[str, Callable[[DataDirectory], date | None]] = {
    "archive": _last_archived,
    "parsed days": _last_parsed,
    "model": _last_in_model,
}
"""The places of log days, each with a function that finds the last day there."""
