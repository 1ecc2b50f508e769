"""A webhook is told, and its address told to nobody."""

import json
import logging
import traceback

import pytest

from woopra_pipeline.errors import AlertError, ConfigurationError
from woopra_pipeline.webhook import post_text
from woopra_pipeline_tests.scripted_server import ScriptedServer, raw, silence, whole

SECRET = "T0K3N-0F-TH3-CH4NN3L"


def address(server: ScriptedServer) -> str:
    return f"{server.base_url}/services/{SECRET}"


def test_the_text_is_posted_as_json(server):
    server.answers(whole(b"ok"))
    post_text(address(server), "Ça brûle: “naïve”\n🔥")
    [request] = server.requests
    assert (request.method, request.path) == ("POST", f"/rest/3.7/services/{SECRET}")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"text": "Ça brûle: “naïve”\n🔥"}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(whole(b"no_service", 404), "status 404", id="refused"),
        pytest.param(whole(b"", 500), "status 500", id="broken"),
        pytest.param(
            whole(b"", 302, {"Location": "http://127.0.0.1:9/"}), "status 302", id="elsewhere"
        ),
        pytest.param(silence(), "ReadTimeout", id="silent"),
        pytest.param(
            raw(f"HTP /rest/3.7/services/{SECRET}\r\n\r\n".encode()),
            "RemoteProtocolError",
            id="status line that repeats it",
        ),
        pytest.param(
            whole(b"", 404, {"X-Path": f"/services/{SECRET}"}), "status 404", id="header with it"
        ),
        pytest.param(whole(b"no gzip", 404, {"Content-Encoding": "gzip"}), "404", id="no gzip"),
    ],
)
def test_what_is_not_taken_is_an_error_without_the_address(server, caplog, answer, sentence):
    server.answers(answer)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AlertError, match=sentence) as caught:
        post_text(address(server), "text", timeout=0.2)
    told = "".join([*traceback.format_exception(caught.value), caplog.text])
    assert SECRET not in told
    assert len(server.requests) == 1


def test_nobody_there_is_an_error_without_the_address(caplog):
    with ScriptedServer() as gone:
        url = address(gone)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AlertError, match="ConnectError") as caught:
        post_text(url, "text", timeout=0.2)
    assert SECRET not in f"{caught.value!r} {caplog.text}"


def test_other_requests_are_logged_as_ever(server, caplog):
    server.answers(whole(b"ok"))
    caplog.set_level(logging.INFO)
    post_text(address(server), "text")
    logging.getLogger("httpx").info("HTTP Request: GET https://example.com")
    assert "https://example.com" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"hooks.example.com/{SECRET}", id="no scheme"),
        pytest.param(f"ftp://hooks.example.com/{SECRET}", id="not the web"),
        pytest.param(f"https:///{SECRET}", id="no host"),
        pytest.param(f"https://hooks.example.com:port/{SECRET}", id="no port"),
    ],
)
def test_what_is_no_address_is_said_without_saying_it(url):
    with pytest.raises(ConfigurationError, match="WOOPRA_ALERT_WEBHOOK_URL") as caught:
        post_text(url, "text")
    assert SECRET not in str(caught.value)


def test_certificates_that_are_not_there_are_no_traceback(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        post_text("https://hooks.example.com/x", "text")
