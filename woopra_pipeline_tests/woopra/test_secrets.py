"""Whatever a server repeats: no credential is said, logged, kept, or left in a traceback."""

import logging
import traceback
from datetime import date

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.errors import PipelineError
from woopra_pipeline_tests.echoes import KEY, PAIR, echoing_answers, left_of_credentials
from woopra_pipeline_tests.scripted_server import raw, short, whole

ANSWERS = {
    "200": whole(b"{}\n"),
    "401": whole(b"", 401),
    "404": whole(b"", 404),
    "broken body": short(b"{}\n", missing=1),
    "reset": raw(reset=True),
    **echoing_answers(),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
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
        said += [repr(error), *traceback.format_exception(error)]
    said += [repr(client.post_import(b"{}\n")), *frozen_time.notices, caplog.text]
    assert "httpcore" in caplog.text
    text = "\n".join(said)
    assert not list(left_of_credentials(text))
    assert "\x1b" not in text


def test_what_is_said_of_a_status_line_is_short(server, make_client):
    server.answers(raw(b"HTP " + b"x" * 60_000 + b"\r\n\r\n"))
    client = make_client(attempts=1)
    with pytest.raises(PipelineError, match="illegal status line") as raised:
        client.download_log_day(date(2026, 3, 5), lambda response: list(response.chunks))
    assert len(str(raised.value)) < 600


def test_the_credentials_would_be_found_if_they_were_left():
    assert list(left_of_credentials(f"bad key {KEY}"))
    assert list(left_of_credentials(PAIR.upper()))
