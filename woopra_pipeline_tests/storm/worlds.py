"""The log that is served: what each day's file says, and what was imported into it.

A world has closed days and one that is open while the storm lasts, whose file only ever grows: by
lines of its own, and by those that are imported. `end` closes that day.
"""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson

from woopra_pipeline.sandbox import Sandbox, SandboxSettings
from woopra_pipeline.woopra.log_days import log_days_between, start_of_log_day
from woopra_pipeline_tests import generated_logs

FIRST_DAY = date(2024, 3, 8)
"""Days long over, on which real logs and Dagster's partitions are closed; one of them is short."""

HOURS_UNTIL_STORM = 12
DAYS_UNTIL_CALM = 2
PIDS = generated_logs.CIRCLES[0]
VISITS, IDENTIFIES = generated_logs.pools(PIDS)
READABLE = b'{"type":"visit","pid":"A","time":1767225600000,"actions":[]}'


class Time:
    """The world's time: the machine's, put back by `offset`, which moves on when the day ends."""

    def __init__(self, start: datetime) -> None:
        self.offset = start - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


class World(ABC):
    """A log of `days`, the last of which is open until `end` is called."""

    kind: str

    def __init__(self, chance: random.Random, day_count: int) -> None:
        self.chance = chance
        self.days = list(
            log_days_between(FIRST_DAY, FIRST_DAY + timedelta(days=max(day_count, 2) - 1))
        )
        self.current_day = self.days[-1]
        start = start_of_log_day(self.current_day) + timedelta(hours=HOURS_UNTIL_STORM)
        self.time = Time(start)
        self.taken: list[str] = []
        """The lines that were imported, in order."""
        self.lock = threading.RLock()
        self.is_over = False

    def end(self) -> None:
        """Let the current day end, and another one pass."""
        with self.lock:
            self.is_over = True
            self.time.offset += timedelta(days=DAYS_UNTIL_CALM)

    def take(self, lines: Sequence[str]) -> None:
        """Import lines, all at once and for good."""
        with self.lock:
            self.taken += lines
            self._log_imported(lines)

    @abstractmethod
    def file(self, log_day: date) -> bytes | None:
        """The day's true file, as far as it is written; None if it is no day of the world."""

    @abstractmethod
    def _log_imported(self, lines: Sequence[str]) -> None: ...


class GeneratedWorld(World):
    """Few pids that meet all the time: merges, chains, returns, odd lines and rejected ones."""

    kind = "generated"

    def __init__(self, chance: random.Random, day_count: int) -> None:
        super().__init__(chance, day_count)
        self._files = {day: drawn_file(chance) for day in self.days}
        ending = self._files[self.current_day]
        # Imported lines are put behind it, so it has to end with a newline.
        self._coming = [line + b"\n" for line in ending.split(b"\n")]
        self._files[self.current_day] = b""
        self._after: list[bytes] = []

    def file(self, log_day: date) -> bytes | None:
        with self.lock:
            if log_day == self.current_day:
                self._grow()
            return self._files.get(log_day)

    def _grow(self) -> None:
        number = len(self._coming) if self.is_over else self.chance.randrange(4)
        self._files[self.current_day] += b"".join(self._coming[:number])
        del self._coming[:number]

    def _log_imported(self, lines: Sequence[str]) -> None:
        if not self.is_over:
            self._files[self.current_day] += b"".join(map(export_line, lines))


class SandboxWorld(World):
    """The embedded sandbox's world, small; what is imported goes through its identities."""

    kind = "sandbox"

    def __init__(self, chance: random.Random, day_count: int, folder: Path) -> None:
        super().__init__(chance, day_count)
        settings = SandboxSettings(
            seed=chance.randrange(1 << 16), people=chance.choice([12, 30]), first_day=FIRST_DAY
        )
        self._sandbox = Sandbox(folder, settings, clock=self.time)

    def file(self, log_day: date) -> bytes | None:
        with self.lock:
            if log_day not in self.days:
                return None
            path = self._sandbox.export_file(log_day)
            return path.read_bytes() if path else self._sandbox.growing_file(log_day)

    def _log_imported(self, lines: Sequence[str]) -> None:
        self._sandbox.import_lines("\n".join(lines).encode())


def drawn_world(chance: random.Random, folder: Path) -> World:
    """A world of either kind; `folder` is for the sandbox's own files."""
    day_count = chance.randint(2, 5)
    if chance.random() < 0.3:
        return SandboxWorld(chance, day_count, folder)
    return GeneratedWorld(chance, day_count)


def drawn_file(chance: random.Random) -> bytes:
    """A day's file: empty now and then, otherwise with a readable line at least."""
    if chance.random() < 0.08:
        return b""
    lines = [READABLE]
    for _ in range(chance.randrange(1, 40)):
        lines += _drawn_lines(chance, lines)
    start = chance.choice([b"", b"", b"", b"\xef\xbb\xbf"])
    end = chance.choice([b"", b"\n", b"\n", b"\r\n"])
    return start + b"\n".join(lines) + end


def _drawn_lines(chance: random.Random, before: Sequence[bytes]) -> list[bytes]:
    """A line; or a merge, and some of what it voids logged again under the pid it leads to."""
    draw = chance.random()
    if draw < 0.6:
        return [chance.choice(VISITS)]
    if draw < 0.75:
        return [chance.choice(IDENTIFIES)]
    if draw < 0.85:
        return [chance.choice([*generated_logs.deletes(PIDS), *generated_logs.ODD_LINES])]
    old, new = (pid_member(pid) for pid in chance.sample(PIDS, 2))
    delete = b'{"type":"delete",%b,"new_id":%b}' % (old, new.removeprefix(b'"pid":'))
    again = [line.replace(old, new, 1) for line in before if old in line and b"visit" in line]
    return [delete, *(line for line in again if chance.random() < 0.8)]


def pid_member(pid: str) -> bytes:
    """How a pid stands on a generated line."""
    return b'"pid":' + orjson.dumps(pid).replace("Ω".encode(), b"\\u03a9")


def export_line(text: str) -> bytes:
    """An imported line as the export shows it."""
    line = orjson.loads(text)
    shape = (
        {"type": "visit", "time": line["actions"][0]["time"]}
        if "actions" in line
        else {"type": "identify", "time": 0, "actions": []}
    )
    line |= {**shape, "pid": f"pid of {line['visitor']['email']}"}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
