"""A 200 is a log only if a line of it can be read; and it does not take lines away unasked."""

from datetime import date, timedelta

import orjson
import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.archive.days import find_held_back
from woopra_pipeline.errors import LinesLostError, ServiceUnavailableError
from woopra_pipeline_tests.scripted_server import chunked, gzipped, whole

DAY = date(2026, 3, 5)
VISIT = b'{"type":"visit","pid":"a"}\n'
REJECTED = b'{"type":"visit"}\n'
GOOD = VISIT * 69
PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


@pytest.fixture
def fetch(server, make_client, archive, frozen_time):
    """Fetches the day with the service answering as told, a minute after the last time."""

    def fetch_answer(*answers, **options):
        server.answers(*answers)
        frozen_time.now += timedelta(minutes=1)
        client = make_client(attempts=3)
        return fetch_log_day(client, archive, DAY, clock=frozen_time.clock, **options)

    return fetch_answer


def content(archive, archived):
    with archive.open(archived) as stream:
        return stream.read()


NO_LOGS = [
    pytest.param(b'{"error":"internal"}', "no line is a readable visit", id="error object"),
    pytest.param(b"Service temporarily unavailable", "no line is a readable", id="text"),
    pytest.param(b'{"type":"click","pid":"a"}\n' * 9, "no line is a readable", id="unknown types"),
    pytest.param(REJECTED * 9, "no line is a readable", id="all rejected"),
    pytest.param(b"[]", "no line is a readable", id="no object"),
    pytest.param(bytes(100_000), "no line is a readable", id="zero bytes"),
    pytest.param(VISIT * 46 + PAGE, "a web page", id="lines, then a page"),
    pytest.param(VISIT * 46 + b'{"type":"vis' + PAGE, "a web page", id="page within a line"),
    pytest.param(VISIT * 46 + PAGE + VISIT, "a web page", id="page between lines"),
    pytest.param(
        VISIT * 90_000 + b'<!DOCTYPE html PUBLIC "x">', "a web page", id="page far behind"
    ),
    pytest.param(VISIT + b'<?xml version="1.0"?><Error/>', "a web page", id="XML at the end"),
]


@pytest.mark.parametrize("archived_before", [False, True], ids=["new day", "archived day"])
@pytest.mark.parametrize("answer", [whole, chunked, gzipped])
@pytest.mark.parametrize(("body", "reason"), NO_LOGS)
def test_what_is_no_log_never_becomes_the_day(
    *, fetch, archive, server, body, reason, answer, archived_before
):
    if archived_before:
        fetch(whole(GOOD))
    before = archive.find(DAY)
    server.requests.clear()
    with pytest.raises(ServiceUnavailableError, match=reason):
        fetch(answer(body))
    assert len(server.requests) == 3
    assert archive.find(DAY) == before


@pytest.mark.parametrize(("body", "reason"), NO_LOGS)
def test_what_is_no_log_is_asked_for_again(fetch, frozen_time, body, reason):
    assert fetch(whole(body), whole(GOOD)).archived.line_count == 69
    assert reason in frozen_time.notices[0]


def test_a_body_that_is_no_log_is_quoted_without_control_characters_and_secrets(fetch):
    body = b"\x1b[31mfailed for APP17 with s3cr3t-k3y"
    with pytest.raises(ServiceUnavailableError) as raised:
        fetch(whole(body))
    assert r"delete: \x1b[31mfailed for" in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(VISIT + b'{"type":"click"}\n' * 99, id="one readable line first"),
        pytest.param(b'{"type":"click"}\n' * 99_999 + VISIT, id="one readable line last"),
        pytest.param(b'{"type":"system","method":"delete","pid":"a"}\n', id="old delete"),
        pytest.param(b'{"type":"identify","pid":"a"}', id="without a newline"),
        pytest.param(b"\xef\xbb\xbf" + VISIT, id="byte order mark"),
        pytest.param(b" \t\r\n" * 99 + VISIT, id="blank lines first"),
        pytest.param(
            VISIT + b'{"type":"visit","pid":"a","visitor":{"title":"<html> <body>"}}\n',
            id="a line that speaks of HTML",
        ),
        pytest.param(
            VISIT + b'{"type":"visit","pid":"a","n":NaN,"title":"<html>"}\n',
            id="a rejected line that speaks of HTML",
        ),
        pytest.param(VISIT + b"<not a line>\n" + VISIT, id="a rejected line that is no page"),
        pytest.param(b"", id="nothing at all"),
    ],
)
def test_a_log_needs_one_readable_line_alone(fetch, server, body):
    fetch(whole(body))
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"\n", b" \r\n\t", b"\xef\xbb\xbf\n"])
def test_a_day_of_white_space_must_come_twice(fetch, server, body):
    archived = fetch(whole(body)).archived
    assert len(server.requests) == 2
    assert archived.notes == ("has white space only, and came so twice",)


