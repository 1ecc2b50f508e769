import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date

import pytest

from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sandbox import RunningSandbox, Sandbox, SandboxSettings, Service, serve
from woopra_pipeline_tests.cli.conftest import CommandLineForked
from woopra_pipeline_tests.model.published_tables import in_order, published_tables
from woopra_pipeline_tests.scripted_server import ScriptedServer, calling, raw, silence, whole

SECRET_KEY = "s3cr3t-k3y"


def environment(base_url: str) -> dict[str, str]:
    return {
        "WOOPRA_PROJECT": "shop.example",
        "WOOPRA_APP_ID": "APP17",
        "WOOPRA_SECRET_KEY": SECRET_KEY,
        "WOOPRA_BASE_URL": base_url,
    }


@contextmanager
def woopra(tmp_path_factory, **settings) -> Iterator[RunningSandbox]:
    """A sandbox as if it were Woopra."""
    service = Service(project="shop.example", app_id="APP17", secret_key=SECRET_KEY)
    world = Sandbox(tmp_path_factory.mktemp("world"), SandboxSettings(people=50, **settings))
    with serve(world, service=service) as running:
        yield running


@pytest.fixture(scope="module")
def two_days(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment of a project that has the first two days of 2026, and no others."""
    with woopra(tmp_path_factory, days=2) as running:
        yield environment(running.base_url)


def days_in_model(command_line):
    with connect_published(command_line.directory) as connection:
        return [
            str(log_day)
            for (log_day,) in connection.execute(
                "select log_day from log_days order by 1"
            ).fetchall()
        ]


def test_takes_days_to_the_model(program, two_days):
    done = program("backfill", "2026-01-01", "2026-01-02", **two_days)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 log days in the model, which now has ")
    assert days_in_model(program) == ["2026-01-01", "2026-01-02"]
    assert "dagster" not in done.stderr.lower()


@pytest.fixture(scope="module")
def with_failures(tmp_path_factory, two_days):
    """A command line that was asked for a day that is there and two that are not; what it said."""
    command_line = CommandLineForked(tmp_path_factory.mktemp("failures"))
    return command_line, command_line("backfill", "2026-01-02", "2026-01-04", "--debug", **two_days)


def test_names_the_days_that_failed_and_takes_the_others_to_the_model(with_failures):
    command_line, failed = with_failures
    assert failed.returncode == 1
    lines = failed.stderr.splitlines()
    for log_day in ("2026-01-03", "2026-01-04"):
        assert any(line.startswith(f"{log_day}: Woopra has no file of") for line in lines)
    assert lines[-1] == (
        "Error: 2 of 3 log days failed: 2026-01-03 to 2026-01-04. Correct the cause that is named "
        "above, then run `woopra-pipeline backfill` for these days"
    )
    assert days_in_model(command_line) == ["2026-01-02"]


def test_no_secret_is_printed_or_written(with_failures):
    command_line, done = with_failures
    assert SECRET_KEY not in done.stdout + done.stderr
    written = [path for path in command_line.folder.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if SECRET_KEY.encode() in path.read_bytes()]


def test_a_file_with_fewer_lines_needs_a_word_of_the_user(command_line, command_line_here):
    day = "2026-01-01"
    line = b'{"type":"visit","pid":"a"}\n'
    with ScriptedServer([whole(line * 69)]) as server:
        variables = environment(server.base_url)
        assert command_line("backfill", day, day, **variables).returncode == 0
        server.answers(whole(line * 46))
        failed = command_line("backfill", day, day, **variables)
        status = json.loads(command_line_here("status", "--format", "json").stdout)
        printed = command_line_here("status").stdout
        accepted = command_line("backfill", day, day, "--accept-shorter", **variables)
    assert failed.returncode == 1
    assert "46 readable and 0 rejected lines" in failed.stderr
    assert f"`woopra-pipeline backfill {day} {day} --accept-shorter`" in failed.stderr
    assert status["held_back"] == [day]
    assert f"Held back       {day}: came again with fewer lines than archived" in printed
    assert accepted.returncode == 0
    assert accepted.stdout.endswith("46 visits and 0 actions\n")


def test_days_before_the_built_in_start_are_possible_and_said(command_line, tmp_path_factory):
    with woopra(tmp_path_factory, first_day=date(2025, 12, 30), days=2) as running:
        days = ("2025-12-30", "2025-12-31")
        first = command_line("backfill", *days, **environment(running.base_url))
        variables = environment(running.base_url) | {"WOOPRA_START_DATE": "2025-12-01"}
        second = command_line("backfill", *days, **variables)
    assert first.returncode == second.returncode == 0
    assert days_in_model(command_line) == list(days)
    hint = "Set WOOPRA_START_DATE=2025-12-30 to see the days before 2026-01-01 in the UI"
    assert hint in first.stderr.splitlines()
    assert "WOOPRA_START_DATE" not in second.stderr


def interrupted(process):
    """What a process printed and said that was interrupted; Dagster may swallow a first Ctrl-C."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)
    process.kill()
    return process.communicate()


def test_can_be_interrupted(command_line):
    asked = threading.Event()
    with ScriptedServer([calling(asked.set, raw(), silence())]) as server:
        process = command_line.start(
            "backfill", "2026-01-01", "2026-01-02", **environment(server.base_url)
        )
        assert asked.wait(60)
        printed, said = interrupted(process)
    assert process.returncode == 130
    assert printed == ""
    assert said.splitlines()[-1].startswith("Error: Interrupted: finished work is kept")
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    command_line = CommandLineForked(tmp_path_factory.mktemp("undisturbed"))
    assert command_line("backfill", "2026-01-01", "2026-01-05").returncode == 0
    return in_order(published_tables(command_line.directory))


@pytest.mark.long
@pytest.mark.parametrize("last_words", ["fetching", "parsing", "building", "publishing"])
def test_carries_on_where_it_was_killed(command_line, undisturbed, last_words):
    process = command_line.start("backfill", "2026-01-01", "2026-01-05")
    for line in process.stderr:
        if line.startswith(last_words):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert command_line("backfill", "2026-01-01", "2026-01-05").returncode == 0
    assert in_order(published_tables(command_line.directory)) == undisturbed
    status = json.loads(command_line("status", "--format", "json").stdout)
    assert status["to_parse"] == status["to_apply"] == []
