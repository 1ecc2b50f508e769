"""A body that ends where a line ends can be cut all the same: what the answer says is compared."""

from datetime import date

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.errors import ServiceUnavailableError
from woopra_pipeline_tests.scripted_server import chunked, gzipped, head, raw, whole

DAY = date(2026, 3, 5)
BODY = b"".join(b'{"type":"visit","pid":"%06d"}\n' % number for number in range(2_000))
SIZE = len(BODY)
CUT = BODY[: 1_008 * SIZE // 2_000]


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


@pytest.fixture
def fetch(server, make_client, archive):
    def fetch_answer(*answers, **settings):
        server.answers(*answers)
        return fetch_log_day(make_client(attempts=4, **settings), archive, DAY).archived

    return fetch_answer


def position(number):
    return {"X-Woopra-Pos": str(number)}


def until_the_connection_ends(body, **headers):
    return raw(head(200, headers), body)


def named(body, number=SIZE):
    """A body whose length is announced, with a position."""
    return whole(body, headers=position(number))


def unnamed(body, number=SIZE):
    """A body that ends with the connection, with a position."""
    return raw(head(200, position(number)), body)


@pytest.mark.parametrize("answer", [named, unnamed])
def test_a_cut_body_is_told_by_its_position(fetch, frozen_time, answer):
    assert fetch(answer(CUT), answer(BODY)).line_count == 2_000
    assert "there came 32,256 bytes where X-Woopra-Pos said 64,000" in frozen_time.notices[0]


def test_the_name_of_the_header_is_a_setting(fetch, server):
    cut, body = (
        whole(each, headers={"X-Here": str(len(BODY)), "X-Woopra-Pos": "17"})
        for each in (CUT, BODY)
    )
    assert fetch(cut, body, position_header="X-Here").line_count == 2_000
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [named, unnamed])
def test_a_whole_body_with_its_position_is_taken_at_once(fetch, server, answer):
    assert fetch(answer(BODY)).notes == ()
    assert len(server.requests) == 1


def test_a_body_cut_at_another_line_each_time_is_not_taken(fetch, archive):
    lines = len(BODY) // 2_000
    with pytest.raises(ServiceUnavailableError, match="X-Woopra-Pos said 64,000"):
        fetch(*(unnamed(BODY[: number * lines]) for number in (1, 2, 3, 4)))
    assert archive.find(DAY) is None


@pytest.mark.parametrize("cut", [0, len(CUT)])
def test_a_body_always_cut_at_the_same_place_is_not_taken_if_there_is_more(
    *, server, make_client, archive, cut
):
    def answer(connection, closing):
        start = int(server.requests[-1].query.get("pos", 0))
        asked_for_more = "pos" in server.requests[-1].query
        named(BODY[start:] if asked_for_more else BODY[:cut])(connection, closing)

    server.answers(answer)
    with pytest.raises(ServiceUnavailableError, match="but there is more"):
        fetch_log_day(make_client(attempts=4), archive, DAY)
    assert archive.find(DAY) is None


@pytest.mark.parametrize(
    ("number", "behind"),
    [
        pytest.param(17, None, id="smaller"),
        pytest.param(1 << 50, whole(b""), id="larger, and nothing stands there"),
        pytest.param(1 << 50, whole(b"", 416), id="larger, and no such position"),
        pytest.param(1 << 50, whole(b"", 404), id="larger, and nothing found there"),
        pytest.param(1 << 50, whole(BODY), id="larger, and positions mean nothing"),
    ],
)
def test_a_position_that_always_says_something_else_is_noted(fetch, server, number, behind):
    answers = [named(BODY, number)] * 2
    archived = fetch(*answers, *([behind] if behind else []))
    assert archived.line_count == 2_000
    assert archived.notes == (
        f"has 64,000 bytes where X-Woopra-Pos said {number:,}, and came so twice",
    )
    assert len(server.requests) == 2 + bool(behind)


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "\u00b2"])
def test_an_illegible_position_says_nothing(fetch, server, text):
    answer = raw(head(200, {"Content-Length": str(len(BODY)), "X-Woopra-Pos": text}), BODY)
    assert fetch(answer).notes == ()
    assert len(server.requests) == 1


def test_the_position_counts_bytes_of_the_decoded_file(fetch, server):
    answer = gzipped(BODY, headers=position(len(BODY)))
    assert fetch(answer).notes == ()
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [BODY, b""], ids=["lines", "nothing"])
def test_a_body_that_just_ends_must_come_twice(fetch, server, body):
    archived = fetch(until_the_connection_ends(body))
    assert archived.byte_count == len(body)
    assert len(server.requests) == 2
    assert "ended with the connection" in archived.notes[0]


def test_a_body_that_just_ends_and_was_cut_once_comes_whole(fetch, server):
    answers = map(until_the_connection_ends, (CUT, BODY, BODY))
    assert fetch(*answers).line_count == 2_000
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [whole, chunked, gzipped])
def test_a_body_that_says_where_it_ends_comes_once(fetch, server, answer):
    assert fetch(answer(BODY)).notes == ()
    assert len(server.requests) == 1
