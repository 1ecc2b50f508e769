"""The export endpoint over real HTTP: what is there, what is not, and who may have it."""

import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.sandbox import (
    Limits,
    RunningSandbox,
    Sandbox,
    SandboxClock,
    SandboxSettings,
    Service,
    serve,
)
from woopra_pipeline.sandbox.server import LOOPBACK
from woopra_pipeline_tests.sandbox.caller import Caller

NOON_OF_JANUARY_10 = frozen_clock(datetime(2026, 1, 10, 20, tzinfo=UTC))
WORLD = SandboxSettings(people=30, days=60)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("world"), WORLD, clock=NOON_OF_JANUARY_10)
    with serve(sandbox) as running:
        yield running


def file_of(running: RunningSandbox, log_day: date) -> bytes:
    path = running.sandbox.export_file(log_day)
    assert path is not None
    return path.read_bytes()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_closed_day_is_its_file(running: RunningSandbox, encoding: str) -> None:
    answer = Caller(running).export("2026-01-09", {"Accept-Encoding": encoding})
    file = file_of(running, date(2026, 1, 9))
    assert answer.status_code == 200
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert answer.headers["X-Woopra-Pos"] == str(len(file))
    assert answer.content == file != b""


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        pytest.param(0, slice(0, None), id="the start"),
        pytest.param(1_000, slice(1_000, None), id="somewhere"),
        pytest.param(10**9, slice(0, 0), id="beyond the end"),
    ],
)
def test_a_file_from_a_position_on(running: RunningSandbox, position: int, expected: slice) -> None:
    answer = Caller(running).export("2026-01-09", pos=str(position))
    assert answer.content == file_of(running, date(2026, 1, 9))[expected]


@pytest.mark.parametrize(
    ("log_day", "changes", "status"),
    [
        pytest.param("2026-01-11", {}, 404, id="a day to come"),
        pytest.param("2025-12-31", {}, 404, id="before the world began"),
        pytest.param("yesterday", {}, 400, id="no day at all"),
        pytest.param("2026-01-09", {"pos": "-1"}, 400, id="no position"),
        pytest.param("2026-01-09", {"website": "other.example.com"}, 404, id="unknown project"),
    ],
)
def test_what_is_not_there(
    running: RunningSandbox, log_day: str, changes: dict[str, str], status: int
) -> None:
    assert Caller(running).export(log_day, None, **changes).status_code == status


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param(None, id="none"),
        pytest.param(("sandbox", "wrong"), id="wrong secret key"),
        pytest.param(("wrong", "no-secret"), id="wrong app id"),
    ],
)
def test_wrong_credentials(running: RunningSandbox, auth: tuple[str, str] | None) -> None:
    answer = httpx.get(running.settings.url("logs/export"), auth=auth)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_world_can_end(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, SandboxSettings(people=3, days=2), clock=NOON_OF_JANUARY_10)
    there = [sandbox.export_file(date(2026, 1, day)) is not None for day in range(1, 5)]
    assert there == [True, True, False, False]


def test_too_many_requests(tmp_path: Path) -> None:
    clock = SandboxClock(NOON_OF_JANUARY_10(), base=NOON_OF_JANUARY_10)
    limited = Service(limits=Limits(per_minute=2, per_hour=3, per_day=1_000))
    with serve(Sandbox(tmp_path, WORLD, clock=clock), service=limited) as running:
        caller = Caller(running)
        answers = [caller.export("2026-01-01") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        clock.skip_to_midnight()
        assert caller.export("2026-01-01").status_code == 200


def test_the_endpoints_for_tests(running: RunningSandbox) -> None:
    base = httpx.URL(running.base_url).copy_with(path="/sandbox/")
    assert httpx.get(base.join("health")).json() == {"status": "ok", "today": "2026-01-10"}
    truth = running.truth(date(2026, 1, 9))
    day = {"file": "2026-01-09"}
    counts = httpx.get(base.join("truth"), params=day).json()
    assert counts["visits"] == len(truth.visits) > 0
    assert counts["profiles"] == len(truth.profiles) > 0
    profiles = httpx.get(base.join("truth/profiles"), params=day).text.splitlines()
    visits = httpx.get(base.join("truth/visits"), params=day).text.splitlines()
    assert (len(visits), len(profiles)) == (counts["visits"], counts["profiles"])
    assert httpx.get(base.join("truth"), params={"file": "2025-01-01"}).status_code == 400


def test_a_taken_port_is_said(running: RunningSandbox, tmp_path: Path) -> None:
    port = httpx.URL(running.base_url).port
    assert port is not None
    with (
        pytest.raises(ConfigurationError, match=f"Port {port} of {LOOPBACK}"),
        serve(Sandbox(tmp_path), port=port),
    ):
        pass


def test_nothing_is_left_running(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with serve(Sandbox(tmp_path, clock=NOON_OF_JANUARY_10)) as running:
        Caller(running).export("2026-01-01")
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        Caller(running).export("2026-01-01")


def test_gzip_is_only_for_those_who_ask(running: RunningSandbox) -> None:
    url = running.settings.url("logs/export")
    parameters = {"website": running.settings.project, "file": "2026-01-09"}
    with httpx.stream(
        "GET",
        url,
        params=parameters,
        auth=(running.settings.app_id, running.settings.secret_key),
        headers={"Accept-Encoding": "gzip"},
    ) as answer:
        body = b"".join(answer.iter_raw())
    assert "Content-Length" not in answer.headers
    assert gzip.decompress(body) == file_of(running, date(2026, 1, 9))
