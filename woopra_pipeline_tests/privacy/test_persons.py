"""R10: which lines an erasure takes, and what stands in their place."""

import io
import json
from datetime import UTC, date, datetime

import pytest

from woopra_pipeline.parse.lines import TOMBSTONE, ErasedLine, parse_line
from woopra_pipeline.parse.pseudonyms import Pseudonyms
from woopra_pipeline.privacy.digests import VALUE_DIGITS, Digests, digest
from woopra_pipeline.privacy.persons import FOR_EVER, ErasedPersons, Remembered, tombstone

KEY = b"key"
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
        pytest.param(line(time=-AT, actions=[0, -5]), THE_DAY_AFTER, True, id="no time above 0"),
        pytest.param(line(time=10**30), DAY, True, id="a time that no column can hold"),
        pytest.param(line(line_type="delete", new_id="bob"), DAY, False, id="a delete stays"),
        pytest.param(line(line_type="system", time=1), DAY, True, id="no line that can be read"),
        pytest.param(line(time=1)[:-1], DAY, True, id="no JSON"),
        pytest.param(line(pid="bob", time=1)[:-1], DAY, False, id="no JSON, of somebody else"),
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


def remembering(moment=MOMENT):
    """Ada, who was erased, as the register has her: her email, her plan, and her pid."""
    values = {"email": "ada@example.com", "plan": "pro"}
    remembered = Remembered(
        "first",
        moment,
        pids=frozenset({"ada"}),
        identifiers=frozenset({digest(KEY, "email", "ada@example.com")}),
        values={digest(KEY, key, value)[:VALUE_DIGITS] for key, value in values.items()},
    )
    return ErasedPersons({"ada": moment}, [remembered], Digests(KEY), keys=["id", "email"])


def says(pid="ada", line_type="identify", time=0, **visitor):
    return line(pid=pid, line_type=line_type, time=time, visitor=visitor)


EMAIL = {"email": " Ada@Example.com"}


@pytest.mark.parametrize(
    ("lines", "are_taken"),
    [
        pytest.param([says(**EMAIL)], [True], id="logged again"),
        pytest.param([says(pid="eve", **EMAIL)], [True], id="logged again under any pid"),
        pytest.param([says(plan="pro", city="Graz")], [True], id="a value that is not hers alone"),
        pytest.param([says(pid="eve", plan="pro")], [False], id="that value, of somebody else"),
        pytest.param([says(plan="free", city="Graz")], [False], id="nothing that was said before"),
        pytest.param([says()], [False], id="nothing at all"),
        pytest.param([says(line_type="visit", city="Graz")], [True], id="a visit without a time"),
        pytest.param(
            [says(line_type="visit", pid="eve", city="Graz")], [False], id="that of another"
        ),
        pytest.param(
            [says(line_type="visit", time=AT, **EMAIL), says(**EMAIL)],
            [False, False],
            id="said again by a visit since",
        ),
        pytest.param(
            [says(pid="eve", line_type="visit", time=AT, **EMAIL), says(pid="eve", **EMAIL)],
            [False, False],
            id="said again under a new pid",
        ),
        pytest.param(
            [says(line_type="visit", time=AT, **EMAIL), says(plan="pro", **EMAIL)],
            [False, True],
            id="half of it said again",
        ),
        pytest.param(
            [says(**EMAIL), says(line_type="visit", time=AT, **EMAIL)],
            [True, False],
            id="said again only afterwards",
        ),
        pytest.param(
            [says(line_type="visit", time=AT, pid="eve", **EMAIL), says(**EMAIL)],
            [False, True],
            id="said again by another pid",
        ),
        pytest.param(
            [says(line_type="visit", time=AT - 1, **EMAIL), says(**EMAIL)],
            [True, True],
            id="the visit is an old one",
        ),
        pytest.param(
            [says(pid="eve", line_type="visit", time=AT - 1, **EMAIL)],
            [True],
            id="an old visit with her email under another pid",
        ),
        pytest.param(
            [says(pid="eve", line_type="visit", time=AT, **EMAIL)], [False], id="a new one"
        ),
        pytest.param(
            [says(pid="eve", **EMAIL).replace(b"Ada", b"\\u0041da")], [True], id="with escapes"
        ),
        pytest.param([b'{"type":"visit","pid":"ada",'], [True], id="her pid, not readable"),
        pytest.param([b'{"type":"visit","pid":"adam","ad":"ada"'], [False], id="not her pid"),
        pytest.param([b"mail=ada%40example.com;"], [True], id="her email, not readable"),
        pytest.param([b"ada@example.comx, ada@example"], [False], id="another email"),
        pytest.param([b'{"email":"\\u0061da@example.com"'], [True], id="in JSON that is cut off"),
        pytest.param([b'"{\\"email\\":\\"ada@example.com\\"}"'], [True], id="JSON within JSON"),
    ],
)
def test_lines_without_a_time_are_taken_if_they_repeat_what_was_erased(lines, are_taken):
    file = b"\n".join([*lines, b""])
    overwritten, count = remembering().overwritten(file, THE_DAY_AFTER)
    assert [isinstance(parse_line(one), ErasedLine) for one in overwritten.split(b"\n")[:-1]] == (
        are_taken
    )
    assert (count, len(overwritten)) == (sum(are_taken), len(file))


