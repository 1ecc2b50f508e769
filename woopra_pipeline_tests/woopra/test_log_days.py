from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.woopra.log_days import (
    end_of_log_day,
    log_day_at,
    log_day_from_text,
    log_days_between,
    log_position,
    start_of_log_day,
)

days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
lines = st.integers(1, 2**31 - 1)


@pytest.mark.parametrize(
    ("day", "start", "hours"),
    [
        pytest.param(date(2026, 1, 15), datetime(2026, 1, 15, 8, tzinfo=UTC), 24, id="winter"),
        pytest.param(date(2026, 7, 15), datetime(2026, 7, 15, 7, tzinfo=UTC), 24, id="summer"),
        pytest.param(date(2026, 3, 8), datetime(2026, 3, 8, 8, tzinfo=UTC), 23, id="spring"),
        pytest.param(date(2026, 11, 1), datetime(2026, 11, 1, 7, tzinfo=UTC), 25, id="autumn"),
    ],
)
def test_a_log_day_lasts_from_midnight_to_midnight_in_los_angeles(day, start, hours):
    assert start_of_log_day(day) == start
    assert end_of_log_day(day) - start == timedelta(hours=hours)
    assert end_of_log_day(day) == start_of_log_day(day + timedelta(days=1))


@given(days)
def test_every_instant_of_a_log_day_belongs_to_it(day):
    assert log_day_at(start_of_log_day(day)) == day
    assert log_day_at(end_of_log_day(day) - timedelta(microseconds=1)) == day
    assert log_day_at(end_of_log_day(day)) == day + timedelta(days=1)


def test_log_days_between_includes_both_ends():
    assert list(log_days_between(date(2024, 2, 28), date(2024, 3, 1))) == [
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    ]
    assert list(log_days_between(date(2024, 3, 1), date(2024, 3, 1))) == [date(2024, 3, 1)]
    assert list(log_days_between(date(2024, 3, 2), date(2024, 3, 1))) == []


def test_a_log_day_is_read_as_it_is_written():
    assert log_day_from_text("2026-03-05") == date(2026, 3, 5)


@pytest.mark.parametrize("text", ["", "today", "20260305", "2026-3-5", "2026-W10-4"])
def test_anything_else_is_no_log_day(text):
    with pytest.raises(ConfigurationError, match="write it as YYYY-MM-DD"):
        log_day_from_text(text)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01", "2026-00-01"])
def test_a_day_that_no_calendar_has_is_no_log_day(text):
    with pytest.raises(ConfigurationError, match="not in the calendar"):
        log_day_from_text(text)


@given(st.tuples(days, lines), st.tuples(days, lines))
def test_positions_are_ordered_as_the_log_is(one, other):
    assert (log_position(*one) < log_position(*other)) == (one < other)


@given(days, lines)
def test_a_position_fits_a_signed_64_bit_integer(day, line):
    assert 0 < log_position(day, line) < 2**63