SHORTER = [
    pytest.param(VISIT * 46, "46 readable and 0 rejected", id="fewer lines"),
    pytest.param(b"", "0 readable and 0 rejected", id="empty"),
    pytest.param(b"\n", "0 readable and 0 rejected", id="white space"),
    pytest.param(GOOD[:-1].replace(b"visit", b"click", 1), "68 readable", id="one line less"),
    pytest.param(GOOD + REJECTED * 70, "69 readable and 70 rejected", id="most lines rejected"),
]


@pytest.mark.parametrize(("body", "counts"), SHORTER)
def test_a_file_that_loses_lines_is_held_back(fetch, archive, body, counts):
    before = fetch(whole(GOOD)).archived
    with pytest.raises(LinesLostError, match=f"{counts}.*has 69 and 0") as raised:
        fetch(whole(body))
    current = archive.get(DAY)
    assert (current.sha256, current.fetched_at) == (before.sha256, before.fetched_at)
    assert content(archive, current) == GOOD
    [held_back] = current.held_back
    assert content(archive, held_back) == body
    assert counts in held_back.notes[-1]
    assert str(held_back.path) in str(raised.value)
    assert "backfill 2026-03-05 2026-03-05 --accept-shorter" in str(raised.value)
    assert find_held_back(archive) == [current]


@pytest.mark.parametrize(("body", "counts"), SHORTER)
def test_a_file_that_loses_lines_can_be_accepted(fetch, archive, body, counts):
    before = fetch(whole(GOOD)).archived
    with pytest.raises(LinesLostError):
        fetch(whole(body))
    fetched = fetch(whole(body), accept_shorter=True)
    assert fetched.outcome == "changed"
    current = archive.get(DAY)
    assert content(archive, current) == body
    assert [version.sha256 for version in current.earlier] == [before.sha256]
    assert current.held_back == ()
    assert find_held_back(archive) == []


def test_a_file_is_held_back_once_however_often_it_comes(fetch, archive):
    fetch(whole(GOOD))
    for body in (VISIT * 46, VISIT * 45, VISIT * 46):
        with pytest.raises(LinesLostError):
            fetch(whole(body))
    assert [version.line_count for version in archive.get(DAY).held_back] == [45, 46]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param(GOOD, "unchanged", id="the same again"),
        pytest.param(GOOD + VISIT, "changed", id="more lines"),
    ],
)
def test_what_was_held_back_is_settled_by_a_file_that_loses_nothing(fetch, archive, body, outcome):
    fetch(whole(GOOD))
    with pytest.raises(LinesLostError):
        fetch(whole(VISIT * 46))
    assert fetch(whole(body)).outcome == outcome
    current = archive.get(DAY)
    assert content(archive, current) == body
    assert current.held_back == ()
    assert VISIT * 46 in [content(archive, version) for version in current.earlier]


def test_accepting_is_not_accepting_what_is_no_log(fetch, archive):
    fetch(whole(GOOD))
    with pytest.raises(ServiceUnavailableError):
        fetch(whole(b'{"error":"internal"}'), accept_shorter=True)
    assert content(archive, archive.get(DAY)) == GOOD


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(GOOD, GOOD.replace(b'"a"', b'"b"'), id="as many lines"),
        pytest.param(GOOD + REJECTED * 9, GOOD, id="rejected lines gone"),
        pytest.param(GOOD + b"\n" * 9, GOOD, id="blank lines gone"),
        pytest.param(GOOD + REJECTED * 99, GOOD + REJECTED * 98, id="most were rejected before"),
        pytest.param(b"", GOOD, id="empty before"),
        pytest.param(b"", b"\n", id="no lines before or after"),
    ],
)
def test_a_file_that_loses_no_readable_line_becomes_current(fetch, archive, before, after):
    fetch(whole(before))
    assert fetch(whole(after)).outcome == "changed"
    assert content(archive, archive.get(DAY)) == after


def test_a_damaged_file_has_no_lines_left_to_lose(fetch, archive):
    fetch(whole(GOOD)).archived.path.write_bytes(b"garbage")
    assert fetch(whole(VISIT * 46)).outcome == "changed"
    assert content(archive, archive.get(DAY)) == VISIT * 46


def test_a_manifest_names_what_is_held_back_only_where_something_is(fetch, archive):
    manifest = archive.day_folder(DAY) / "manifest.json"
    fetch(whole(GOOD))
    assert "held_back" not in orjson.loads(manifest.read_bytes())
    with pytest.raises(LinesLostError):
        fetch(whole(VISIT))
    assert len(orjson.loads(manifest.read_bytes())["held_back"]) == 1


def test_an_error_shows_no_line_about_a_person(fetch):
    line = b'{"type":"visit","pid":"","visitor":{"email":"ada@example.com"}}\n'
    with pytest.raises(ServiceUnavailableError, match="lines of a log that cannot be") as caught:
        fetch(*[whole(line)] * 3)
    assert "example.com" not in str(caught.value)
