"""The export endpoint over real HTTP: what is there, what is not, and who may have it."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.sandbox import RunningSandbox, Sandbox, SandboxSettings, serve
from woopra_pipeline.sandbox.server import LOOPBACK
from woopra_pipeline.woopra.log_days import parse_log_day

NOON_OF_JANUARY_10 = frozen_clock(datetime(2026, 1, 10, 20, tzinfo=UTC))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    world = SandboxSettings(people=30, days=60)
    sandbox = Sandbox(tmp_path_factory.mktemp("world"), world, clock=NOON_OF_JANUARY_10)
    with serve(sandbox) as running:
        yield running


def get(running: RunningSandbox, log_day: str, **changes: str) -> httpx.Response:
    settings = running.settings
    return httpx.get(
        settings.url(settings.export_path),
        params={
            settings.project_parameter: changes.get("project", settings.project),
            settings.file_parameter: log_day,
        },
        auth=(changes.get("app_id", settings.app_id), changes.get("key", settings.secret_key)),
    )


def test_a_closed_day_is_its_file(running: RunningSandbox) -> None:
    answer = get(running, "2026-01-09")
    path = running.sandbox.export_file(parse_log_day("2026-01-09"))
    assert path is not None
    assert answer.status_code == 200
    assert answer.content == path.read_bytes() != b""


@pytest.mark.parametrize(
    ("log_day", "changes", "status"),
    [
        pytest.param("2026-01-10", {}, 404, id="a day that is not over"),
        pytest.param("2026-02-01", {}, 404, id="a day to come"),
        pytest.param("2025-12-31", {}, 404, id="before the world began"),
        pytest.param("yesterday", {}, 400, id="no day at all"),
        pytest.param("2026-01-09", {"key": "wrong"}, 401, id="wrong secret key"),
        pytest.param("2026-01-09", {"app_id": "wrong"}, 401, id="wrong app id"),
        pytest.param("2026-01-09", {"project": "other.example.com"}, 404, id="unknown project"),
    ],
)
def test_what_cannot_be_had(
    running: RunningSandbox, log_day: str, changes: dict[str, str], status: int
) -> None:
    assert get(running, log_day, **changes).status_code == status


def test_no_credentials(running: RunningSandbox) -> None:
    settings = running.settings
    answer = httpx.get(settings.url(settings.export_path))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_world_can_end(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, SandboxSettings(people=3, days=2), clock=NOON_OF_JANUARY_10)
    there = [
        sandbox.export_file(parse_log_day(f"2026-01-0{day}")) is not None for day in range(1, 5)
    ]
    assert there == [True, True, False, False]


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
        get(running, "2026-01-01")
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        get(running, "2026-01-01")
