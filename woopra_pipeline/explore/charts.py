"""The charts of the app: as wide as the page, and without colors of their own for text and ground.

So they are light or dark like the page. They contain their own points and load nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeAlias

import altair as alt

from woopra_pipeline.report.figures import Row

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart

BLUE, ORANGE = "#4c8bd0", "#dd7a2b"
HEIGHT = 240
A_STEP = 42
FEW = 20


def trend(rows: Sequence[Row], number: str) -> Chart:
    """One of the numbers of a trend (`people`, `visits`, `actions`) in every period.

    A period that is not over, or that the log has only in part, is a hollow point beside the line.
    """
    return _line(rows, number, alt.value(BLUE))


def trend_by(rows: Sequence[Row], number: str) -> Chart:
    """The same, with a line for each value."""
    legend = alt.Legend(orient="bottom", columns=2, title=None, labelLimit=140)
    values = list(dict.fromkeys(row["value"] for row in rows))
    return _line(rows, number, alt.Color("value:N", legend=legend, sort=values))


def funnel(rows: Sequence[Row]) -> Chart:
    """A bar for each step: how many people reached it, and their share of the first step."""
    points = [
        {
            "step": f"{row['step']}. {row['event']}",
            "people": row["people"],
            "label": f"{row['people']:,}"
            + (f" · {row['percent_of_first']:.0f}%" if row["percent_of_previous"] else ""),
        }
        for row in rows
    ]
    most = max((row["people"] for row in rows), default=0)
    base = _chart(points).encode(
        y=alt.Y("step:N", sort=None, title=None, axis=alt.Axis(labelLimit=110)),
        x=alt.X("people:Q", title=None, axis=None, scale=alt.Scale(domain=[0, max(most, 1) * 1.5])),
    )
    bars = base.mark_bar(color=BLUE, cornerRadiusEnd=3)
    labels = base.mark_text(align="left", dx=6, color=ORANGE, fontWeight=600).encode(text="label:N")
    return _finished(alt.layer(bars, labels).properties(height=A_STEP * max(len(points), 1)))


def retention(rows: Sequence[Row]) -> Chart:
    """The triangle: a row for each cohort, a column for each period, and the share of people."""
    points = [
        {
            "cohort": f"{row['cohort']} ({row['size']:,})",
            "period": row["period"],
            "percent": row["percent"],
            "people": row["people"],
            "label": f"{row['percent']:.0f}%",
        }
        for row in rows
    ]
    base = _chart(points).encode(
        x=alt.X("period:O", title=None, axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("cohort:N", title=None, sort=None, axis=alt.Axis(labelLimit=130)),
    )
    squares = base.mark_rect().encode(
        color=alt.Color("percent:Q", legend=None, scale=alt.Scale(domain=[0, 100], scheme="blues")),
        tooltip=["cohort:N", "period:O", "people:Q", "percent:Q"],
    )
    labels = base.mark_text(fontSize=10).encode(
        text="label:N",
        color=alt.condition("datum.percent > 50", alt.value("white"), alt.value("#1a202c")),
    )
    cohorts = len({point["cohort"] for point in points})
    return _finished(alt.layer(squares, labels).properties(height=26 * max(cohorts, 1)))


def bars(rows: Sequence[Row], number: str) -> Chart:
    """A bar for each day."""
    return _finished(_days(rows, number).mark_bar(color=ORANGE).properties(height=HEIGHT // 2))


def _line(rows: Sequence[Row], number: str, color: Any) -> Chart:
    whole = [row for row in rows if row["is_whole"]]
    unfinished = [row for row in rows if not row["is_whole"]]
    base = _days(whole, number).encode(color=color)
    layers = [base.mark_line(strokeWidth=2)]
    # A single period makes no line, so it gets a point.
    if len({row["period"] for row in whole}) < FEW:
        layers.append(base.mark_point(filled=True))
    # A period that is not over would look like a drop.
    if unfinished:
        hollow = _days(unfinished, number).mark_point(filled=False, size=50)
        layers.append(hollow.encode(color=color))
    return _finished(alt.layer(*layers).properties(height=HEIGHT))


def _days(rows: Iterable[Row], number: str) -> alt.Chart:
    points = [
        {name: _text(value) for name, value in row.items() if name in ("period", "value", number)}
        for row in rows
    ]
    # In UTC, because a day is not an instant: in a time zone west of it, the evening before would
    # be drawn.
    return _chart(points).encode(
        x=alt.X("period:T", title=None, scale=alt.Scale(type="utc")),
        y=alt.Y(f"{number}:Q", title=None, axis=alt.Axis(tickCount=4)),
        tooltip=[
            alt.Tooltip("period:T", timeUnit="utcyearmonthdate"),
            alt.Tooltip(f"{number}:Q", format=","),
        ],
    )


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _chart(points: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=points))


def _finished(chart: Chart) -> Chart:
    finished: Chart = chart.properties(width="container").configure_view(stroke=None)
    return finished
