"""A round before it happens: drawn from its seed, and told in words."""

import math
import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from woopra_pipeline_tests.storm.disks import DAMAGES
from woopra_pipeline_tests.storm.faults import FAULTS, KILLS
from woopra_pipeline_tests.storm.processes import Command, Kill
from woopra_pipeline_tests.storm.sources import NAMES

MOST_STRETCHES = 9
HOW_OFTEN = {
    "steps": 6,
    "backfill": 2,
    "send": 5,
    "import": 2,
    "follow": 2,
    "update": 1,
    "verify": 1,
    "rebuild": 1,
    "status": 1,
    "query": 1,
}
"""Each command's share. Dagster costs seconds a run, and what it runs is what the others do."""

TALKING = {"steps", "backfill", "send", "import", "follow"}
"""Commands that mostly talk to the server."""


@dataclass(frozen=True)
class Stretch:
    """Commands that run at the same time, and what is wrong with the disk."""

    commands: tuple[Command, ...]
    free_bytes: int | None
    """How much room the disk has; None: enough."""
    damage: str | None
    """What happens to the files afterwards."""

    def __str__(self) -> str:
        words = " | ".join(map(str, self.commands))
        if self.free_bytes is not None:
            words += f"; {self.free_bytes:,} bytes free"
        if self.damage is not None:
            words += f"; then {self.damage}"
        return words


@dataclass(frozen=True)
class Plan:
    """A round: which faults strike what share of the requests, and what is done meanwhile."""

    seed: int
    faults: frozenset[str]
    share: float
    stretches: tuple[Stretch, ...]

    def __str__(self) -> str:
        faults = ", ".join(sorted(self.faults)) or "none"
        lines = [f"faults at {self.share:.0%} of the requests: {faults}"]
        lines += [f"{number}. {stretch}" for number, stretch in enumerate(self.stretches, 1)]
        return "\n".join(lines)


def drawn_plan(
    seed: int, log_days: list[date], *, without: Collection[str] = (), processes: int = 2
) -> Plan:
    """A round on these days, the last one of which is open."""
    chance = random.Random(f"plan {seed}")
    kinds = [name for name in FAULTS if chance.random() < (0.85 if name in KILLS else 0.5)]
    faults = frozenset(kinds) - set(without)
    share = 0.0 if chance.random() < 0.1 else chance.uniform(0.1, 0.6)
    stretches = tuple(
        _drawn_stretch(chance, log_days, faults, processes)
        for _ in range(chance.randint(3, MOST_STRETCHES))
    )
    return Plan(seed, faults, share, stretches)


def _drawn_stretch(
    chance: random.Random, log_days: list[date], faults: frozenset[str], processes: int
) -> Stretch:
    count = processes if chance.random() < 0.6 else 1
    commands = tuple(_drawn_command(chance, log_days, faults) for _ in range(count))
    free_bytes = None
    if chance.random() < 0.25 and "full-disk" in faults:
        free_bytes = _drawn_size(chance, 1 << 12, 1 << 23)
    damages = sorted(faults & DAMAGES.keys())
    damage = chance.choice(damages) if damages and chance.random() < 0.4 else None
    return Stretch(commands, free_bytes, damage)


def _drawn_command(chance: random.Random, log_days: list[date], faults: frozenset[str]) -> Command:
    arguments = _drawn_arguments(chance, log_days)
    kill = None
    if chance.random() < 0.5 and "kill" in faults:
        if arguments[0] in TALKING and chance.random() < 0.7:
            kill = Kill(moments=chance.randint(1, 14))
        else:
            kill = Kill(seconds=_drawn_size(chance, 20, 3_000) / 1_000)
    largest_file = None
    if chance.random() < 0.1 and "file-limit" in faults:
        largest_file = _drawn_size(chance, 1 << 10, 1 << 22)
    return Command(arguments, kill, largest_file)


def _drawn_arguments(chance: random.Random, log_days: list[date]) -> tuple[str, ...]:
    *closed, current_day = log_days
    (kind,) = chance.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()))
    first, last = sorted(chance.choices(closed, k=2))
    some = chance.choices(closed, k=chance.randint(1, len(closed) + 1))
    source = chance.choice([(), (), *((name,) for name in NAMES)])
    dry_run = ("--dry-run",) if chance.random() < 0.1 else ()
    return {
        "steps": ("steps", *map(str, some)),
        "backfill": ("backfill", str(first), str(last)),
        "send": ("send", str(last), *chance.sample(NAMES, chance.randint(1, len(NAMES)))),
        "import": ("import", *source, "--day", str(last), *dry_run),
        "follow": ("follow", str(current_day)),
        "update": ("update",),
        "verify": ("import", "--verify"),
        "rebuild": ("import", "--rebuild-ledger"),
        "status": ("status",),
        "query": ("query", "select count(*) from visits join profiles using (pid)"),
    }[kind]


def _drawn_size(chance: random.Random, smallest: int, largest: int) -> int:
    return int(math.exp(chance.uniform(math.log(smallest), math.log(largest))))
