import base64
import gzip
import socket
import traceback
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest

from woopra_pipeline.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    LogDayNotClosedError,
    LogDayNotFoundError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline.woopra.client import AttemptFailedError, WoopraClient
from woopra_pipeline_tests.scripted_server import (
    chunked,
    gzipped,
    head,
    raw,
    short,
    silence,
    whole,
)

DAY = date(2026, 3, 5)
BODY = b'{"type":"visit","pid":"aaaaBBBB1111"}\n' * 5_000
COMPRESSED = gzip.compress(BODY)
BOMB = whole(gzip.compress(bytes(8 << 20)) * 10, headers={"Content-Encoding": "gzip"})


def read(response):
    return b"".join(response.chunks)


def test_the_request_names_project_day_and_credentials(server, make_client):
    server.answers(whole(BODY))
    make_client().download_log_day(DAY, read)
    [request] = server.requests
    assert (request.method, request.path) == ("GET", "/rest/3.7/logs/export")
    assert request.query == {"website": "shop.example", "file": "2026-03-05"}
    credentials = base64.b64encode(b"APP17:s3cr3t-k3y").decode()
    assert request.headers["authorization"] == f"Basic {credentials}"
    assert request.headers["accept-encoding"] == "gzip"


def test_endpoint_details_are_settings(server, make_client):
    server.answers(whole(BODY, headers={"X-Here": "17"}))
    client = make_client(
        export_path="report/files",
        project_parameter="project",
        file_parameter="day",
        position_parameter="from",
        position_header="X-Here",
    )
    position = client.read_log_day_from(DAY, 5, lambda response: response.next_position)
    [request] = server.requests
    assert request.path == "/rest/3.7/report/files"
    assert request.query == {"project": "shop.example", "day": "2026-03-05", "from": "5"}
    assert position == 17


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(whole(BODY), BODY, id="Content-Length"),
        pytest.param(chunked(BODY), BODY, id="chunked"),
        pytest.param(raw(head(200, {}), BODY), BODY, id="until the connection ends"),
        pytest.param(gzipped(BODY), BODY, id="gzip"),
        pytest.param(
            whole(COMPRESSED + COMPRESSED, headers={"Content-Encoding": "gzip"}),
            BODY + BODY,
            id="gzip of two members",
        ),
        pytest.param(gzipped(bytes(5_000_000)), bytes(5_000_000), id="gzip that grows a lot"),
        pytest.param(whole(b""), b"", id="empty day"),
        pytest.param(whole(b"", headers={"Content-Encoding": "gzip"}), b"", id="empty gzip"),
        pytest.param(gzipped(b""), b"", id="gzip of nothing"),
        pytest.param(whole(b"\n \t\n{}\n<"), b"\n \t\n{}\n<", id="blank lines first"),
    ],
)
def test_a_whole_body_comes_back_decoded(server, make_client, answer, body):
    server.answers(answer)
    assert make_client().download_log_day(DAY, read) == body
    assert len(server.requests) == 1


