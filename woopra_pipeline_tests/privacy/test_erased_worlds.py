"""R10 from end to end: a person of a world is gone from every file, and stays away.

Worlds have merges, chains, returns and shared computers; persons are named as a user would.
"""

import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ErasureError
from woopra_pipeline.files import remove
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.privacy.erasing import enter, finish
from woopra_pipeline.privacy.plan import Finder, Identifier, Plan
from woopra_pipeline.privacy.register import digest_key, erased_persons, read_register
from woopra_pipeline.privacy.verification import search
from woopra_pipeline.report.page import write_report
from woopra_pipeline.sandbox import Sandbox, SandboxClock, SandboxSettings, serve
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.log_days import end_of_log_day, log_days_between
from woopra_pipeline_tests.model.interpreter import Row, interpret, tables
from woopra_pipeline_tests.model.published_tables import in_order, published_tables

FIRST_DAY = date(2026, 2, 26)
OF_A_PERSON = {
    "profiles": "pid",
    "profile_properties": "pid",
    "visits": "pid",
    "actions": "pid",
    "pid_aliases": "pid",
    "profile_merges": "from_pid",
}


class World:
    """A sandbox, and the pipeline on it; time stands still unless it is moved on."""

    def __init__(self, root: Path, seed: int, people: int, days: int) -> None:
        self.directory = DataDirectory(root / "data")
        self.settings = SandboxSettings(seed=seed, people=people, first_day=FIRST_DAY)
        self.root = root
        self.days = list(log_days_between(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1)))
        self.now = end_of_log_day(self.days[-1]) + timedelta(hours=1)
        clock = SandboxClock(self.now, base=frozen_clock(self.now))
        self.sandbox = Sandbox(root / "world", self.settings, clock=clock)

    def fetch(self, days: list[date], directory: DataDirectory | None = None) -> None:
        directory = directory or self.directory
        persons = erased_persons(directory)
        archive = Archive(directory.raw)
        with (
            serve(self.sandbox) as running,
            WoopraClient(running.settings, clock=running.sandbox.clock) as client,
        ):
            for log_day in days:
                fetch_log_day(
                    client, archive, log_day, persons=persons, clock=running.sandbox.clock
                )
                parse_log_day(archive, log_day, directory.parsed, processes=1)
        update_model(directory)

    def delivered(self) -> dict[date, bytes]:
        with serve(self.sandbox) as running, WoopraClient(running.settings) as client:
            archive = Archive(self.root / "delivered")
            for log_day in self.days:
                fetch_log_day(client, archive, log_day, clock=running.sandbox.clock)
        return {day: read(archive, day) for day in self.days}

    def plan(self, identifier: Identifier, moment: datetime | None = None) -> Plan:
        with connect_published(self.directory) as connection:
            finder = Finder(connection)
            life = finder.find(identifier)
            assert life is not None
            return finder.plan(
                [identifier],
                [life],
                moment or self.now,
                and_future=False,
                identifier_keys=["id", "email"],
            )

    def most_merged(self) -> Identifier:
        """Somebody with an email nobody else ever had, and with many merges."""
        with connect_published(self.directory) as connection:
            rows = connection.sql(
                "select email from profiles join profile_merges on canonical_pid = pid "
                "where email is not null group by email order by count(*) desc, email"
            ).fetchall()
        for (email,) in rows:
            identifier = Identifier("email", email)
            try:
                self.plan(identifier)
            except ErasureError:
                continue
            return identifier
        raise AssertionError("everybody shares an email")


def read(archive: Archive, log_day: date) -> bytes:
    with archive.open(archive.get(log_day)) as stream:
        return stream.read()


def of_others(rows: dict[str, list[Row]], pids: tuple[str, ...]) -> dict[str, list[Row]]:
    return {
        name: [row for row in rows[name] if row[column] not in pids]
        for name, column in OF_A_PERSON.items()
    }


def pick(world: World) -> tuple[Plan, Identifier]:
    identifier = world.most_merged()
    plan = world.plan(identifier)
    assert len(plan.pids) > 1
    assert plan.line_count
    return plan, identifier


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]
)
def test_a_person_is_in_no_file_before_and_after_every_day_is_fetched_again(tmp_path, seed):
    rng = random.Random(seed)
    world = World(tmp_path, seed, people=40, days=8)
    world.fetch(world.days)
    write_report(world.directory)
    before = published_tables(world.directory)
    plan, identifier = pick(world)
    searched = [identifier, *plan.known_by]
    assert search(world.directory, searched).finds

    enter(world.directory, plan)
    (receipt,) = finish(world.directory, clock=frozen_clock(world.now))
    assert receipt.log.lines == plan.line_count
    result = search(world.directory, searched)
    assert (result.finds, result.unreadable) == ((), ())
    after = published_tables(world.directory)
    assert in_order(of_others(after, plan.pids)) == in_order(of_others(before, plan.pids))
    assert not [row for row in after["profiles"] if row["pid"] in plan.pids]
    assert {
        row["log_day"]: row["erased_count"] for row in after["log_days"] if row["erased_count"]
    } == plan.lines

    world.fetch(rng.sample(world.days, len(world.days)))
    assert in_order(published_tables(world.directory)) == in_order(after)
    assert not search(world.directory, searched).finds

    elsewhere = DataDirectory(tmp_path / "elsewhere")
    elsewhere.erasures.mkdir(parents=True)
    for name in ("register.json", "key"):
        content = (world.directory.erasures / name).read_bytes()
        (elsewhere.erasures / name).write_bytes(content)
    world.fetch(rng.sample(world.days, len(world.days)), elsewhere)
    assert in_order(published_tables(elsewhere)) == in_order(after)
    assert not search(elsewhere, searched).finds


@pytest.mark.parametrize(
    "seed", [12, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(13, 23))]
)
def test_what_is_logged_after_the_erasure_is_judged_by_when_it_happened(tmp_path, seed):
    world = World(tmp_path, seed, people=40, days=10)
    early, late = world.days[:5], world.days[5:]
    world.fetch(early)
    moment = end_of_log_day(early[-1])
    plan, identifier = pick(world)
    enter(world.directory, world.plan(identifier, moment))
    world.fetch(random.Random(seed).sample(late, len(late)))
    erasures = read_register(world.directory.erasures).erasures
    assert set(erasures[0].pids) >= set(plan.pids)
    expected = tables(interpret(world.delivered(), erasures, digest_key(world.directory.erasures)))
    assert in_order(published_tables(world.directory)) == in_order(expected)
    remove(world.directory.model)
    remove(world.directory.published_model)
    world.fetch(world.days)
    assert in_order(published_tables(world.directory)) == in_order(expected)
