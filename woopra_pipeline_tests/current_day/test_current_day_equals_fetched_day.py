"""A pipeline that followed its days ends with the model of one that never did.

On the sandbox, over HTTP, its clock running fast over the midnight before a day of 23 hours: with
merges and deletions on the days that are followed, an import, broken answers and killed steps, and
other days fetched meanwhile.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.current_day import CurrentDay, follow_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import ModelUpdate, update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.sandbox import (
    Mood,
    RunningSandbox,
    Sandbox,
    SandboxClock,
    SandboxSettings,
    Service,
    serve,
)
from woopra_pipeline.tables import MODEL_TABLES
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.log_days import end_of_log_day
from woopra_pipeline_tests.conftest import FrozenTime
from woopra_pipeline_tests.current_day.test_killed_step import step_that_dies

FIRST, SECOND, LONG_DAY, SHORT_DAY = (date(2026, 3, day) for day in range(5, 9))
WORLD = SandboxSettings(seed=8, people=400, first_day=FIRST)
START = end_of_log_day(LONG_DAY) - timedelta(hours=8)
SPEED = 600
MERGES = "select log_line from profile_merges where log_day = '2026-03-07'"


@dataclass
class Pipeline:
    """A data directory, kept in line with a sandbox that answers."""

    directory: DataDirectory
    running: RunningSandbox
    client: WoopraClient
    updates: list[ModelUpdate] = field(default_factory=list)

    def fetch(self, *log_days: date) -> None:
        archive, clock = Archive(self.directory.raw), self.running.sandbox.clock
        for log_day in log_days:
            fetch_log_day(self.client, archive, log_day, clock=clock)
            parse_log_day(archive, log_day, self.directory.parsed, processes=1)
        self.update()

    def follow(self, *moods: Mood) -> CurrentDay:
        self.running.moods.upcoming.extend(moods)
        clock = self.running.sandbox.clock
        followed = follow_current_day(self.client, self.directory.parsed, clock=clock)
        self.update()
        return followed

    def follow_to_death(self, fatal_event: int) -> None:
        sandbox = self.running.sandbox
        exit_code = step_that_dies(
            self.directory.parsed, self.running.settings, sandbox.clock(), fatal_event
        )
        assert exit_code == -signal.SIGKILL
        self.update()

    def update(self) -> None:
        clock = self.running.sandbox.clock
        self.updates.append(update_model(self.directory, clock=clock, rebuild_share=2))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with connect_published(self.directory) as connection:
            return connection.sql(sql).fetchall()

    def tables(self) -> dict[str, list[str]]:
        """Every public table whole, but for when a day was fetched and applied."""
        columns = {"log_days": "* exclude (fetched_at, applied_at)"}
        return {
            name: sorted(map(repr, self.query(f"select {columns.get(name, '*')} from {name}")))
            for name in (table.name for table in MODEL_TABLES)
        }


@pytest.fixture
def time() -> FrozenTime:
    """The time that passes outside of the sandbox, where it passes so much faster."""
    return FrozenTime(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def running(tmp_path: Path, time: FrozenTime) -> Iterator[RunningSandbox]:
    clock = SandboxClock(START, SPEED, base=time.clock)
    with serve(Sandbox(tmp_path / "sandbox", WORLD, clock=clock), service=Service()) as sandbox:
        yield sandbox


@pytest.fixture
def client(running: RunningSandbox) -> Iterator[WoopraClient]:
    with WoopraClient(
        running.settings, clock=running.sandbox.clock, sleep=lambda _: None, notify=lambda _: None
    ) as client:
        yield client


def import_merges(sandbox: Sandbox) -> None:
    """Import what shows some people to be each other."""
    for number in range(12):
        visitor = {"id": f"u-{1000 + number}", "email": f"{number % 4}@example.com"}
        visit = {"visitor": visitor, "actions": [{"name": "order", "time": 1600000000000}]}
        sandbox.import_lines(orjson.dumps(visit))


def test_the_model_is_that_of_a_pipeline_that_never_followed(tmp_path, running, client, time):
    sandbox = running.sandbox
    followed = Pipeline(DataDirectory(tmp_path / "followed"), running, client)
    followed.fetch(SECOND)
    lines: dict[date, int] = {}

    def follow(*moods: Mood) -> None:
        step = followed.follow(*moods)
        assert step.day is not None
        assert step.day.is_open
        lines[step.log_day] = step.day.line_count
        time.sleep(3)

    for _ in range(6):
        follow()
    import_merges(sandbox)
    for mood in (Mood.RESET, Mood.TRUNCATED, Mood.WRONG_LENGTH, Mood.SERVER_ERROR, Mood.BUSY):
        follow(mood)
    for fatal_event in (4, 40):
        followed.follow_to_death(fatal_event)
        time.sleep(1)
    followed.fetch(FIRST)
    while sandbox.clock() < end_of_log_day(LONG_DAY) - timedelta(hours=2):
        follow()
    time.sleep(timedelta(hours=2).total_seconds() / SPEED)
    merges_followed = followed.query(MERGES)
    for _ in range(3):
        follow()
    followed.fetch(LONG_DAY)
    for _ in range(3):
        follow()
    assert lines.keys() == {LONG_DAY, SHORT_DAY}
    assert lines[LONG_DAY] > 100
    assert len(merges_followed) > 3
    assert "rebuild" not in {update.method for update in followed.updates[1:]}
    assert sum(bool(update.grown) for update in followed.updates) > 10

    time.sleep(timedelta(hours=30).total_seconds() / SPEED)
    followed.fetch(SHORT_DAY)
    fetched = Pipeline(DataDirectory(tmp_path / "fetched"), running, client)
    fetched.fetch(FIRST, SECOND, LONG_DAY, SHORT_DAY)
    assert followed.tables() == fetched.tables()
    archived = Archive(fetched.directory.raw).get(LONG_DAY)
    assert lines[LONG_DAY] < archived.line_count, "something was logged after the last step"
