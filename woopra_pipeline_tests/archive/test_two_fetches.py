"""Two fetches of one day at the same time both end well."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline_tests.scripted_server import head, raw, whole

DAY = date(2026, 3, 5)
ONE = b'{"type":"visit","pid":"a"}\n' * 3
OTHER = b'{"type":"visit","pid":"b"}\n' * 5


def sent_in_halves(body, *, halfway, go_on):
    """`body`, with a pause after its first half until `go_on` is set."""

    def answer(connection, closing):
        middle = len(body) // 2
        raw(head(200, {"Content-Length": str(len(body))}) + body[:middle])(connection, closing)
        halfway.set()
        go_on.wait(30)
        connection.sendall(body[middle:])

    return answer


@pytest.mark.parametrize(
    ("second_body", "outcome", "earlier"),
    [
        pytest.param(ONE, "unchanged", 0, id="same bytes"),
        pytest.param(OTHER, "changed", 1, id="other bytes"),
    ],
)
def test_a_fetch_that_is_overtaken_ends_well(
    *, tmp_path, server, make_client, second_body, outcome, earlier
):
    archive = Archive(tmp_path)
    halfway, go_on = threading.Event(), threading.Event()
    server.answers(sent_in_halves(second_body, halfway=halfway, go_on=go_on), whole(ONE))
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(fetch_log_day, make_client(), archive, DAY)
        assert halfway.wait(30)
        assert fetch_log_day(make_client(), archive, DAY).outcome == "new"
        go_on.set()
        fetched = slow.result(30)
    assert fetched.outcome == outcome
    assert len(fetched.archived.earlier) == earlier
    with archive.open(archive.get(DAY)) as stream:
        assert stream.read() == second_body
    assert len(list(archive.day_folder(DAY).iterdir())) == 2 + earlier


def test_many_fetches_at_once_leave_one_archived_day(tmp_path, server, make_client):
    archive = Archive(tmp_path)
    another = ONE.replace(b'"a"', b'"b"') + b"\n"
    server.answers(*[whole(ONE), whole(another)] * 4)
    with ThreadPoolExecutor(8) as threads:
        fetches = [threads.submit(fetch_log_day, make_client(), archive, DAY) for _ in range(8)]
        outcomes = [fetch.result(60).outcome for fetch in fetches]
    assert outcomes.count("new") == 1
    current = archive.get(DAY)
    archive.verify(current)
    [earlier] = current.earlier
    archive.verify(earlier)
    assert {current.line_count, earlier.line_count} == {3, 4}
    assert len(list(archive.day_folder(DAY).iterdir())) == 3
