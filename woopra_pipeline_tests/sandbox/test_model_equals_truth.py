"""The whole pipeline against the truth: fetched over HTTP, parsed and modelled, nothing is off.

The truth comes from the identity system itself, so that the model is not compared with another
reading of the same lines.
"""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.archive.fetch import fetch_log_day
from woopra_pipeline.clock import Clock, frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ServiceError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.sandbox import (
    Mood,
    Moods,
    RunningSandbox,
    Sandbox,
    SandboxClock,
    SandboxSettings,
    Service,
    Truth,
    serve,
)
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline_tests.sandbox.caller import Caller

SERVICE = Service(slowness=0.01)
FIRST_DAY = date(2026, 2, 26)
"""The days that follow include the short one, 8 March."""

VISITS = """
    with actions_of_visit as (
        select
            log_day,
            log_line,
            list({time: epoch_ms(occurred_at), name: name} order by action_index) as list_of_actions
        from actions
        group by all
    )
    select pid, epoch_ms(started_at), coalesce(list_of_actions, [])
    from visits
    left join actions_of_visit using (log_day, log_line)
"""


def fetch(client: WoopraClient, archive: Archive, log_day: date, clock: Clock) -> None:
    for _ in range(50):
        try:
            fetch_log_day(client, archive, log_day, clock=clock)
        except ServiceError:
            continue
        return
    raise AssertionError(f"{log_day} could not be fetched in any mood")


def import_in_all_moods(running: RunningSandbox, rng: random.Random) -> None:
    """Import what touches people the world knows, with a client that does not care."""
    known = [f"u-{1000 + rng.randrange(60)}" for _ in range(12)]
    for number, identifier in enumerate(known):
        visitor = {"id": identifier, "email": f"{number % 5}@example.com", "run": number}
        visit = {"visitor": visitor, "actions": [{"name": "order", "time": 1600000000000 + number}]}
        try:
            Caller(running).post(b"\n".join(orjson.dumps(line) for line in (visit, visit)))
        except httpx.TransportError:
            continue


def build_model(directory: DataDirectory, running: RunningSandbox, days: list[date]) -> None:
    archive, clock = Archive(directory.raw), running.sandbox.clock
    with WoopraClient(
        running.settings, clock=clock, notify=lambda _: None, sleep=lambda _: None
    ) as client:
        for log_day in days:
            fetch(client, archive, log_day, clock)
            parse_log_day(archive, log_day, directory.parsed, processes=1)
    update_model(directory, clock=clock)


def compare(directory: DataDirectory, sandbox: Sandbox, truth: Truth) -> None:
    with connect_published(directory) as model:
        profiles = model.sql("select pid, properties, is_provisional from profiles").fetchall()
        visits = model.sql(VISITS).fetchall()
        aliases = dict(model.sql("select pid, canonical_pid from pid_aliases").fetchall())
        merges = model.sql("select count(to_pid), count(*) from profile_merges").fetchall()
        counts = model.sql(
            "select log_day, visit_count, identify_count, delete_count, rejected_count,"
            " blank_count from log_days"
        ).fetchall()

    assert {pid: orjson.loads(properties) for pid, properties, _ in profiles} == truth.profiles
    assert _by_pid(visits) == _by_pid([tuple(row.values()) for row in _true_visits(truth)])
    assert {pid for pid, _, provisional in profiles if provisional} == {
        pid for pid in truth.pids_waiting if pid in truth.profiles
    }
    assert merges == [(truth.merge_count, truth.merge_count + truth.deletion_count)]
    for pid, canonical in truth.canonical_pids.items():
        assert aliases[pid] == (pid if pid in truth.profiles else canonical)
    for log_day, *numbers in counts:
        assert numbers == list(sandbox.line_counts(log_day).values())


def _true_visits(truth: Truth) -> list[dict[str, Any]]:
    return truth.visits.select(["pid", "started_at", "actions"]).to_pylist()  # type: ignore[no-any-return]


def _by_pid(visits: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for pid, started_at, actions in visits:
        found[pid].append((started_at, [(action["time"], action["name"]) for action in actions]))
    return {pid: sorted(some) for pid, some in found.items()}


def run(root: Path, world: SandboxSettings, days: int, moods: Moods) -> Truth:
    """Let a world import and be fetched in these moods; what is modelled must be true."""
    rng = random.Random(world.seed)
    last_day = world.first_day + timedelta(days=days - 1)
    start = datetime.combine(last_day, datetime.min.time(), UTC) + timedelta(hours=20)
    directory = DataDirectory(root)
    clock = SandboxClock(start, base=frozen_clock(start))
    sandbox = Sandbox(directory.sandbox, world, clock=clock)
    with serve(sandbox, service=SERVICE, moods=moods) as running:
        import_in_all_moods(running, rng)
        last_day = sandbox.today
        clock.skip_to_midnight()
        log_days = list(log_days_between(world.first_day, last_day))
        build_model(directory, running, rng.sample(log_days, len(log_days)))
        truth = running.truth(last_day)
    compare(directory, sandbox, truth)
    return truth


@pytest.mark.parametrize(
    ("seed", "people", "days"),
    [
        pytest.param(1, 1, 3, id="hardly anything"),
        pytest.param(2, 4, 14, id="a handful"),
        pytest.param(3, 60, 12, id="some"),
    ],
)
def test_on_good_days(tmp_path: Path, seed: int, people: int, days: int) -> None:
    world = SandboxSettings(seed=seed, people=people, first_day=FIRST_DAY)
    truth = run(tmp_path, world, days, Moods())
    assert truth.merge_count >= people // 4


@pytest.mark.parametrize("mood", Mood)
def test_in_each_mood(tmp_path: Path, mood: Mood) -> None:
    world = SandboxSettings(seed=4, people=15, first_day=FIRST_DAY)
    truth = run(tmp_path, world, 6, Moods([mood], share=0.5))
    assert truth.merge_count > 0


def test_a_model_that_lacks_a_day_is_not_true(tmp_path: Path) -> None:
    world = SandboxSettings(seed=5, people=30, first_day=FIRST_DAY)
    truth = run(tmp_path, world, 4, Moods())
    sandbox = Sandbox(DataDirectory(tmp_path).sandbox, world)
    with pytest.raises(AssertionError):
        compare(DataDirectory(tmp_path), sandbox, sandbox.truth(truth.log_day + timedelta(days=1)))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_worlds_in_all_moods(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    people, days = rng.choice([1, 4, 20, 60]), rng.choice([3, 8, 14])
    world = SandboxSettings(seed=seed, people=people, first_day=FIRST_DAY)
    run(tmp_path, world, days, Moods(Mood, share=0.4, seed=seed))
