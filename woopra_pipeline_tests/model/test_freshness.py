"""How far archive, parsed days and model are behind: by the days of Los Angeles that are whole."""

import shutil
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.checks import due_log_day
from woopra_pipeline.model.database import connect
from woopra_pipeline.model.freshness import PLACES, Freshness, find_freshness
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day

FIRST, LAST = date(2026, 1, 30), date(2026, 1, 31)
NOON = datetime(2026, 2, 1, 20, tzinfo=UTC)
"""Noon in Los Angeles, the day after the last one that is there."""
LINE = {"type": "visit", "pid": "p", "time": 1769803200000, "actions": []}


@pytest.fixture(scope="module")
def two_days(tmp_path_factory):
    directory = DataDirectory(tmp_path_factory.mktemp("two_days"))
    for log_day in FIRST, LAST:
        put_day(directory, log_day, orjson.dumps(LINE))
    update_model(directory)
    return directory


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param(datetime(2026, 2, 1, 16, 59, tzinfo=UTC), "2026-01-30", id="before 9 o'clock"),
        pytest.param(datetime(2026, 2, 1, 17, 0, tzinfo=UTC), "2026-01-31", id="at 9 o'clock"),
        pytest.param(datetime(2026, 2, 2, 7, 59, tzinfo=UTC), "2026-01-31", id="before midnight"),
        pytest.param(datetime(2026, 2, 2, 8, 0, tzinfo=UTC), "2026-01-31", id="after midnight"),
        pytest.param(datetime(2026, 3, 8, 15, 59, tzinfo=UTC), "2026-03-06", id="day of 23 hours"),
        pytest.param(datetime(2026, 3, 8, 16, 0, tzinfo=UTC), "2026-03-07", id="its 9 o'clock"),
        pytest.param(datetime(2026, 11, 1, 16, 59, tzinfo=UTC), "2026-10-30", id="day of 25 hours"),
        pytest.param(datetime(2026, 11, 1, 17, 0, tzinfo=UTC), "2026-10-31", id="its 9 o'clock"),
    ],
)
def test_a_log_day_is_due_at_nine_in_los_angeles(now, due):
    assert str(due_log_day(now)) == due


@pytest.mark.parametrize("place", ["parsed days", "model"])
@pytest.mark.parametrize(
    ("now", "days"),
    [
        pytest.param(NOON, 0, id="the last day is there"),
        pytest.param(NOON + timedelta(days=2), 2, id="two days behind"),
        pytest.param(NOON - timedelta(days=10), 0, id="ahead of its time"),
    ],
)
def test_days_behind_are_counted_from_the_last_day(two_days, place, now, days):
    found = find_freshness(two_days, place, now)
    assert found == Freshness(LAST, due_log_day(now))
    assert found.days_behind == days


def test_the_current_day_is_not_there_yet(two_days, tmp_path):
    directory = DataDirectory(tmp_path)
    shutil.copyfile(two_days.published_model, directory.published_model)
    with connect(directory.published_model) as connection:
        connection.execute("update log.days set is_open = true where log_day = ?", [LAST])
    assert find_freshness(directory, "model", NOON) == Freshness(FIRST, LAST)


@pytest.mark.parametrize("place", PLACES)
def test_where_nothing_is_nothing_is_behind(tmp_path, place):
    assert find_freshness(DataDirectory(tmp_path), place, NOON) is None
