import socket

import pytest

from woopra_pipeline.woopra.client import ImportOutcome
from woopra_pipeline_tests.scripted_server import head, raw, silence, whole

BODY = b'{"visitor":{"id":"17"}}\n{"visitor":{"id":"18"}}\n'


def test_the_body_is_posted_as_it_is(server, make_client):
    server.answers(whole(b"2 lines", headers={"X-Batch": "9"}))
    attempt = make_client().post_import(BODY)
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/rest/3.7/logs/import")
    assert request.query == {"website": "shop.example"}
    assert request.headers["content-type"] == "text/plain; charset=utf-8"
    assert request.headers["authorization"].startswith("Basic ")
    assert request.body == BODY
    assert attempt.outcome is ImportOutcome.ANSWERED
    assert (attempt.status, attempt.body, attempt.problem) == (200, "2 lines", None)
    assert attempt.headers["x-batch"] == "9"


def test_endpoint_details_are_settings(server, make_client):
    server.answers(whole(b""))
    make_client(
        import_method="PUT",
        import_path="in",
        project_parameter="project",
        import_content_type="application/x-ndjson",
    ).post_import(BODY)
    [request] = server.requests
    assert (request.method, request.path) == ("PUT", "/rest/3.7/in")
    assert request.query == {"project": "shop.example"}
    assert request.headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503])
def test_any_status_is_an_answer_and_nothing_is_repeated(server, make_client, status):
    server.answers(whole(b"why", status, {"Location": "/elsewhere", "Retry-After": "1"}))
    attempt = make_client().post_import(BODY)
    assert (attempt.outcome, attempt.status, attempt.body) == (
        ImportOutcome.ANSWERED,
        status,
        "why",
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(raw(head(200, {"Content-Length": "9"}), b"part"), "part", id="cut off"),
        pytest.param(whole(b"x" * 100_000), "x" * 65_536, id="long"),
        pytest.param(whole(b"\xffok"), "\ufffdok", id="not UTF-8"),
    ],
)
def test_of_the_answer_is_kept_what_arrived_and_is_not_too_long(server, make_client, answer, body):
    server.answers(answer)
    attempt = make_client().post_import(BODY)
    assert (attempt.outcome, attempt.status, attempt.body) == (ImportOutcome.ANSWERED, 200, body)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param(silence(), "it was silent for 0.05 s", id="silence"),
        pytest.param(raw(), "the connection broke", id="closed"),
        pytest.param(raw(reset=True), "the connection broke", id="reset"),
        pytest.param(raw(b"garbage\r\n\r\n"), "the connection broke", id="not HTTP"),
    ],
)
def test_without_an_answer_the_outcome_is_unknown(server, make_client, answer, problem):
    server.answers(answer)
    attempt = make_client(read_timeout=0.05).post_import(BODY)
    assert attempt.outcome is ImportOutcome.UNKNOWN
    assert attempt.status is None
    assert problem in attempt.problem
    assert len(server.requests) <= 1


def test_without_a_connection_it_was_not_sent(make_client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    attempt = make_client(base_url=f"http://127.0.0.1:{port}").post_import(BODY)
    assert attempt.outcome is ImportOutcome.NOT_SENT
    assert "no connection was made" in attempt.problem
