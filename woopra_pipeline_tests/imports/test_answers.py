"""What a 2xx says: that all was taken, or nothing certain."""

import gzip
import itertools

import pytest

from woopra_pipeline.errors import RequestRejectedError, ServiceUnavailableError
from woopra_pipeline.imports.answers import doubt_about
from woopra_pipeline_tests.imports.conftest import DAY, NEXT_DAY, NOON
from woopra_pipeline_tests.scripted_server import ScriptedServer, whole

VISITS = (
    f"select {{'email': 'a' || i}} as visitor, [{{'name': 'order', 'time': {NOON} + i}}] "
    "as actions from range(10) r(i)"
)
UPDATES = "select {'email': 'a' || i} as visitor from range(10) r(i)"
PAGE = "<!DOCTYPE html><html><body>Please sign in</body></html>"
HTML = {"content-type": "text/html; charset=UTF-8"}


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(200, {}, "", id="empty"),
        pytest.param(200, {}, "ok", id="text"),
        pytest.param(200, {"content-type": "text/plain"}, "a < b", id="text with a sign"),
        pytest.param(200, {}, '{"imported": 10}', id="JSON"),
        pytest.param(200, HTML, '{"imported": 10}', id="JSON that is said to be HTML"),
        pytest.param(200, HTML, "", id="empty, said to be HTML"),
        pytest.param(201, {}, '{"success": true}', id="created"),
        pytest.param(203, {}, '{"success": true}', id="changed by a proxy"),
        pytest.param(204, {}, "", id="no content"),
        pytest.param(205, {}, "", id="reset content"),
        pytest.param(200, {}, '{"error": null}', id="error null"),
        pytest.param(200, {}, '{"error": false}', id="error false"),
        pytest.param(200, {}, '{"error": 0}', id="error 0"),
        pytest.param(200, {}, '{"error": ""}', id="error empty"),
        pytest.param(200, {}, '{"error": "none"}', id="error none"),
        pytest.param(200, {}, '{"errors": []}', id="no errors"),
        pytest.param(200, {}, '{"failed": 0, "rejected": []}', id="none failed"),
        pytest.param(200, {}, '{"status": "ok", "code": 200}', id="status ok"),
        pytest.param(200, {}, '{"status": 0}', id="status 0"),
        pytest.param(200, {}, '{"success": null}', id="success null"),
        pytest.param(200, {}, '{"status": ["error"], "success": {}}', id="odd types"),
        pytest.param(200, {}, '{"lines": [{"error": "an event\'s name"}]}', id="an echo"),
        pytest.param(200, {}, '"error"', id="a JSON text"),
        pytest.param(200, {}, '[{"id": 1}, 2, null]', id="an array"),
        pytest.param(200, {}, '{"a":' + "[" * 5_000, id="nested too deeply"),
        pytest.param(200, {}, "{not JSON", id="no JSON"),
    ],
)
def test_an_answer_is_believed(status, headers, body):
    assert doubt_about(status, headers, body) is None


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({}, PAGE, id="doctype"),
        pytest.param({}, PAGE.lower(), id="lower case"),
        pytest.param({}, "<HTML><head>", id="html"),
        pytest.param({}, "\ufeff" + PAGE, id="byte order mark"),
        pytest.param(
            {}, (b"\xff\xfe" + PAGE.encode("utf-16-le")).decode("utf-8", "replace"), id="UTF-16"
        ),
        pytest.param({}, " \r\n\t" + PAGE, id="white space"),
        pytest.param({}, "<!-- gateway -->\n<!-- 7 --> " + PAGE, id="comments"),
        pytest.param({}, "<!-- cut off", id="a comment that does not end"),
        pytest.param({}, '<?xml version="1.0"?>\n<!-- x --><html xmlns="…">', id="XHTML"),
        pytest.param({}, "<meta http-equiv=refresh content='0; url=/login'>", id="a fragment"),
        pytest.param({}, "<script>location = '/login'</script>", id="a script"),
        pytest.param({}, "<?xml version='1.0'?><Error><Code>Denied</Code></Error>", id="XML"),
        pytest.param(HTML, "Please sign in", id="said to be HTML"),
        pytest.param({"content-type": "Application/XHTML+XML"}, "Hello", id="said to be XHTML"),
        pytest.param({}, "<!-- --><!-- -->" * 4_000 + "x", id="comments without end"),
    ],
)
def test_a_page_is_no_answer_of_the_service(headers, body):
    for status in (200, 201, 203, 299):
        doubt = doubt_about(status, headers, body)
        assert doubt is not None
        assert doubt.looks_like_a_proxy
        assert f"(status {status})" in doubt.reason