def test_what_erased_lines_said_is_remembered():
    kept = []
    remembered = Remembered("first", MOMENT, frozenset({"ada"}), frozenset(), set())
    persons = ErasedPersons({"ada": MOMENT}, [remembered], Digests(KEY), keep=kept.append)
    file = b"\n".join([says(time=0, phone=None, plan="pro", n=1), says(pid="bob", x="y"), b""])
    persons.overwritten(file, DAY)
    persons.keep_new_values()
    digests = {digest(KEY, *one)[:VALUE_DIGITS] for one in (("plan", "pro"), ("n", "1"))}
    assert kept == [{"first": digests}]
    assert persons.overwritten(says(n=1), THE_DAY_AFTER)[1] == 1
    persons.keep_new_values()
    assert len(kept) == 1


@pytest.mark.parametrize("written", ['{"work":"ada@example.com"}', '{ "work": "ada@example.com" }'])
@pytest.mark.parametrize("name", ["email", "\\u0065mail"])
def test_an_identifier_is_known_however_its_json_is_written(name, written):
    text = digest(KEY, "email", '{"work":"ada@example.com"}')
    remembered = Remembered("first", MOMENT, frozenset({"ada"}), frozenset({text}), set())
    persons = ErasedPersons({"ada": MOMENT}, [remembered], Digests(KEY), keys=["email"])
    again = f'{{"type":"identify","pid":"eve","time":0,"visitor":{{"{name}":{written}}}}}'
    assert persons.overwritten(again.encode(), THE_DAY_AFTER)[1] == 1


def test_with_the_future_an_identifier_is_taken_under_any_pid():
    persons = remembering(FOR_EVER)
    new = says(pid="eve", line_type="visit", time=AT * 2, **EMAIL)
    assert persons.overwritten(new, THE_DAY_AFTER)[1] == 1


@pytest.mark.parametrize("length", [1, 16, 17, 18])
def test_what_stands_for_a_short_line_has_its_length(length):
    text = tombstone(length)
    assert (len(text), parse_line(text)) == (length, ErasedLine())


def test_values_are_known_by_what_stands_for_them_in_the_model(tmp_path):
    key_file = tmp_path / "key"
    key_file.write_bytes(b"key of pseudonyms")
    key_file.chmod(0o600)
    pseudonyms = Pseudonyms(("email",), str(key_file))
    stands = digest(KEY, "email", pseudonyms.digest("ada@example.com"))
    remembered = Remembered("first", MOMENT, frozenset({"ada"}), frozenset({stands}), set())
    for given, is_taken in ((pseudonyms, True), (None, False)):
        digests = Digests(KEY, given)
        persons = ErasedPersons({"ada": MOMENT}, [remembered], digests, keys=["email"])
        assert persons.overwritten(says(pid="eve", **EMAIL), DAY)[1] == is_taken
        assert persons.overwritten(b"Mail: ada@example.com", DAY)[1] == is_taken
