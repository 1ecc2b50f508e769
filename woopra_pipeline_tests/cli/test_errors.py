"""Whatever goes wrong: one line on stderr that says what to do, nothing on stdout."""

import os
import socket

import pytest

CREDENTIALS = {"WOOPRA_APP_ID": "APP17", "WOOPRA_SECRET_KEY": "s3cr3t-k3y"}

CASES = [
    pytest.param(["nonsense"], {}, "No such command 'nonsense'", id="unknown command"),
    pytest.param(["backfill"], {}, "Missing argument 'FROM'", id="missing argument"),
    pytest.param(
        ["backfill", "1 January", "2026-01-02"], {}, "write it as YYYY-MM-DD", id="no date"
    ),
    pytest.param(
        ["backfill", "2026-02-30", "2026-03-01"], {}, "not in the calendar", id="no such date"
    ),
    pytest.param(["query"], {}, "Give the SQL, or a file", id="no SQL"),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-01"], {}, "later than TO", id="days in wrong order"
    ),
    pytest.param(
        ["backfill", "0001-01-01", "2026-01-01"], {}, "check the year", id="day before all days"
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2999-01-01"], {}, "is not over", id="day that is not closed"
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {"WOOPRA_START_DATE": "2026-02-01"},
        "set WOOPRA_START_DATE=2026-01-02, or leave it unset",
        id="before the partitions",
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {"WOOPRA_START_DATE": "xx January"},
        "WOOPRA_START_DATE: 'xx January' is not a log day",
        id="malformed start date",
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {"WOOPRA_PROJECT": "shop.example", "WOOPRA_APP_ID": "APP17"},
        "set WOOPRA_SECRET_KEY",
        id="missing secret key",
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {"WOOPRA_PROJECT": "shop.example", "WOOPRA_SECRET_KEY": "s3cr3t-k3y"},
        "set WOOPRA_APP_ID",
        id="missing app ID",
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {"WOOPRA_PROJECT": "shop.example", "WOOPRA_BASE_URL": "ftp://shop", **CREDENTIALS},
        "WOOPRA_BASE_URL must be an http or https address",
        id="malformed base URL",
    ),
    pytest.param(["query", "select 1"], {}, "there is no model yet", id="query without a model"),
    pytest.param(["explain", "someone"], {}, "there is no model yet", id="explain without one"),
    pytest.param(
        ["status"], {"WOOPRA_DATA_DIR": os.devnull}, "is not a folder", id="directory is a file"
    ),
    pytest.param(
        ["backfill", "2026-01-02", "9999-12-31"], {}, "check the year", id="day after all days"
    ),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {"WOOPRA_START_DATE": "0001-01-01"},
        "WOOPRA_START_DATE: 0001-01-01 is not a log day",
        id="start date before all days",
    ),
    pytest.param(
        ["ui"], {"WOOPRA_START_DATE": "2026-13-01"}, "WOOPRA_START_DATE", id="start date of the UI"
    ),
    pytest.param(["ui", "--port", "70000"], {}, "range 1<=x<=65535", id="no port"),
    pytest.param(
        ["ui", "--host", "192.0.2.1"], {}, "choose another one with --port", id="no address"
    ),
    pytest.param(
        ["import", "--again", "99999999999999999999"], {}, "not in the range", id="huge number"
    ),
    pytest.param(["query", "select '\udcff'"], {}, "is not UTF-8", id="argument in other bytes"),
    pytest.param(
        ["status"], {"WOOPRA_DATA_DIR": "/tmp/\udcff"}, "is not UTF-8", id="folder in other bytes"
    ),
    pytest.param(["sandbox", "--speed", "nan"], {}, "not a finite number", id="speed that is none"),
    pytest.param(["sandbox", "--now", "0001-01-01"], {}, "not in the range of years", id="no time"),
    pytest.param(
        ["backfill", "2026-01-02", "2026-01-02"],
        {
            "WOOPRA_PROJECT": "shop.example",
            "WOOPRA_APP_ID": "APP17\n",
            "WOOPRA_SECRET_KEY": "s3cr3t-k3y",
        },
        "WOOPRA_APP_ID has a control character",
        id="line break in a setting",
    ),
    pytest.param(["sandbox", "--port", "1e9"], {}, "not a valid integer range", id="no port"),
]


@pytest.mark.parametrize(("arguments", "environment", "sentence"), CASES)
def test_is_said_in_one_line(command_line_here, arguments, environment, sentence):
    failed = command_line_here(*arguments, **environment)
    assert failed.returncode != 0
    assert failed.stdout == ""
    lines = failed.stderr.splitlines()
    assert len(lines) == 1, failed.stderr
    assert lines[0].startswith("Error: ")
    assert sentence in lines[0]
    assert "s3cr3t-k3y" not in failed.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        pytest.param(["query", "select 1"], {}, "there is no model yet", id="without Dagster"),
        pytest.param(
            ["backfill", "2026-01-02", "2026-01-02"],
            {"WOOPRA_PROJECT": "shop.example", **CREDENTIALS, "WOOPRA_BASE_URL": "ftp://shop"},
            "WOOPRA_BASE_URL must be an http or https address",
            id="with Dagster",
        ),
    ],
)
def test_is_said_in_one_line_by_the_program(command_line, arguments, environment, sentence):
    failed = command_line(*arguments, **environment)
    assert failed.returncode not in {0, -11}
    assert failed.stdout == ""
    [line] = failed.stderr.splitlines()
    assert line.startswith("Error: ")
    assert sentence in line


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--debug", "query", "select 1"], id="before the command"),
        pytest.param(["query", "select 1", "--debug"], id="after it"),
    ],
)
def test_shows_a_traceback_when_asked_to(command_line, arguments):
    failed = command_line(*arguments)
    assert failed.returncode == 1
    assert "Traceback" in failed.stderr
    assert "ModelError" in failed.stderr


def test_a_port_that_is_taken_is_said_and_no_other_one_is_used(command_line_here):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = command_line_here("ui", "--port", str(port))
    assert done.returncode == 1
    assert f"cannot be served at 127.0.0.1:{port} (Address already in use)" in done.stderr
