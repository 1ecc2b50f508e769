"""What is imported in a round, and what must be on the server when the round is over."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import orjson

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.sources import sources_folder
from woopra_pipeline.woopra.log_days import start_of_log_day
from woopra_pipeline_tests.storm.server import UNACCEPTABLE

NAMES = ("visits", "events", "profiles")
BAD_EVERY = 13


@dataclass(frozen=True)
class Sources:
    """Three sources, of all shapes; the same whatever the day they are imported for."""

    visit_count: int
    event_count: int
    profile_count: int
    noon: int
    """In UNIX ms."""

    def write(self, directory: DataDirectory) -> None:
        """Put the SQL files where imports find them."""
        folder = sources_folder(directory)
        folder.mkdir(parents=True)
        for name, sql in zip(NAMES, (self._visits, self._events, self._profiles), strict=True):
            (folder / f"{name}.sql").write_text(sql, encoding="utf-8")

    @property
    def _visits(self) -> str:
        return (
            f"select {{'email': 'visitor ' || i}} as visitor, [{{'name': 'order', "
            f"'time': {self.noon} + i, 'properties': {{'is': case when i % {BAD_EVERY} = 7 "
            f"then '{UNACCEPTABLE}' else 'fine' end}}}}] as actions "
            f"from range({self.visit_count}) r(i)"
        )

    @property
    def _events(self) -> str:
        return (
            f"select {{'email': 'buyer ' || (i % 9)}} as visitor, 'order ' || i as name, "
            f"{self.noon} + (i // 9) * 3600000 as time, {{'n': i}} as properties "
            f"from range({self.event_count}) r(i)"
        )

    @property
    def _profiles(self) -> str:
        return (
            "select {'email': 'member ' || i, 'plan': 'pro'} as visitor "
            f"from range({self.profile_count}) r(i)"
        )

    def actions(self) -> Counter[tuple[str, str, int]]:
        """Visitor, name and time of every action that must have been imported, once each."""
        visits = (
            (f"visitor {i}", "order", self.noon + i)
            for i in range(self.visit_count)
            if i % BAD_EVERY != 7
        )
        events = (
            (f"buyer {i % 9}", f"order {i}", self.noon + i // 9 * 3_600_000)
            for i in range(self.event_count)
        )
        return Counter([*visits, *events])

    def members(self) -> set[str]:
        """Whose profile must have been updated, once at least."""
        return {f"member {i}" for i in range(self.profile_count)}

    @property
    def rejected_count(self) -> int:
        """How many lines the service must have rejected."""
        return sum(i % BAD_EVERY == 7 for i in range(self.visit_count))


def drawn_sources(chance: random.Random, log_day: date) -> Sources:
    """Sources of some lines, of things that happened on a day."""
    noon: datetime = start_of_log_day(log_day) + timedelta(hours=12)
    return Sources(
        visit_count=chance.randrange(60),
        event_count=chance.randrange(60),
        profile_count=chance.randrange(40),
        noon=int(noon.timestamp()) * 1000,
    )


def taken_actions(taken: Sequence[str]) -> Counter[tuple[str, str, int]]:
    """Visitor, name and time of the actions on lines that a server has taken."""
    return Counter(
        (line["visitor"]["email"], action["name"], action["time"])
        for line in map(orjson.loads, taken)
        for action in line.get("actions", ())
    )


def taken_members(taken: Sequence[str]) -> set[str]:
    """Whose profile was updated by lines that a server has taken."""
    lines = map(orjson.loads, taken)
    return {line["visitor"]["email"] for line in lines if "actions" not in line}