@pytest.mark.parametrize("status", [202, 206, 207])
def test_not_all_done_is_not_done(status):
    doubt = doubt_about(status, {}, '{"success": true}')
    assert doubt is not None
    assert f"status {status}, which" in doubt.reason
    assert not doubt.looks_like_a_proxy


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"error": "quota"}', id="error"),
        pytest.param('\ufeff {"Error": {"code": 7}}', id="error, capital and marked"),
        pytest.param('{"error": true}', id="error true"),
        pytest.param('{"errors": ["line 3"]}', id="errors"),
        pytest.param('{"errors": 2}', id="a number of errors"),
        pytest.param('{"error_message": "no"}', id="error message"),
        pytest.param('{"errorCode": 12}', id="error code"),
        pytest.param('{"exception": "NullPointerException"}', id="exception"),
        pytest.param('{"fault": {"faultstring": "x"}}', id="fault"),
        pytest.param('{"imported": 9, "failed": 1}', id="some failed"),
        pytest.param('{"rejected": [3]}', id="some rejected"),
        pytest.param('{"success": false}', id="success false"),
        pytest.param('{"success": "false"}', id="success as text"),
        pytest.param('{"success": 0}', id="success 0"),
        pytest.param('{"ok": false}', id="ok false"),
        pytest.param('{"status": "error"}', id="status error"),
        pytest.param('{"status": "FAILED"}', id="status failed"),
        pytest.param('{"status": false}', id="status false"),
        pytest.param('{"status": 503}', id="status 503"),
        pytest.param('{"code": "401"}', id="code as text"),
        pytest.param('{"status_code": 403}', id="status code"),
        pytest.param('{"result": "failure"}', id="result"),
        pytest.param('{"type": "error"}', id="type"),
        pytest.param('{"response": {"success": false}}', id="wrapped"),
        pytest.param('{"results": [{"status": "ok"}, {"status": "error"}]}', id="one of many"),
        pytest.param('[{"id": 1}, {"error": "x"}]', id="in an array"),
        pytest.param('{"errors": [{"line": 1}, {"li', id="cut off"),
        pytest.param('{"error": "x"} {"more": 1}', id="more follows"),
    ],
)
def test_an_error_in_json_is_an_error_whatever_the_status(body):
    for headers in ({}, HTML, {"content-type": "application/json"}):
        doubt = doubt_about(200, headers, body)
        assert doubt is not None
        assert doubt.reason.startswith("it answered with an error (status 200, ")
        assert not doubt.looks_like_a_proxy


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(whole(PAGE.encode()), id="a page"),
        pytest.param(
            whole(gzip.compress(PAGE.encode()), headers={"Content-Encoding": "gzip"}),
            id="a compressed page",
        ),
        pytest.param(whole(b"sign in", headers={"Content-Type": "text/html"}), id="said to be"),
        pytest.param(whole(b'{"error": "quota"}'), id="an error"),
        pytest.param(whole(b"", 202), id="202"),
        pytest.param(whole(b"{}", 206), id="206"),
        pytest.param(whole(b"{}", 207), id="207"),
    ],
)
def test_a_doubtful_batch_is_unknown_and_never_sent_again_blindly(imports, answer):
    imports.source("it", VISITS)
    with ScriptedServer([answer, whole(b"ok")]) as server:
        imports.importer({"base_url": server.base_url}).run("it", DAY)
        assert imports.states() == {"unknown": 10}
        imports.importer({"base_url": server.base_url}).run("it", NEXT_DAY)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"imported": 10}'), (201, b""), (203, b"ok"), (204, b""), (205, b"")],
)
def test_what_is_believed_is_accepted_and_the_answer_kept(imports, status, body):
    imports.source("it", VISITS)
    with ScriptedServer([whole(body, status)]) as server:
        imports.importer({"base_url": server.base_url}).run("it", DAY)
    assert imports.query("select state, status, answer from imports") == [
        ("accepted", status, body.decode())
    ]


def test_an_answer_that_was_doubted_is_kept_too(imports):
    imports.source("it", VISITS)
    with ScriptedServer([whole(PAGE.encode())]) as server:
        imports.importer({"base_url": server.base_url}).run("it", DAY)
    assert imports.query("select state, answer, reason from imports") == [
        ("unknown", PAGE, "it answered with a web page (status 200)")
    ]


@pytest.mark.parametrize("sql", [VISITS, UPDATES], ids=["visits", "updates"])
def test_a_page_without_end_ends_the_run_with_what_it_looks_like(imports, sql):
    imports.source("it", sql)
    with (
        ScriptedServer([whole(PAGE.encode())]) as server,
        pytest.raises(ServiceUnavailableError, match=r"3 imports in a row.*looks like a proxy"),
    ):
        imports.importer({"base_url": server.base_url}, lines_per_batch=2).run("it", DAY)
    assert len(server.requests) == 3
    assert imports.states() == {"unknown": 6, "planned": 4}


def test_a_page_for_every_source_ends_the_run_too(imports):
    for name in "abcd":
        imports.source(name, VISITS)
    with ScriptedServer([whole(PAGE.encode())]) as server:
        importer = imports.importer({"base_url": server.base_url})
        with pytest.raises(ServiceUnavailableError, match="looks like a proxy"):
            importer.run_all(list("abcd"), DAY)
        assert len(server.requests) == 3
        server.answers(*itertools.repeat(whole(b"ok"), 2))
        importer.run("d", DAY)
    assert imports.states() == {"unknown": 30, "accepted": 10}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_page_is_not_followed(imports, status):
    imports.source("it", VISITS)
    with ScriptedServer([whole(PAGE.encode())]) as login, ScriptedServer() as server:
        server.answers(whole(b"", status, {"Location": f"{login.base_url}/login"}))
        with pytest.raises(RequestRejectedError, match=f"status {status}.*still planned"):
            imports.importer({"base_url": server.base_url}).run("it", DAY)
        assert login.requests == []
    assert imports.states() == {"planned": 10}