BROKEN_ANSWERS = [
    pytest.param(short(BODY, missing=1), "the connection broke", id="short of Content-Length"),
    pytest.param(short(BODY, missing=999, reset=True), "the connection broke", id="reset midway"),
    pytest.param(chunked(BODY, end=b""), "the connection broke", id="last chunk missing"),
    pytest.param(chunked(BODY, end=b"xyz\r\n"), "the connection broke", id="chunk size illegible"),
    pytest.param(
        chunked(BODY, end=b"ff\r\n", reset=True), "the connection broke", id="chunk reset"
    ),
    pytest.param(gzipped(BODY, missing=9), "the gzip stream ends early", id="gzip ends early"),
    pytest.param(
        gzipped(BODY, missing=1), "the gzip stream ends early", id="gzip lacks its last byte"
    ),
    pytest.param(
        whole(COMPRESSED + b"more", headers={"Content-Encoding": "gzip"}),
        "the gzip stream is damaged",
        id="gzip with garbage behind",
    ),
    pytest.param(
        whole(BODY, headers={"Content-Encoding": "gzip"}),
        "the gzip stream is damaged",
        id="gzip that is none",
    ),
    pytest.param(BOMB, "decompresses to more than 1,000 times its size", id="gzip bomb"),
    pytest.param(
        whole(BODY, headers={"Content-Encoding": "br"}), "came as br", id="unknown encoding"
    ),
    pytest.param(raw(), "the connection broke", id="no answer at all"),
    pytest.param(raw(b"garbage\r\n\r\n"), "the connection broke", id="not HTTP"),
    pytest.param(
        whole(b"\n <!doctype html><title>Down</title>"), "a web page", id="web page with 200"
    ),
    pytest.param(whole(BODY, status=206), "status 206", id="206"),
    pytest.param(whole(b"", status=408), "status 408", id="408"),
    pytest.param(whole(b"", status=429), "status 429", id="429"),
    pytest.param(whole(b"", status=500), "status 500", id="500"),
    pytest.param(whole(b"", status=503), "status 503", id="503"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN_ANSWERS)
def test_a_broken_answer_is_asked_for_again(server, make_client, frozen_time, broken, reason):
    server.answers(broken, broken, whole(BODY))
    assert make_client().download_log_day(DAY, read) == BODY
    assert len(server.requests) == 3
    assert [notice.partition(",")[0] for notice in frozen_time.notices] == [
        "Log day 2026-03-05"
    ] * 2
    assert reason in frozen_time.notices[0]


@pytest.mark.parametrize(("broken", "reason"), BROKEN_ANSWERS)
def test_after_all_attempts_the_last_reason_is_told(server, make_client, broken, reason):
    server.answers(broken)
    with pytest.raises(ServiceUnavailableError, match="in 3 attempts") as raised:
        make_client(attempts=3).download_log_day(DAY, read)
    assert reason in str(raised.value)
    assert "try again later" in str(raised.value)
    assert len(server.requests) == 3


def test_eight_attempts_are_made_by_default(server, make_client, frozen_time):
    server.answers(whole(b"", status=502))
    with pytest.raises(ServiceUnavailableError, match="in 8 attempts"):
        make_client().download_log_day(DAY, read)
    assert len(server.requests) == 8
    assert len(frozen_time.slept) == 7


def test_the_waits_double_up_to_the_longest_with_some_jitter(server, make_client, frozen_time):
    server.answers(whole(b"", status=502))
    with pytest.raises(ServiceUnavailableError):
        make_client(first_backoff=2, longest_backoff=20).download_log_day(DAY, read)
    least = [2, 4, 8, 16, 20, 20, 20]
    assert all(
        low <= seconds <= low + 2 for low, seconds in zip(least, frozen_time.slept, strict=True)
    )
    assert frozen_time.slept != least


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="no answer"),
        pytest.param(head(200, {"Content-Length": "9"}) + b"1234", id="silence within the body"),
    ],
)
def test_a_silent_service_is_given_up(server, make_client, sent):
    server.answers(silence(sent))
    with pytest.raises(ServiceUnavailableError, match=r"in 2 attempts.*was silent for 0\.05 s"):
        make_client(attempts=2, read_timeout=0.05).download_log_day(DAY, read)


def test_a_service_that_is_not_there_is_named(make_client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = make_client(base_url=f"http://127.0.0.1:{port}", attempts=2)
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1.*no connection was made"):
        client.download_log_day(DAY, read)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        pytest.param("37", 37, id="seconds"),
        pytest.param("0", 0, id="at once"),
        pytest.param("Tue, 10 Mar 2026 12:05:00 GMT", 300, id="date"),
        pytest.param("Tue, 10 Mar 2026 11:00:00 GMT", 0, id="date that has passed"),
        pytest.param("soon", 0, id="illegible"),
        pytest.param("-5", 0, id="negative"),
        pytest.param("+99999999999999", 0, id="with a sign"),
        pytest.param("Tue, 10 Mar 2026 12:05:00 +9999", 0, id="zone that is none"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 +2300", 0, id="before all calendars"),
        pytest.param("900", 900, id="the longest there is"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(*, server, make_client, frozen_time, status, retry_after, seconds):
    server.answers(whole(b"", status, {"Retry-After": retry_after}), whole(BODY))
    make_client().download_log_day(DAY, read)
    [slept] = frozen_time.slept
    assert slept == seconds if seconds else 1 <= slept <= 2


@pytest.mark.parametrize(
    ("retry_after", "until"),
    [
        pytest.param("901", "2026-03-10 12:15:01 UTC", id="seconds"),
        pytest.param("Wed, 11 Mar 2026 12:00:00 GMT", "2026-03-11 12:00:00 UTC", id="date"),
        pytest.param("9" * 400, "further notice", id="beyond all calendars"),
    ],
)
def test_too_long_a_wait_is_left_to_the_caller(server, make_client, retry_after, until):
    server.answers(whole(b"", 429, {"Retry-After": retry_after}))
    with pytest.raises(ServiceUnavailableError, match=f"asks to wait until {until}"):
        make_client().download_log_day(DAY, read)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        pytest.param(whole(b"", 401), CredentialsRejectedError, "check WOOPRA_APP_ID", id="401"),
        pytest.param(whole(b"", 403), CredentialsRejectedError, "check WOOPRA_APP_ID", id="403"),
        pytest.param(whole(b"", 404), LogDayNotFoundError, "2026-03-05.*shop.example", id="404"),
        pytest.param(whole(b"", 410), LogDayNotFoundError, "2026-03-05.*shop.example", id="410"),
        pytest.param(
            whole(b'{"error":\n"no such website"}', 400),
            RequestRejectedError,
            r'status 400\): \{"error": "no such website"\}',
            id="400",
        ),
        pytest.param(whole(b"", 422), RequestRejectedError, "did not say why", id="422"),
        pytest.param(whole(b"x" * 999, 414), RequestRejectedError, "x{200}$", id="long reason"),
        pytest.param(
            raw(head(400, {"Content-Length": "9"}), b"why"),
            RequestRejectedError,
            "why$",
            id="reason cut off",
        ),
        pytest.param(
            whole(b"", 302, {"Location": "https://other.example/login"}),
            RequestRejectedError,
            "redirects to other.example.*check WOOPRA_BASE_URL",
            id="redirect",
        ),
    ],
)
def test_what_no_repetition_can_mend_fails_at_once(server, make_client, answer, error, message):
    server.answers(answer)
    with pytest.raises(error, match=message):
        make_client().download_log_day(DAY, read)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        pytest.param(datetime(2026, 3, 6, 7, 59, 59, tzinfo=UTC), False, id="a second before"),
        pytest.param(datetime(2026, 3, 6, 8, 0, tzinfo=UTC), True, id="midnight in Los Angeles"),
    ],
)
def test_a_day_is_asked_for_only_once_it_is_closed(server, make_client, frozen_time, now, closed):
    frozen_time.now = now
    server.answers(whole(BODY))
    client = make_client()
    if closed:
        assert client.download_log_day(DAY, read) == BODY
    else:
        with pytest.raises(LogDayNotClosedError, match="complete from 2026-03-06 08:00 UTC on"):
            client.download_log_day(DAY, read)
        assert server.requests == []


