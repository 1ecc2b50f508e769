"""The charts of the report: as pictures, drawn without a browser, or for the page to draw.

Each answers one question over a period: a point for each day, or the daily average of a week or
month. People are counted in each day, week or month. A chart never contains a text from the log.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any, Literal, TypeAlias

import altair as alt
import duckdb
import vl_convert

from woopra_pipeline.report.figures import Period, Row, figures, of_period
from woopra_pipeline.woopra.log_days import log_days_between

BLUE = "#3f7fc4"
LIGHT_BLUE = "#8fbbe6"
ORANGE = "#dd7a2b"
INK = "#4a5565"
PALE = "#e6e9ee"

WIDTH, HEIGHT, LOW = 560, 120, 80
PAGE_HEIGHT = 150
NARROW = 300
"""The width of a picture; a page can show it larger."""
FEW = 20
MOST_TICKS = 8
A_QUARTER = 130

UNDRAWN = re.compile(r' (?:role|class|aria-[a-z]+|pointer-events)="[^"]*"')
PLACES = re.compile(r' (?:d|transform)="[^"]*"')
DIGITS = re.compile(r"(\.\d)\d+")
"""A tenth of a pixel is fine enough."""

STYLE: dict[str, Any] = {
    "aria": False,
    "background": "white",
    "padding": 8,
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "title": {"anchor": "start", "color": INK, "fontSize": 12, "fontWeight": 600, "offset": 10},
    "axis": {
        "domain": False,
        "ticks": False,
        "grid": False,
        "labelColor": INK,
        "labelFontSize": 10,
        "labelPadding": 6,
        "title": None,
    },
    # All axes have the same width, so that the days of charts below each other are aligned.
    "axisY": {"grid": True, "gridColor": PALE, "tickCount": 3, "minExtent": 40, "maxExtent": 40},
    "legend": {
        "orient": "none",
        "legendX": WIDTH - 130,
        "legendY": -24,
        "direction": "horizontal",
        "title": None,
        "labelColor": INK,
        "labelFontSize": 10,
        "symbolSize": 60,
    },
}


@dataclass(frozen=True)
class Panel:
    """One plot over a period: a title, and for each series a line, or stacked bars."""

    title: str
    period: Period
    rows: Sequence[Row]
    """One row for each bin: `day`, and a number for each series."""
    series: Mapping[str, str]
    """The names of the series with their colors."""
    mark: Literal["line", "bar"] = "bar"
    is_share: bool = False
    highest: float | None = None
    """The end of the axis; None: the largest number."""
    told: Sequence[str] = ()
    """What is shown about a bin besides the series."""


Chart: TypeAlias = tuple[Panel, ...]
"""Panels below each other, for one period."""


def people(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """People in each whole bin: new ones, whose first action ever is in it, and returning ones."""
    rows = [
        {"day": row["period"], **row}
        for row in figures(
            connection, "people", grain=period.bin, first=period.first, last=period.last
        )
        if row["is_whole"]
    ]
    series = {"returning": BLUE, "new": LIGHT_BLUE}
    return (Panel(f"People a {period.bin}", period, rows, series, told=("people",)),)


def activity(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """Visits and actions a day, by the time when they happened."""
    rows = of_period(connection, "activity", period)
    title = _by_bin("Visits and actions a day", period)
    series = {"actions": LIGHT_BLUE, "visits": BLUE}
    return (Panel(title, period, rows, series, mark="line"),)


def merges(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """Merges a day, by log day; below, whether the voided actions were logged again."""
    rows = of_period(connection, "merges", period)
    of_actions = {"logged again": LIGHT_BLUE, "missing": ORANGE}
    return (
        Panel(_by_bin("Merges and deletes a day", period), period, rows, {"merges": BLUE}),
        Panel(_by_bin("Actions they voided", period), period, rows, of_actions),
    )


def identified(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """The share of people first seen in each bin who are known today by more than a cookie."""
    rows = of_period(connection, "identified", period)
    title = _by_bin("People identified by now, by when they were first seen", period)
    of_people = ("identified", "people")
    return (
        Panel(
            title,
            period,
            rows,
            {"share": BLUE},
            mark="line",
            is_share=True,
            highest=1.0,
            told=of_people,
        ),
    )


def rejected(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """The share of lines that could not be read, by log day."""
    rows = of_period(connection, "rejected", period)
    title = _by_bin("Share of lines that could not be read", period)
    # The axis goes to one hundredth at least, so that a single bad line does not look large.
    highest = max([0.01, *(row["share"] for row in rows)])
    of_lines = ("rejected", "lines")
    return (
        Panel(
            title, period, rows, {"share": ORANGE}, is_share=True, highest=highest, told=of_lines
        ),
    )


Drawing: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Period], Chart]

CHARTS: Mapping[str, Drawing] = {
    "people": people,
    "activity": activity,
    "merges": merges,
    "identified": identified,
    "rejected": rejected,
}


def to_svg(chart: Chart) -> str:
    """`chart` as an SVG element with its size in pixels; it loads nothing from other places."""
    # All axes have the same width, so that the days of panels below each other are aligned.
    panels = [
        alt.layer(*_marks(panel, WIDTH)).properties(
            title=panel.title, width=WIDTH, height=HEIGHT if len(chart) == 1 else LOW
        )
        for panel in chart
    ]
    whole = alt.vconcat(*panels, spacing=8).resolve_scale(color="independent")
    return _svg(whole, STYLE)


def to_narrow_svg(panel: Panel) -> str:
    """`panel` without its title, as an SVG element for pages without scripts."""
    chart = alt.layer(*_marks(panel, NARROW)).properties(width=NARROW, height=HEIGHT)
    return _svg(chart, STYLE | {"legend": STYLE["legend"] | {"orient": "top"}})


def _svg(chart: alt.LayerChart | alt.FacetChart | alt.VConcatChart, style: dict[str, Any]) -> str:
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), config=style, allowed_base_urls=[])
    # Dagster keeps a picture with every materialization, so invisible parts are left out.
    return PLACES.sub(lambda place: DIGITS.sub(r"\1", place[0]), UNDRAWN.sub("", svg))


def to_interactive(panel: Panel) -> dict[str, Any]:
    """A Vega-Lite chart of `panel`: as wide as its place.

    It shows the numbers of the bin under the pointer.

    It has no title. The page gives the colors of text and background.
    """
    chart = alt.layer(*_marks(panel, None), _pointed_at(panel)).properties(
        width="container", height=PAGE_HEIGHT, autosize=alt.AutoSizeParams(type="fit-x")
    )
    spec: dict[str, Any] = chart.to_dict()
    return spec


def _by_bin(title: str, period: Period) -> str:
    return title if period.bin == "day" else f"{title}, by {period.bin}"


def _marks(panel: Panel, width: int | None) -> list[alt.Chart]:
    """The layers of a panel that is `width` pixels wide; None: as wide as its place."""
    points = [
        {"day": row["day"].isoformat(), "series": name, "amount": row[name], "place": place}
        for row in panel.rows
        for place, name in enumerate(panel.series)
        # Empty bars of the stack are left out.
        if panel.mark == "line" or row[name]
    ]
    colors = alt.Scale(domain=list(panel.series), range=list(panel.series.values()))
    legend = alt.Legend() if len(panel.series) > 1 else None
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=_days(panel.period),
        y=_amounts(panel),
        color=alt.Color("series:N", scale=colors, legend=legend),
        # The first series is at the bottom.
        order=alt.Order("place:Q"),
    )
    if panel.mark == "line":
        line = base.mark_line(strokeWidth=1.8)
        # A single day makes no line, so it gets a point.
        return [line, base.mark_point(filled=True)] if len(points) < FEW else [line]
    bins = panel.period.bin_count + 1
    if width is None:
        return [base.mark_bar(size=alt.ExprRef(f"clamp(0.75 * width / {bins}, 1, 24)"))]
    return [base.mark_bar(size=min(max(0.75 * width / bins, 1), 24))]


def _pointed_at(panel: Panel) -> alt.Chart:
    """A stripe for each bin; it shows the numbers when the pointer is on it."""
    bins = max(panel.period.bin_count, 1)
    named = [*panel.told, *panel.series]
    rows = [
        {"day": row["day"].isoformat(), **{name: row[name] for name in named}} for row in panel.rows
    ]
    when, form = {
        "day": ("day", "%a %-d %b %Y"),
        "week": ("week of", "%-d %b %Y"),
        "month": ("month", "%b %Y"),
    }[panel.period.bin]
    hover = alt.selection_point(on="pointerover", clear="pointerout", empty=False)
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rule(strokeWidth=alt.ExprRef(f"clamp(width / {bins}, 2, 60)"))
        .encode(
            x=_days(panel.period),
            opacity=alt.condition(hover, alt.value(0.15), alt.value(0)),
            tooltip=[
                alt.Tooltip("day:T", title=when, format=form, timeUnit="utcyearmonthdate"),
                *(
                    alt.Tooltip(f"{name}:Q", format=".1%" if name == "share" else ",.1~f")
                    for name in named
                ),
            ],
        )
        .add_params(hover)
    )
    return chart


def _amounts(panel: Panel) -> alt.Y:
    form = "~%" if panel.is_share else "~s"
    axis = alt.Axis(labelExpr=f"format(datum.value, '{form}')")
    scale = alt.Undefined if panel.highest is None else alt.Scale(domain=[0, panel.highest])
    return alt.Y("amount:Q", axis=axis, scale=scale)


def _days(period: Period) -> alt.X:
    # In UTC, because a day is not an instant: in a time zone west of it, the evening before would
    # be drawn.
    scale = alt.Scale(
        type="utc", domain=[period.first.isoformat(), period.last.isoformat()], padding=12
    )
    ticks, form = _ticks(period)
    values = [tick.isoformat() for tick in ticks]
    # If there is no room for all labels, some are left out.
    axis = alt.Axis(values=values, format=form, labelOverlap="parity", labelSeparation=8)
    return alt.X("day:T", scale=scale, axis=axis)


def _ticks(period: Period) -> tuple[list[date], str]:
    """At most `MOST_TICKS` days to label below a chart, and how: days, Mondays or months."""
    days, form = list(log_days_between(period.first, period.last)), "%-d %b"
    if period.day_count > A_QUARTER:
        days, form = [day for day in days if day.day == 1], "%b %Y"
    elif period.day_count > 2 * MOST_TICKS:
        days = [day for day in days if day.weekday() == 0]
    return days[:: ceil(len(days) / MOST_TICKS)], form
