"""The same settings are the same world, to the byte, in whatever order and by whomever asked."""

import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.sandbox import Sandbox, SandboxSettings
from woopra_pipeline.woopra.log_days import log_days_between

SETTINGS = SandboxSettings(seed=7, people=40)
DAYS = list(log_days_between(date(2026, 1, 1), date(2026, 1, 25)))
CLOCK = frozen_clock(datetime(2026, 3, 1, tzinfo=UTC))


def files(sandbox: Sandbox, days: list[date]) -> dict[date, bytes]:
    paths = {day: sandbox.export_file(day) for day in days}
    return {day: path.read_bytes() for day, path in paths.items() if path is not None}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[date, bytes]:
    return files(Sandbox(tmp_path_factory.mktemp("world"), SETTINGS, clock=CLOCK), DAYS)


@pytest.mark.parametrize("shuffle", range(3))
def test_any_order_of_days(tmp_path: Path, expected: dict[date, bytes], shuffle: int) -> None:
    days = random.Random(shuffle).sample(DAYS, len(DAYS))
    assert files(Sandbox(tmp_path, SETTINGS, clock=CLOCK), days) == expected


def test_one_late_day_alone(tmp_path: Path, expected: dict[date, bytes]) -> None:
    sandbox = Sandbox(tmp_path, SETTINGS, clock=CLOCK)
    assert files(sandbox, DAYS[-1:])[DAYS[-1]] == expected[DAYS[-1]]


def test_going_on_after_a_restart(tmp_path: Path, expected: dict[date, bytes]) -> None:
    for day in DAYS:
        assert files(Sandbox(tmp_path, SETTINGS, clock=CLOCK), [day])[day] == expected[day]


@pytest.mark.parametrize("content", [b"", b"\xc1damaged", b"\x80"])
def test_damaged_files_of_its_own_are_made_again(
    tmp_path: Path, expected: dict[date, bytes], content: bytes
) -> None:
    sandbox = Sandbox(tmp_path, SETTINGS, clock=CLOCK)
    files(sandbox, DAYS[:-1])
    states = list((sandbox.folder / "states").iterdir())
    assert len(states) > 1
    for path in (*states, sandbox.folder / "now"):
        path.write_bytes(content)
    again = Sandbox(tmp_path, SETTINGS, clock=CLOCK)
    assert files(again, DAYS[-1:])[DAYS[-1]] == expected[DAYS[-1]]


def test_another_seed_is_another_world(tmp_path: Path, expected: dict[date, bytes]) -> None:
    other = files(Sandbox(tmp_path, SandboxSettings(seed=8, people=40), clock=CLOCK), DAYS)
    assert all(other[day] != expected[day] for day in DAYS)


def _make_all(directory: Path) -> dict[date, bytes]:
    return files(Sandbox(directory, SETTINGS, clock=CLOCK), DAYS)


def test_several_processes_share_one_directory(tmp_path: Path, expected: dict[date, bytes]) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("forkserver")) as pool:
        for made in pool.map(_make_all, [tmp_path] * 3):
            assert made == expected


def test_a_year_is_made_in_any_case_without_the_days_before(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, SETTINGS, clock=frozen_clock(datetime(2027, 6, 1, tzinfo=UTC)))
    path = sandbox.export_file(date(2026, 1, 1) + timedelta(days=400))
    assert path is not None
    assert len(list(path.parent.iterdir())) == 1
