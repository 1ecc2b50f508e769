"""The settings of a sandbox's world."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import orjson

from woopra_pipeline.errors import ConfigurationError

FIRST_DAY = date(2026, 1, 1)
"""The first log day of a world unless its settings say otherwise."""

MOST_PEOPLE = 1_000_000
MOST_DAYS = 36_500
"""A hundred years."""

WORLD_VERSION = 5
"""Raised whenever the same settings make another world than before."""


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """The settings of a world.

    The same settings give the same world, byte for byte, on every machine.

    `people` is the number of people at any time; they come and go. With `days` None the world is
    endless; otherwise its log days end after that many. `identifiers` are the properties that
    identify a visitor, strongest first; a cookie is weaker than all of them.
    """

    seed: int = 1
    people: int = 400
    first_day: date = FIRST_DAY
    days: int | None = None
    identifiers: tuple[str, ...] = ("id", "email", "phone")

    def __post_init__(self) -> None:
        if self.people < 1:
            raise ConfigurationError(f"A sandbox needs at least 1 person, not {self.people}")
        if self.days is not None and self.days < 1:
            raise ConfigurationError(f"A sandbox needs at least 1 day, not {self.days}")
        if self.people > MOST_PEOPLE or (self.days or 0) > MOST_DAYS:
            raise ConfigurationError(
                f"A sandbox has at most {MOST_PEOPLE:,} people and {MOST_DAYS:,} days"
            )

    @property
    def last_day(self) -> date | None:
        """The last log day of a world that ends."""
        return None if self.days is None else self.first_day + timedelta(days=self.days - 1)

    @property
    def fingerprint(self) -> str:
        """The name of the world: 16 hexadecimal digits, different for different worlds."""
        text = orjson.dumps(
            [WORLD_VERSION, self.seed, self.people, self.first_day, self.days, self.identifiers]
        )
        return hashlib.sha256(text).hexdigest()[:16]
