"""Whatever a server writes into a header: it is read, or it is None."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woopra_pipeline.woopra.headers import (
    LONGEST_WAIT,
    content_encodings,
    http_date,
    retry_after_seconds,
    whole_number,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAMES = ["Mon", "Tue", "xyz", ""]
MONTHS = ["Jan", "Feb", "Dec", "Foo", ""]
ZONES = ["GMT", "UTC", "EST", "-0000", "+9999", "-9999", "+2359", "+99999999", "٣", ""]

numbers = st.one_of(
    st.integers().map(str),
    st.integers(10**4300, 10**4400).map(lambda number: "9" * (number % 5_000)),
    st.text(st.characters(categories=["Nd", "No", "Nl"]), max_size=30),
    st.floats().map(str),
    st.sampled_from(["+99999999999999", "1_000", "0x10", "1e9", "nan", "inf", "-0", "٣٤", "²"]),
)
dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(NAMES),
    st.integers(-1, 40),
    st.sampled_from(MONTHS),
    st.one_of(st.integers(-1, 10_001), st.sampled_from(["0001", "9999", "٢٠٢٦"])),
    st.integers(-1, 30),
    st.integers(-1, 70),
    st.integers(-1, 70),
    st.sampled_from(ZONES),
)
anything = st.one_of(st.text(), numbers, dates)


@given(anything)
@example("9" * 5_000)
@example("0" * 5_000 + "7")
def test_a_number_is_read_or_is_none(text):
    number = whole_number(text)
    if number is not None:
        assert text.strip(" \t").isascii()
        assert 0 <= number < 2**63
        assert str(number) == text.strip(" \t").lstrip("0") or number == 0


@given(st.integers(0, 10**18 - 1))
def test_every_number_that_is_of_use_is_read(number):
    assert whole_number(f" {number}\t") == number


@given(anything)
@example("+99999999999999")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("2026 2026 2026 2026")
def test_a_wait_is_read_or_is_none(text):
    seconds = retry_after_seconds({"retry-after": text}, NOW)
    assert seconds is None or (0 <= seconds <= LONGEST_WAIT and math.isfinite(seconds))


@given(anything)
def test_a_date_is_read_or_is_none(text):
    instant = http_date(text)
    assert instant is None or instant.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("Tue, 10 Mar 2026 12:00:00 GMT", NOW, id="as HTTP wants it"),
        pytest.param("Tuesday, 10-Mar-26 12:00:00 GMT", NOW, id="as it was once"),
        pytest.param("Tue Mar 10 12:00:00 2026", NOW, id="as C writes it"),
        pytest.param("Tue, 10 Mar 2026 13:00:00 +0100", NOW, id="another zone"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2300", None, id="beyond the calendar"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_dates_are_read_in_all_forms_of_http(text, instant):
    assert http_date(text) == instant


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("", [], id="none"),
        pytest.param("identity", [], id="identity"),
        pytest.param(" GZIP ", ["gzip"], id="gzip"),
        pytest.param("x-gzip, identity", ["gzip"], id="old name"),
        pytest.param("deflate,,gzip", ["deflate", "gzip"], id="two"),
    ],
)
def test_encodings_are_named_in_order(text, names):
    assert content_encodings(text) == names


@given(st.text())
def test_any_encoding_is_a_list_of_names(text):
    assert all(name and name != "identity" for name in content_encodings(text))
