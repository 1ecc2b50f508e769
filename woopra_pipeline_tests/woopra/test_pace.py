"""A service that is never silent, but never done either, is given up; a slow one is not."""

import itertools
import socket
from datetime import date

import pytest

from woopra_pipeline.errors import RequestRejectedError, ServiceUnavailableError
from woopra_pipeline.woopra.client import ImportOutcome, WoopraClient
from woopra_pipeline.woopra.pace import TooSlowError, kept_up
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.scripted_server import head, raw, whole

DAY = date(2026, 3, 5)
BODY = b'{"type":"visit","pid":"aaaaBBBB1111"}\n' * 100


def passing(*waits, rate=1_000, reading=0.0):
    """The sizes that `kept_up` lets pass, given the seconds waited for each chunk and its size."""
    passed_seconds = [0.0]

    def chunks():
        for seconds, size in waits:
            passed_seconds.append(seconds)
            yield bytes(size)

    def stopwatch():
        return sum(passed_seconds)

    for chunk in kept_up(chunks(), lowest_rate=rate, window=60, stopwatch=stopwatch):
        yield len(chunk)
        passed_seconds[:] = [stopwatch() + reading]


@pytest.mark.parametrize(
    ("waits", "count"),
    [
        pytest.param([(0.5, 1)] * 1_000, 119, id="a byte every half second"),
        pytest.param([(170, 1)] * 1_000, 1, id="a byte before each timeout of reading"),
        pytest.param([(1, 999)] * 1_000, 59, id="a little too slow"),
        pytest.param([(1, 5_000)] * 60 + [(1, 10)] * 1_000, 119, id="slow later"),
    ],
)
def test_what_comes_too_slowly_is_given_up_when_a_window_is_over(waits, count):
    passed = []
    with pytest.raises(TooSlowError, match=r"bytes in 60 s, less than 1000 a second"):
        passed.extend(passing(*waits))
    assert len(passed) == count


@pytest.mark.parametrize(
    "waits",
    [
        pytest.param([], id="nothing"),
        pytest.param([(1, 1_000)] * 1_000, id="just fast enough"),
        pytest.param([(59, 60_000)] * 100, id="seldom, but much"),
        pytest.param([(170, 1), (0.1, 1_000_000), (170, 1)] * 9, id="with long pauses"),
        pytest.param([(0.5, 1)] * 119, id="small and done before the window is over"),
        pytest.param([(0, 1)] * 10_000, id="small pieces without a wait"),
    ],
)
def test_what_comes_fast_enough_passes(waits):
    assert list(passing(*waits)) == [size for _, size in waits]


def test_the_time_a_reader_takes_does_not_count():
    assert len(list(passing(*[(0.1, 1)] * 500, reading=3_600))) == 500


def test_no_rate_is_no_bound():
    assert len(list(passing(*[(170, 1)] * 500, rate=0))) == 500


def one_byte_chunks(body):
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    return raw(head(200, {"Transfer-Encoding": "chunked"}), chunks + b"0\r\n\r\n")


@pytest.fixture
def make_waiting_client(server, frozen_time):
    """Makes clients for which each look at the stopwatch comes half a second after the last."""
    clients = []

    def make(**changes):
        client = WoopraClient(
            settings_for(base_url=server.base_url, **changes),
            clock=frozen_time.clock,
            sleep=frozen_time.sleep,
            notify=frozen_time.notices.append,
            stopwatch=itertools.count(0, 0.5).__next__,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def read(response):
    return b"".join(response.chunks)


def test_a_download_that_trickles_is_a_failed_attempt(server, make_waiting_client, frozen_time):
    server.answers(one_byte_chunks(BODY), whole(BODY))
    assert make_waiting_client().download_log_day(DAY, read) == BODY
    assert "it sent 120 bytes in 60 s, less than 1000 a second" in frozen_time.notices[0]


def test_a_growing_day_that_trickles_is_given_up_too(server, make_waiting_client):
    server.answers(one_byte_chunks(BODY))
    client = make_waiting_client(attempts=2)
    with pytest.raises(ServiceUnavailableError, match=r"in 2 attempts.*less than 1000 a second"):
        client.read_log_day_from(DAY, 17, read)


def test_rate_and_window_are_settings(server, make_waiting_client):
    server.answers(one_byte_chunks(BODY))
    client = make_waiting_client(attempts=1, lowest_rate=2, rate_window=10)
    assert client.download_log_day(DAY, read) == BODY
    client = make_waiting_client(attempts=1, lowest_rate=2.2, rate_window=10)
    with pytest.raises(ServiceUnavailableError, match=r"20 bytes in 10 s, less than 2\.2 a second"):
        client.download_log_day(DAY, read)


def trickling(sent):
    """These bytes, then one more now and then for as long as the other end listens."""

    def answer(connection, closing):
        connection.sendall(sent)
        while not closing.wait(0.01):
            connection.sendall(b"x")

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nX-Filler: "


@pytest.mark.parametrize(
    ("sent", "error", "message"),
    [
        pytest.param(
            HEAD, ServiceUnavailableError, r"no whole answer came in 0\.2 s", id="within the head"
        ),
        pytest.param(
            head(400, {"Content-Length": "99999"}) + b"why ",
            RequestRejectedError,
            "why x",
            id="within an error",
        ),
    ],
)
def test_an_answer_that_does_not_begin_in_time_is_given_up(
    *, server, make_client, sent, error, message
):
    server.answers(trickling(sent))
    with pytest.raises(error, match=message):
        make_client(attempts=1, answer_deadline=0.2).download_log_day(DAY, read)


def test_the_body_may_take_longer_than_the_deadline_of_the_answer(server, make_client):
    def answer(connection, closing):
        connection.sendall(head(200, {"Content-Length": str(len(BODY))}) + BODY[:99])
        closing.wait(0.3)
        connection.sendall(BODY[99:])

    server.answers(answer)
    client = make_client(attempts=1, answer_deadline=0.1)
    assert client.download_log_day(DAY, read) == BODY


def test_an_import_whose_answer_does_not_come_in_time_is_unknown(server, make_client):
    server.answers(trickling(HEAD))
    attempt = make_client(answer_deadline=0.2, lowest_rate=1e6).post_import(BODY)
    assert attempt.outcome is ImportOutcome.UNKNOWN
    assert attempt.problem == "no whole answer came in 0.2038 s"


def test_an_import_whose_status_came_in_time_is_answered(server, make_client):
    server.answers(trickling(head(200, {"Content-Length": "99999"}) + b"ok"))
    attempt = make_client(answer_deadline=0.2, lowest_rate=0).post_import(BODY)
    assert (attempt.outcome, attempt.status) == (ImportOutcome.ANSWERED, 200)
    assert attempt.body.startswith("ok")


def test_an_import_that_is_not_taken_off_the_wire_in_time_is_unknown(make_client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/rest/3.7"
        client = make_client(base_url=base_url, answer_deadline=0.2, lowest_rate=0)
        attempt = client.post_import(bytes(50_000_000))
    assert attempt.outcome is ImportOutcome.UNKNOWN
    assert attempt.problem == "no whole answer came in 0.2 s"
