"""The charts: small, quiet, and drawn without a browser.

Each shows one question over a period, a point a day, or the daily average of a week or month. No
text of the project's own ever gets into one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from math import ceil
from typing import Any, TypeAlias

import altair as alt
import duckdb
import vl_convert

from woopra_pipeline.report.figures import Period, Row, of_period
from woopra_pipeline.woopra.log_days import log_days_between

Chart: TypeAlias = alt.LayerChart | alt.FacetChart | alt.VConcatChart
"""A chart that can be drawn."""

BLUE = "#2b6cb0"
LIGHT_BLUE = "#90b8de"
ORANGE = "#dd7a2b"
INK = "#4a5565"
PALE = "#e6e9ee"

WIDTH, HEIGHT, LOW = 560, 120, 80
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
    # All axes are equally wide, so that charts below each other share their days.
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


def activity(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """Visits and actions a day, by when they happened."""
    rows = of_period(connection, "activity", period)
    return _lines(
        rows,
        period,
        "Visits and actions a day",
        {"actions": LIGHT_BLUE, "visits": BLUE},
        _counts(),
    )


def merges(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """Merges a day, by log day, and below them what became of the actions they voided."""
    rows = of_period(connection, "merges", period)
    of_actions = {"logged again": LIGHT_BLUE, "missing": ORANGE}
    chart: alt.VConcatChart = alt.vconcat(
        _bars(rows, period, "Merges and deletes a day", {"merges": BLUE}, _counts()),
        _bars(rows, period, "Actions they voided", of_actions, _counts()),
        spacing=8,
    ).resolve_scale(color="independent")
    return chart


def identified(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """Of the people first seen in each bin, the share known today by more than a cookie."""
    rows = of_period(connection, "identified", period)
    title = "People identified by now, by when they were first seen"
    return _lines(rows, period, title, {"share": BLUE}, _shares(1.0))


def rejected(connection: duckdb.DuckDBPyConnection, period: Period) -> Chart:
    """The share of lines that could not be read, by log day."""
    rows = of_period(connection, "rejected", period)
    highest = max((row["share"] for row in rows), default=0.0)
    # A hundredth fills the chart at least: a single bad line is no mountain.
    shares = _shares(max(highest, 0.01))
    return _bars(rows, period, "Share of lines that could not be read", {"share": ORANGE}, shares)


Drawing: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Period], Chart]

CHARTS: Mapping[str, Drawing] = {
    "activity": activity,
    "merges": merges,
    "identified": identified,
    "rejected": rejected,
}


def to_svg(chart: Chart) -> str:
    """`chart` as an SVG element with its size in pixels; nothing in it is loaded from elsewhere."""
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), config=STYLE, allowed_base_urls=[])
    # Dagster keeps a picture with every materialization, so what is not seen is left out.
    return PLACES.sub(lambda place: DIGITS.sub(r"\1", place[0]), UNDRAWN.sub("", svg))


def _lines(
    rows: Iterable[Row], period: Period, title: str, series: Mapping[str, str], amounts: alt.Y
) -> alt.LayerChart | alt.FacetChart:
    points = _long(rows, series)
    base = _base(points, period, title, series, amounts=amounts, height=HEIGHT)
    line = base.mark_line(strokeWidth=1.8)
    # One day makes no line.
    return alt.layer(line, base.mark_point(filled=True)) if len(points) < FEW else alt.layer(line)


def _bars(
    rows: Iterable[Row], period: Period, title: str, series: Mapping[str, str], amounts: alt.Y
) -> alt.LayerChart | alt.FacetChart:
    days_a_bar = {"day": 1, "week": 7, "month": 30}[period.bin]
    width = 0.75 * WIDTH * days_a_bar / (period.day_count + days_a_bar)
    points = [point for point in _long(rows, series) if point["amount"]]
    base = _base(points, period, title, series, amounts=amounts, height=LOW)
    return alt.layer(base.mark_bar(size=min(max(width, 1), 24)))


def _long(rows: Iterable[Row], series: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"day": row["day"].isoformat(), "series": name, "amount": row[name]}
        for row in rows
        for name in series
    ]


def _base(
    points: list[dict[str, Any]],
    period: Period,
    title: str,
    series: Mapping[str, str],
    *,
    amounts: alt.Y,
    height: int,
) -> alt.Chart:
    colors = alt.Scale(domain=list(series), range=list(series.values()))
    legend = alt.Legend() if len(series) > 1 else None
    return alt.Chart(
        alt.InlineData(values=points),
        title=title if period.bin == "day" else f"{title}, by {period.bin}",
        width=WIDTH,
        height=height,
    ).encode(x=_days(period), y=amounts, color=alt.Color("series:N", scale=colors, legend=legend))


def _days(period: Period) -> alt.X:
    # In UTC, for a day is not an instant: west of there it would be drawn on the evening before.
    scale = alt.Scale(
        type="utc", domain=[period.first.isoformat(), period.last.isoformat()], padding=12
    )
    ticks, form = _ticks(period)
    values = [tick.isoformat() for tick in ticks]
    return alt.X("day:T", scale=scale, axis=alt.Axis(values=values, format=form))


def _ticks(period: Period) -> tuple[list[date], str]:
    """At most `MOST_TICKS` days to be named below a chart, and how: days, Mondays or months."""
    days, form = list(log_days_between(period.first, period.last)), "%-d %b"
    if period.day_count > A_QUARTER:
        days, form = [day for day in days if day.day == 1], "%b %Y"
    elif period.day_count > 2 * MOST_TICKS:
        days = [day for day in days if day.weekday() == 0]
    return days[:: ceil(len(days) / MOST_TICKS)], form


def _counts() -> alt.Y:
    return alt.Y("amount:Q", axis=alt.Axis(labelExpr="format(datum.value, '~s')"))


def _shares(highest: float) -> alt.Y:
    axis = alt.Axis(labelExpr="format(datum.value, '~%')")
    return alt.Y("amount:Q", axis=axis, scale=alt.Scale(domain=[0, highest]))
