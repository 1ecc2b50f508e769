"""R10: which lines an erasure takes, and what stands in their place."""

import io
import json
from datetime import UTC, date, datetime

import pytest

from woopra_pipeline.parse.lines import TOMBSTONE, ErasedLine, parse_line
from woopra_pipeline.privacy.persons import FOR_EVER, ErasedPersons

MOMENT = datetime(2026, 3, 6, 20, tzinfo=UTC)
"""Noon in Los Angeles."""
AT = int(MOMENT.timestamp() * 1000)
DAY = date(2026, 3, 6)
THE_DAY_AFTER = date(2026, 3, 7)


def line(pid="ada", line_type="visit", time=None, actions=(), **fields):
    content = {"type": line_type, "pid": pid, **fields}
    if time is not None:
        content["time"] = time
    if actions:
        content["actions"] = [{"name": "pv", "time": at} for at in actions]
    return json.dumps(content, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("content", "log_day", "is_taken"),
    [
        pytest.param(line(time=AT - 1), DAY, True, id="before the moment"),
        pytest.param(line(time=AT), DAY, False, id="at the moment"),
        pytest.param(line(time=AT - 1), THE_DAY_AFTER, True, id="before, and logged again since"),
        pytest.param(line(pid="bob", time=1), DAY, False, id="somebody else's"),
        pytest.param(line(pid="Ada", time=1), DAY, False, id="a pid in capitals is another"),
        pytest.param(
            line(time=1, actions=[AT - 2, AT - 1]), DAY, True, id="all of its actions before"
        ),
        pytest.param(line(time=1, actions=[AT, 5]), DAY, False, id="one action since"),
        pytest.param(line(time=AT, actions=[5]), DAY, False, id="itself since"),
        pytest.param(line(line_type="identify", time=0), DAY, True, id="no time, that day"),
        pytest.param(
            line(line_type="identify", time=0), THE_DAY_AFTER, False, id="no time, a day after"
        ),
        pytest.param(line(time=-AT, actions=[0, -5]), THE_DAY_AFTER, False, id="no time above 0"),
        pytest.param(line(time=10**30), DAY, True, id="a time that no column can hold"),
        pytest.param(line(line_type="delete", new_id="bob"), DAY, False, id="a delete stays"),
        pytest.param(line(line_type="system", time=1), DAY, False, id="what cannot be read stays"),
        pytest.param(line(time=1)[:-1], DAY, False, id="what is no JSON stays"),
        pytest.param(
            line(time=1).replace(b"ada", b"\\u0061da"), DAY, True, id="a pid with escapes"
        ),
        pytest.param(
            line(time=1, visitor={"name": "\ud800"}), DAY, True, id="a line for the slow path"
        ),
        pytest.param(line(time=1) + b"\r", DAY, True, id="a carriage return at the end"),
    ],
)
def test_a_line_is_taken_if_what_it_tells_of_happened_before(content, log_day, is_taken):
    persons = ErasedPersons({"ada": MOMENT})
    around = b'{"type":"visit","pid":"bob"}\n'
    file = around + content + b"\n" + around
    overwritten, count = persons.overwritten(file, log_day)
    assert count == is_taken
    expected = TOMBSTONE.ljust(len(content)) if is_taken else content
    assert overwritten == around + expected + b"\n" + around
    if is_taken:
        assert parse_line(expected) == ErasedLine()
        assert persons.overwritten(overwritten, log_day) == (overwritten, 0)


def test_with_the_future_everything_is_taken():
    persons = ErasedPersons({"ada": FOR_EVER})
    lines = [line(time=AT * 2), line(line_type="identify", time=0)]
    for content in lines:
        assert persons.overwritten(content, date(2999, 1, 1))[1] == 1


def test_a_tombstone_is_never_longer_than_the_line_it_stands_for():
    shortest = b'{"type":"visit","pid":"a"}'
    overwritten, count = ErasedPersons({"a": MOMENT}).overwritten(shortest, DAY)
    assert (count, len(overwritten)) == (1, len(shortest))


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["without newline", "with newline"])
def test_a_whole_file_keeps_its_length_its_mark_and_its_end(end):
    file = b"\xef\xbb\xbf" + line(time=1) + b"\n" + line(pid="bob") + b"\n" + line(time=2) + end
    pieces = list(ErasedPersons({"ada": MOMENT}).overwritten_file(io.BytesIO(file), DAY))
    overwritten = b"".join(piece for piece, _ in pieces)
    assert sum(count for _, count in pieces) == 2
    assert len(overwritten) == len(file)
    assert overwritten.startswith(b"\xef\xbb\xbf" + TOMBSTONE)
    assert b"ada" not in overwritten
    assert overwritten.count(b"\n") == file.count(b"\n")
