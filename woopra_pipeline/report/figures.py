"""The figures of the report: the queries for charts and page, each in a file of `sql/`.

DuckDB aggregates all of them. A result has as many rows as a chart has points, or a table has
lines. Days are those of the calendar of Los Angeles, like log days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files as package_files
from math import ceil
from typing import Any, Literal, TypeAlias

import duckdb

from woopra_pipeline.woopra.log_days import find_gaps

Bin: TypeAlias = Literal["day", "week", "month"]
Row: TypeAlias = Mapping[str, Any]

RECENT_DAYS = 56
MOST_BINS = 120
"""More points than this make a chart unreadable."""

IDENTIFIERS = ("id", "email", "phone")
"""Properties that identify a person; a cookie only identifies a browser."""


@dataclass(frozen=True)
class Period:
    """The log days from `first` to `last`, both included, and the bin that makes one point."""

    first: date
    last: date
    bin: Bin = "day"

    @property
    def day_count(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def bin_count(self) -> int:
        """About how many bins it has."""
        return ceil(self.day_count / {"day": 1, "week": 7, "month": 30}[self.bin])

    def last_days(self, number: int) -> "Period":
        """At most its last `number` days, day by day."""
        return Period(max(self.first, self.last - timedelta(days=number - 1)), self.last)


def whole_period(connection: duckdb.DuckDBPyConnection) -> Period | None:
    """All log days of the model, by day, week or month, depending on their number.

    None without any.
    """
    (days,) = figures(connection, "period")
    if days["first"] is None:
        return None
    by_day = Period(days["first"], days["last"])
    if by_day.day_count <= MOST_BINS:
        return by_day
    by_week = by_day.day_count <= 7 * MOST_BINS
    return Period(by_day.first, by_day.last, "week" if by_week else "month")


def recent_period(connection: duckdb.DuckDBPyConnection) -> Period | None:
    """The last weeks of the model, day by day; None if it has no log days."""
    whole = whole_period(connection)
    return whole and whole.last_days(RECENT_DAYS)


def gaps(connection: duckdb.DuckDBPyConnection) -> list[date]:
    """The log days that are missing in the model; `woopra-pipeline status` shows the same."""
    log_days = connection.execute("select log_day from log_days").fetchall()
    return find_gaps(log_day for (log_day,) in log_days)


def of_period(
    connection: duckdb.DuckDBPyConnection, name: str, period: Period, **parameters: object
) -> list[Row]:
    """The rows of `sql/NAME.sql` for `period`; for a chart, one for each bin."""
    return figures(
        connection, name, first=period.first, last=period.last, bin=period.bin, **parameters
    )


def figures(connection: duckdb.DuckDBPyConnection, name: str, **parameters: object) -> list[Row]:
    """The rows of `sql/NAME.sql` on the published model; it takes the parameters that it names."""
    sql = (package_files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    (statement,) = connection.extract_statements(sql)
    offered = {"identifiers": IDENTIFIERS, **parameters}
    taken = {key: offered[key] for key in statement.named_parameters}
    rows: list[Row] = connection.execute(statement, taken).to_arrow_table().to_pylist()
    return rows
