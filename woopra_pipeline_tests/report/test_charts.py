"""Charts are small pictures that stand alone, whatever the period."""

import re
from datetime import date

import pytest

from woopra_pipeline.report.charts import CHARTS, to_svg
from woopra_pipeline.report.figures import Period, recent_period, whole_period
from woopra_pipeline_tests.report.conftest import Log, at, visit

LARGEST = 20_000
"""Bytes of a picture that Dagster keeps with every materialization."""


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    log = Log(tmp_path_factory.mktemp("year"))
    lines = [
        visit(f"{day % 5}", at("2025-01-01", 24 * day), *["pv"] * (day % 7)) for day in range(400)
    ]
    log.put(
        {
            "2025-01-01": [b"nonsense", {"type": "delete", "pid": "0"}],
            "2026-02-04": [*lines, {"type": "delete", "pid": "1", "new_id": "2"}],
        }
    )
    return log


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize(
    "days", [1, 2, 20, 56, None], ids=["a day", "two days", "weeks", "recent weeks", "all"]
)
def test_a_chart_is_small_and_complete(year, name, days):
    with year.connect() as connection:
        whole = whole_period(connection)
        svg = to_svg(CHARTS[name](connection, whole.last_days(days) if days else whole))
    assert svg.startswith("<svg ")
    assert len(svg) < LARGEST
    # Nothing is loaded, nothing is run, and two of them in a page have no names to share.
    assert not re.search(r"<script|<image|<style|url\(|\bid=|\bon\w+=", svg)
    assert "NaN" not in svg
    assert set(re.findall(r"https?://[^\"\s]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


@pytest.mark.parametrize("name", CHARTS)
def test_the_same_model_is_the_same_picture(year, name):
    with year.connect() as connection:
        period = recent_period(connection)
        assert to_svg(CHARTS[name](connection, period)) == to_svg(CHARTS[name](connection, period))


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        pytest.param(
            Period(date(2025, 12, 31), date(2026, 1, 2)),
            ["31 Dec", "1 Jan", "2 Jan"],
            id="days",
        ),
        pytest.param(
            Period(date(2026, 1, 1), date(2026, 1, 28)),
            ["5 Jan", "12 Jan", "19 Jan", "26 Jan"],
            id="Mondays",
        ),
        pytest.param(
            Period(date(2025, 12, 15), date(2026, 6, 15), "week"),
            ["Jan 2026", "Feb 2026", "Mar 2026", "Apr 2026", "May 2026", "Jun 2026"],
            id="months",
        ),
    ],
)
def test_days_are_named_below_the_chart(year, period, expected):
    with year.connect() as connection:
        shown = texts(to_svg(CHARTS["activity"](connection, period)))
    assert [text for text in shown if re.search(r"^\d+ \w{3}$|^\w{3} \d{4}$", text)] == expected


def test_what_a_point_is_stands_in_the_title(year):
    with year.connect() as connection:
        shown = texts(to_svg(CHARTS["activity"](connection, whole_period(connection))))
    assert "Visits and actions a day, by week" in shown
