import base64
import logging
from datetime import date

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.errors import PipelineError
from woopra_pipeline_tests.scripted_server import raw, short, whole

SECRET = "s3cr3t-k3y"
SECRETS = (SECRET[:5], base64.b64encode(f"APP17:{SECRET}".encode()).decode())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(whole(b"{}\n"), id="200"),
        pytest.param(whole(b"", 401), id="401"),
        pytest.param(whole(b"", 404), id="404"),
        pytest.param(whole(f"bad key {SECRET}".encode(), 400), id="400 that repeats it"),
        pytest.param(whole(f"Basic {SECRETS[1]}".encode(), 400), id="400 that repeats the header"),
        pytest.param(whole(b"x" * 195 + SECRET.encode(), 400), id="400 that is cut off within it"),
        pytest.param(whole(b"", 301, {"Location": "/login"}), id="redirect"),
        pytest.param(short(b"{}\n", missing=1), id="broken body"),
        pytest.param(raw(reset=True), id="reset"),
    ],
)
def test_no_secret_is_said_logged_or_stored(
    *, server, make_client, frozen_time, tmp_path, caplog, answer
):
    caplog.set_level(logging.DEBUG)
    server.answers(answer)
    client = make_client(attempts=2)
    said = [repr(client), repr(client.settings)]
    try:
        fetched = fetch_log_day(client, Archive(tmp_path), date(2026, 3, 5))
        said += [repr(fetched), *(path.read_text() for path in tmp_path.glob("*/*.json"))]
    except PipelineError as error:
        said += [repr(error), repr(error.__cause__)]
    said += [repr(client.post_import(b"{}\n").problem), *frozen_time.notices, caplog.text]
    assert "httpcore" in caplog.text
    assert not [secret for secret in SECRETS if secret in "\n".join(said)]
