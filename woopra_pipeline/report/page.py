"""The report: one HTML file about the project, for readers without SQL.

It is complete: it contains the styles, the charts and the script that draws them. It loads nothing,
and no other script can run in it. Without scripts, charts are pictures. Its content depends only on
the published model and the time at which it is made.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from woopra_pipeline.archive.project import read_owner
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.replacing import replacing
from woopra_pipeline.report.charts import CHARTS, Panel, people, to_interactive, to_narrow_svg
from woopra_pipeline.report.figures import Period, Row, figures, gaps, of_period, whole_period
from woopra_pipeline.report.script import chart_script, script_source
from woopra_pipeline.wording import count, spans

REPORT_NAME = "project.html"

TOP_DAYS = 28
TOP_ROWS = 10
REASONS = 5
LARGEST = 5
WEEKS = 8
PEOPLE_DAYS = 56
MOST_WEEKS = 53


@dataclass(frozen=True)
class Report:
    """A written report: its path, and its first figures, by name."""

    path: Path
    headline: Row


@dataclass(frozen=True)
class Cohort:
    """The people whose first action was in one week, and how many came in each week since."""

    week: date
    people: int
    came: tuple[int, ...]


@dataclass(frozen=True)
class PageChart:
    """A panel in the page: its name, its Vega chart, and a picture for use without scripts."""

    name: str
    title: str
    drawn: str
    picture: str


def write_report(
    directory: DataDirectory, *, clock: Clock = system_clock, show_persons: bool = False
) -> Report:
    """Write `reports/project.html` about the published model, whole or not at all (R9).

    With `show_persons` it names the largest profiles and the identifiers that several share. Raises
    `ModelError` if nothing has been published yet.
    """
    with connect_published(directory) as connection:
        (headline,) = figures(connection, "headline")
        html = _html(
            connection,
            headline,
            project=_project(directory),
            made_at=clock(),
            show_persons=show_persons,
        )
    path = directory.reports / REPORT_NAME
    with needs_room(directory.reports, "writing the report"), replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Report(path, headline)


def _html(
    connection: duckdb.DuckDBPyConnection,
    headline: Row,
    *,
    project: str,
    made_at: datetime,
    show_persons: bool,
) -> str:
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "change": _change,
        "day": _day,
        "short_day": _short_day,
        "spans": spans,
        "count": count,
    }
    (quality,) = figures(connection, "quality")
    period = whole_period(connection)
    return environment.get_template("project.html").render(
        project=project,
        made_at=f"{_day(made_at)} at {made_at:%H:%M} UTC",
        headline=headline,
        quality=quality,
        gaps=gaps(connection),
        reasons=figures(connection, "rejection_reasons", rows=REASONS),
        largest_profiles=figures(connection, "largest_profiles", rows=LARGEST),
        busiest_merge_day=figures(connection, "busiest_merge_day"),
        shared_identifiers=figures(connection, "shared_identifiers"),
        shared_values=figures(connection, "shared_values", rows=LARGEST) if show_persons else [],
        show_persons=show_persons,
        period=period,
        script=chart_script(),
        script_source=script_source(),
        **(_of_period(connection, period) if period else {}),
    )


def _of_period(connection: duckdb.DuckDBPyConnection, period: Period) -> dict[str, Any]:
    recent = period.last_days(TOP_DAYS)
    return {
        "recent": recent,
        "lately": of_period(connection, "people_lately", period),
        "people_charts": _people_charts(connection, period),
        "charts": {
            name: _page_charts(name, draw(connection, period))
            for name, draw in CHARTS.items()
            if name != "people"
        },
        "tops": {
            title: of_period(connection, name, recent, rows=TOP_ROWS)
            for title, name in (
                ("Countries", "countries"),
                ("Referrers", "referrers"),
                ("Pages", "pages"),
                ("Actions", "action_names"),
            )
        },
        "cohorts": _cohorts(of_period(connection, "retention", period, weeks=WEEKS)),
    }


def _people_charts(connection: duckdb.DuckDBPyConnection, period: Period) -> list[PageChart]:
    """People a day in recent time, and a week and a month, if more than one of these is whole."""
    weekly = period.last_days(7 * MOST_WEEKS)
    asked = {
        "people-a-day": period.last_days(PEOPLE_DAYS),
        "people-a-week": Period(weekly.first, weekly.last, "week"),
        "people-a-month": Period(period.first, period.last, "month"),
    }
    charts = {name: people(connection, asked_for) for name, asked_for in asked.items()}
    return [
        chart
        for name, panels in charts.items()
        for chart in _page_charts(name, panels)
        if name == "people-a-day" or len(panels[0].rows) > 1
    ]


def _page_charts(name: str, panels: Sequence[Panel]) -> list[PageChart]:
    return [
        PageChart(
            f"{name}-{number}" if number else name,
            panel.title,
            # In an element of a page, a script may end anywhere.
            json.dumps(to_interactive(panel), sort_keys=True).replace("<", "\\u003c"),
            to_narrow_svg(panel),
        )
        for number, panel in enumerate(panels)
    ]


def _cohorts(rows: Sequence[Row]) -> list[Cohort]:
    cohorts: dict[date, list[Row]] = {}
    for row in rows:
        cohorts.setdefault(row["cohort"], []).append(row)
    return [
        Cohort(week, weeks[0]["size"], tuple(row["people"] for row in weeks))
        for week, weeks in cohorts.items()
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


def _short_day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _change(now: int, before: int) -> str:
    """The change, always with the number before."""
    if not before:
        return "0 before"
    return f"{(now - before) / before:+.0%} from {before:,}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
