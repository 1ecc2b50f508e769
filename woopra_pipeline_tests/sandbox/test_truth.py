"""The truth is what a consumer of the files ends up with, day by day, and knows it without them."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, Truth
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline_tests.sandbox.plain_reader import PlainReader, Visit

FIRST = date(2026, 2, 20)
"""Worlds that start here go through the night of 8 March, when the clocks change."""


LATER = frozen_clock(datetime(2026, 7, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def usual_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The world as it is by default; it makes each of its files once."""
    return Sandbox(tmp_path_factory.mktemp("usual"), clock=LATER)


def visits_of(truth: Truth) -> dict[str, list[Visit]]:
    visits: defaultdict[str, list[Visit]] = defaultdict(list)
    for visit in truth.visits.to_pylist():
        actions = tuple((action["time"], action["name"]) for action in visit["actions"])
        visits[visit["pid"]].append((visit["started_at"], actions))
    return {pid: sorted(some) for pid, some in visits.items()}


@pytest.mark.parametrize(
    ("seed", "people", "days"),
    [
        pytest.param(1, 1, 60, id="one person"),
        pytest.param(2, 2, 60, id="a household"),
        pytest.param(3, 7, 60, id="a handful"),
        pytest.param(4, 60, 35, id="some"),
        pytest.param(5, 400, 12, id="the usual size"),
    ],
)
def test_truth_is_what_remains_of_the_files(
    tmp_path: Path, seed: int, people: int, days: int
) -> None:
    sandbox = Sandbox(
        tmp_path, SandboxSettings(seed=seed, people=people, first_day=FIRST), clock=LATER
    )
    reader = PlainReader()
    for log_day in log_days_between(FIRST, FIRST + timedelta(days - 1)):
        path = sandbox.export_file(log_day)
        assert path is not None
        reader.read(path.read_bytes())
        truth = sandbox.truth(log_day)
        assert visits_of(truth) == reader.living_visits()
        assert truth.profiles == reader.properties
        assert truth.merge_count + truth.deletion_count == len(reader.merges)


def test_every_visit_lives_at_most_once(usual_sandbox: Sandbox) -> None:
    truth = usual_sandbox.truth(date(2026, 1, 28))
    visits = Counter(
        zip(*(truth.visits[name].to_pylist() for name in ("person", "started_at")), strict=True)
    )
    assert max(visits.values()) == 1


def test_what_is_deleted_and_not_yet_logged_again_does_not_live(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, SandboxSettings(first_day=FIRST), clock=LATER)
    days = list(log_days_between(FIRST, FIRST + timedelta(30)))
    living = [set(_identities(sandbox.truth(day))) for day in days]
    gone = [before - after for before, after in pairwise(living)]
    back = [missing & living[-1] for missing in gone]
    assert any(back), "some visits vanish for a day or more and come back"


def test_counting_raw_lines_counts_too_much(usual_sandbox: Sandbox) -> None:
    """What makes the project worth its while: by how much the default world misleads."""
    sandbox, reader = usual_sandbox, PlainReader()
    for log_day in log_days_between(date(2026, 1, 1), date(2026, 1, 28)):
        path = sandbox.export_file(log_day)
        assert path is not None
        reader.read(path.read_bytes())
    truth = sandbox.truth(date(2026, 1, 28))
    visits, pids = len(truth.visits), len(set(truth.visits["pid"].to_pylist()))
    assert 2_000 < visits < 5_000
    assert 200 < truth.merge_count < 600
    assert 1.2 < reader.visit_lines / visits < 1.6
    assert 1.2 < len(reader.pids) / pids < 1.6


def test_merges_come_in_all_their_kinds(usual_sandbox: Sandbox) -> None:
    sandbox, reader = usual_sandbox, PlainReader()
    for log_day in log_days_between(date(2026, 1, 1), date(2026, 4, 1)):
        path = sandbox.export_file(log_day)
        assert path is not None
        reader.read(path.read_bytes())
    merges = reader.merges
    dead = Counter(pid for pid, _ in merges)
    by_source = {pid: to_pid for pid, to_pid in merges if to_pid}
    assert any(to_pid is None for _, to_pid in merges), "deletes that name no survivor"
    assert any(by_source.get(to_pid or "") for _, to_pid in merges), "chains"
    assert any(count > 1 for count in dead.values()), "pids that come back and go again"
    assert any(by_source.get(to_pid or "") == pid for pid, to_pid in merges), "A→B and B→A"
    truth = sandbox.truth(date(2026, 4, 1))
    assert set(truth.canonical_pids) == set(dead)


def _identities(truth: Truth) -> list[tuple[int, int]]:
    columns = (truth.visits[name].to_pylist() for name in ("person", "started_at"))
    return list(zip(*columns, strict=True))
