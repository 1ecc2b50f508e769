"""The report: one HTML file about the project, for readers without SQL.

It stands alone: styles and charts are inside, nothing is loaded from anywhere, and it holds no
script. It is a function of the published model, so equal models make equal files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from woopra_pipeline.archive.project import read_owner
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.replacing import replacing
from woopra_pipeline.report.charts import CHARTS, to_svg
from woopra_pipeline.report.figures import Period, Row, figures, gaps, of_period, whole_period
from woopra_pipeline.wording import spans

REPORT_NAME = "project.html"

TOP_DAYS = 28
TOP_ROWS = 10
REASONS = 5
LARGEST = 5
WEEKS = 8


@dataclass(frozen=True)
class Report:
    """A written report: where it is, and the figures it opens with, by name."""

    path: Path
    headline: Row


@dataclass(frozen=True)
class Cohort:
    """The people first seen in one week, and the share of them that came in each week since."""

    week: date
    people: int
    shares: tuple[float, ...]


def write_report(directory: DataDirectory) -> Report:
    """Write `reports/project.html` about the published model, whole or not at all (R9).

    Raises `ModelError` if nothing has been published yet.
    """
    with connect_published(directory) as connection:
        (headline,) = figures(connection, "headline")
        html = _html(connection, headline, _project(directory))
    path = directory.reports / REPORT_NAME
    with needs_room(directory.reports, "writing the report"), replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Report(path, headline)


def _html(connection: duckdb.DuckDBPyConnection, headline: Row, project: str) -> str:
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "percent": _percent, "day": _day, "spans": spans}
    (quality,) = figures(connection, "quality")
    period = whole_period(connection)
    return environment.get_template("project.html").render(
        project=project,
        headline=headline,
        quality=quality,
        gaps=gaps(connection),
        reasons=figures(connection, "rejection_reasons", rows=REASONS),
        largest_profiles=figures(connection, "largest_profiles", rows=LARGEST),
        busiest_merge_day=figures(connection, "busiest_merge_day"),
        shared_identifiers=figures(connection, "shared_identifiers"),
        period=period,
        **(_of_period(connection, period) if period else {}),
    )


def _of_period(connection: duckdb.DuckDBPyConnection, period: Period) -> dict[str, Any]:
    recent = period.last_days(TOP_DAYS)
    return {
        "recent": recent,
        "charts": {name: to_svg(draw(connection, period)) for name, draw in CHARTS.items()},
        "tops": {
            title: of_period(connection, name, recent, rows=TOP_ROWS)
            for title, name in (
                ("Countries", "countries"),
                ("Referrers", "referrers"),
                ("Pages", "pages"),
                ("Actions", "action_names"),
            )
        },
        "cohorts": _cohorts(of_period(connection, "retention", period, weeks=WEEKS), period.last),
    }


def _cohorts(rows: Sequence[Row], last_day: date) -> list[Cohort]:
    people: dict[date, dict[int, int]] = {}
    for row in rows:
        people.setdefault(row["cohort"], {})[row["weeks_later"]] = row["people"]
    return [
        Cohort(
            week,
            came[0],
            # A week counts when its last day is over.
            tuple(
                came.get(later, 0) / came[0] for later in range(((last_day - week).days + 1) // 7)
            ),
        )
        for week, came in people.items()
        if 0 in came
    ]


def _project(directory: DataDirectory) -> str:
    """The name of the project whose log it is."""
    return read_owner(directory.raw) or "Woopra"


def _number(value: float) -> str:
    return f"{value:,}"


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return f"{share:.2%}" if share >= 0.0001 else "under 0.01%"
    return f"{share:.0%}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