def test_the_current_day_can_be_read_from_a_position(server, make_client, frozen_time):
    server.answers(whole(b"rest\n", headers={"X-Woopra-Pos": "4711"}))
    frozen_time.now = datetime(2026, 3, 5, 20, tzinfo=UTC)
    piece, position = make_client().read_log_day_from(
        DAY, 4706, lambda response: (read(response), response.next_position)
    )
    assert (piece, position) == (b"rest\n", 4711)
    assert server.requests[0].query["pos"] == "4706"


def test_a_position_that_is_not_named_is_none(server, make_client):
    server.answers(whole(b"rest\n"))
    assert make_client().read_log_day_from(DAY, 0, lambda response: response.next_position) is None


def test_the_consumer_can_refuse_a_body_and_starts_over(server, make_client):
    server.answers(whole(b"one\n"), whole(b"two\n"))
    seen = []

    def consume(response):
        seen.append(read(response))
        if len(seen) == 1:
            raise AttemptFailedError("not what was expected")
        return seen

    assert make_client().download_log_day(DAY, consume) == [b"one\n", b"two\n"]


def test_headers_reach_the_consumer_by_lower_case_name(server, make_client):
    server.answers(whole(BODY, headers={"ETag": '"abc"'}))
    headers = make_client().download_log_day(DAY, lambda response: response.headers)
    assert headers["etag"] == '"abc"'


def test_another_transport_can_carry_the_requests(server, make_client):
    settings = replace(make_client().settings, base_url="https://woopra.example/rest/3.7")

    def respond(request):
        return httpx.Response(200, content=iter([str(request.url).encode()]))

    with WoopraClient(settings, transport=httpx.MockTransport(respond)) as client:
        assert client.download_log_day(date(2020, 1, 1), read) == (
            b"https://woopra.example/rest/3.7/logs/export?website=shop.example&file=2020-01-01"
        )


def test_a_proxy_that_cannot_be_used_is_a_sentence(make_client, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "ftp://user:hush@proxy.example")
    with pytest.raises(ConfigurationError, match="check HTTP_PROXY") as raised:
        make_client(base_url="https://woopra.example/rest")
    assert "hush" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("position", "known"),
    [
        pytest.param("17", 17, id="a number"),
        pytest.param("9" * 5_000, None, id="5,000 digits"),
        pytest.param("+5", None, id="with a sign"),
        pytest.param("soon", None, id="no number"),
    ],
)
def test_a_position_is_a_number_or_not_known(server, make_client, position, known):
    server.answers(whole(BODY, headers={"X-Woopra-Pos": position}))
    client = make_client()
    assert client.read_log_day_from(DAY, 0, lambda response: response.next_position) == known


@pytest.mark.parametrize(
    "date_of_answer",
    [
        pytest.param("Fri, 06 Mar 2026 08:00:00 GMT", id="as the day ends"),
        pytest.param("soon", id="illegible"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", id="far ahead"),
    ],
)
def test_a_day_that_is_over_for_the_service_is_fetched(server, make_client, date_of_answer):
    server.answers(whole(BODY, headers={"Date": date_of_answer}))
    assert make_client().download_log_day(DAY, read) == BODY


def test_a_day_that_is_not_over_for_the_service_is_refused(server, make_client):
    server.answers(whole(BODY, headers={"Date": "Fri, 06 Mar 2026 07:59:59 GMT"}))
    with pytest.raises(LogDayNotClosedError, match="set the clock of this machine right"):
        make_client().download_log_day(DAY, read)
    assert len(server.requests) == 1
    assert make_client().read_log_day_from(DAY, 0, read) == BODY
