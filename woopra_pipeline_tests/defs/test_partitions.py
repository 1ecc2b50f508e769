import subprocess
import sys
from datetime import UTC, date, datetime

import pytest
import time_machine

from woopra_pipeline.defs.partitions import START_DATE, log_days, start_date
from woopra_pipeline.errors import ConfigurationError


def test_begin_at_the_built_in_date(monkeypatch):
    monkeypatch.delenv("WOOPRA_START_DATE", raising=False)
    assert start_date() == date.fromisoformat(START_DATE)


def test_begin_at_the_date_of_the_environment(monkeypatch):
    monkeypatch.setenv("WOOPRA_START_DATE", "2019-07-01")
    assert start_date() == date(2019, 7, 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("yesterday", id="no date"),
        pytest.param("2026-02-30", id="no such day"),
        pytest.param("20260101", id="other notation"),
    ],
)
def test_name_the_variable_that_is_malformed(monkeypatch, text):
    monkeypatch.setenv("WOOPRA_START_DATE", text)
    with pytest.raises(ConfigurationError, match=f"WOOPRA_START_DATE: '{text}' is no"):
        start_date()


def test_malformed_variable_stops_dagster_with_the_sentence():
    loading = subprocess.run(
        [sys.executable, "-c", "import woopra_pipeline.definitions"],
        env={"WOOPRA_START_DATE": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loading.returncode != 0
    assert "WOOPRA_START_DATE: 'soon' is not a log day" in loading.stderr


@pytest.mark.parametrize(
    ("now", "last"),
    [
        pytest.param(datetime(2026, 3, 8, 7, 59, tzinfo=UTC), "2026-03-06", id="before midnight"),
        pytest.param(datetime(2026, 3, 8, 8, 0, tzinfo=UTC), "2026-03-07", id="at midnight"),
        pytest.param(datetime(2026, 3, 9, 6, 59, tzinfo=UTC), "2026-03-07", id="day of 23 hours"),
        pytest.param(datetime(2026, 3, 9, 7, 0, tzinfo=UTC), "2026-03-08", id="after 23 hours"),
        pytest.param(datetime(2026, 11, 2, 7, 59, tzinfo=UTC), "2026-10-31", id="day of 25 hours"),
        pytest.param(datetime(2026, 11, 2, 8, 0, tzinfo=UTC), "2026-11-01", id="after 25 hours"),
    ],
)
def test_end_with_the_last_closed_log_day(now, last):
    with time_machine.travel(now, tick=False):
        assert log_days.get_last_partition_key() == last
