"""Keeps figures as lines of JSON, one for each, and compares each with its bar.

Every benchmark notes its figures here, with the machine, the commit and how busy others were. A
figure has a value for each round. Its spread goes from the minimum to the maximum. A bar holds if
the whole spread is on its good side, and is missed if no part of it is. Otherwise it is open.
"""

import json
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measuring import Busy, Costs
from woopra_pipeline.data_directory import checkout

FOLDER = checkout() / "data" / "bench"
FILE = "results.jsonl"
PACKAGES = ("duckdb", "dagster", "msgspec", "numpy", "pyarrow", "deltalake", "pysail")
RATIO, EXPONENT, SECONDS, PROCESSOR, MEGABYTES = (
    "ratio",
    "exponent",
    "s",
    "s of processor",
    "MB",
)
WITHOUT_UNIT = (RATIO, EXPONENT)
"""Units that mean about the same on all machines."""

QUIET = 0.1
"""The share of the processors that others may take while seconds are held to a bar."""


class ResultsError(Exception):
    """What is asked of the results cannot be answered; says why, and what to do."""


@dataclass(frozen=True)
class Spread:
    """The median, the minimum and the maximum of some values."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> "Spread":
        return cls(statistics.median(rounds), min(rounds), max(rounds))

    def overlaps(self, other: "Spread") -> bool:
        return self.least <= other.most and other.least <= self.most


@dataclass(frozen=True)
class Bar:
    """The bar of a figure; neither is set if it has none."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:,g}"
        return "" if self.at_most is None else f"≤ {self.at_most:,g}"

    def verdict(self, spread: Spread) -> str:
        if self.at_least is not None:
            holds, misses = spread.least >= self.at_least, spread.most < self.at_least
        elif self.at_most is not None:
            holds, misses = spread.most <= self.at_most, spread.least > self.at_most
        else:
            return ""
        return "holds" if holds else "missed" if misses else "open"


NO_BAR = Bar()


@dataclass(frozen=True)
class Setting:
    """Where and when some figures were measured, and of which state of the project."""

    run: str
    """When the run began, which tells it from others."""
    size: str
    """How much was measured: figures of different sizes are different figures."""
    commit: str
    is_dirty: bool
    machine: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """A figure: its values by round, its bar, and where, when and beside what it was measured."""

    stage: str
    name: str
    unit: str
    rounds: Sequence[float]
    setting: Setting
    bar: Bar = NO_BAR
    figures: str = ""
    """What a ratio is made of, for readers."""
    time: str = ""
    load: Sequence[float] = ()
    """In the minute before each measurement."""
    others_before: Sequence[float] = ()
    """The share of the processors that other processes took before each measurement."""
    others_during: Sequence[float] = ()
    """The same, during each."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.setting.size, self.stage, self.name, self.unit

    @property
    def spread(self) -> Spread:
        return Spread.of(self.rounds)

    @property
    def verdict(self) -> str:
        """The result for its bar.

        But seconds alone do not miss a bar if other processes used the machine.
        """
        verdict = self.bar.verdict(self.spread)
        alone = max(self.others_during, default=0.0) <= QUIET
        return verdict if verdict != "missed" or self.unit != SECONDS or alone else "open"

    @property
    def is_shown(self) -> bool:
        """Whether it belongs into the table of ratios and bars."""
        return self.unit in WITHOUT_UNIT or self.bar != NO_BAR


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """The ratio of each round, of two figures that were measured in the same rounds."""
    return [one / other for one, other in zip(above, below, strict=True)]


def crossed(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """The ratios of each to each, of two figures that were measured one after the other."""
    return [one / other for one, other in product(above, below)]


def exponents(above: Sequence[float], below: Sequence[float], times: float) -> list[float]:
    """The exponent of a figure's growth with the data: 1: as fast as the data, 0: not at all."""
    return [math.log(ratio) / math.log(times) for ratio in crossed(above, below)]


@dataclass
class Results:
    """The records of a run. Each is appended to the file at once, if there is one."""

    setting: Setting
    path: Path | None = None
    records: list[Record] = field(default_factory=list)

    def add(
        self,
        stage: str,
        name: str,
        unit: str,
        rounds: Sequence[float],
        busy: Sequence[Busy] = (),
        *,
        bar: Bar = NO_BAR,
        figures: str = "",
    ) -> Record:
        """Note a figure; `busy` says how it was during all measurements that it is made of."""
        record = Record(
            stage,
            name,
            unit,
            list(rounds),
            self.setting,
            bar,
            figures,
            now(),
            *(
                [round(each, 3) for each in values if each is not None]
                for values in (
                    [each.load for each in busy],
                    [each.before for each in busy],
                    [each.during for each in busy],
                )
            ),
        )
        self.records.append(record)
        if self.path:
            append(self.path, record)
        return record

    def costs(self, stage: str, name: str, costs: Costs) -> None:
        """Note what work took: by the clock, of the processors, and of memory."""
        for unit, rounds in (
            (SECONDS, costs.seconds),
            (PROCESSOR, costs.processor_seconds),
            (MEGABYTES, costs.peak_megabytes),
        ):
            self.add(stage, name, unit, rounds, costs.busy)

    def beside(
        self,
        stage: str,
        name: str,
        above: Costs,
        below: Costs,
        unit: str = SECONDS,
        *,
        bar: Bar = NO_BAR,
        pairs: Callable[[Sequence[float], Sequence[float]], list[float]] = ratios,
    ) -> None:
        """Note the ratio of what two works took, by the clock, of the processors or of memory."""
        one, other = ({**by_unit(costs)}[unit] for costs in (above, below))
        figures = both(one, other, unit)
        if unit == SECONDS:
            figures += f"; {both(above.processor_seconds, below.processor_seconds, PROCESSOR)}"
        busy = [*above.busy, *below.busy]
        self.add(stage, name, RATIO, pairs(one, other), busy, bar=bar, figures=figures)

    def median(self, stage: str, name: str, unit: str) -> float:
        return self.find(stage, name, unit).spread.median

    def find(self, stage: str, name: str, unit: str) -> Record:
        """The record of that name; raises `KeyError` if it was not measured."""
        for record in self.records:
            if (record.stage, record.name, record.unit) == (stage, name, unit):
                return record
        raise KeyError((stage, name, unit))


def by_unit(costs: Costs) -> dict[str, list[float]]:
    return {
        SECONDS: costs.seconds,
        PROCESSOR: costs.processor_seconds,
        MEGABYTES: costs.peak_megabytes,
    }


def both(above: Sequence[float], below: Sequence[float], unit: str) -> str:
    """Two medians, for readers."""
    one, other = (significant(statistics.median(rounds)) for rounds in (above, below))
    return f"{one} and {other} {unit}"


def significant(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def start(size: str, path: Path | None = FOLDER / FILE) -> Results:
    """Begin a run of that size, of the project as it is here and now."""
    commit, is_dirty = state_of_project()
    versions = {package: version(package) for package in PACKAGES}
    versions["python"] = platform.python_version()
    return Results(Setting(now(), size, commit, is_dirty, machine(), versions), path)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def state_of_project() -> tuple[str, bool]:
    """The commit, and whether files of it were changed since; "unknown" if it is no clone."""
    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=checkout(), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@cache
def machine() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    model = platform.processor() or platform.machine()
    description = Path("/proc/cpuinfo")
    if description.exists():
        names = [row for row in description.read_text().splitlines() if "model name" in row]
        model = names[0].partition(":")[2].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": model,
        "cores": cores,
        "memory_gigabytes": round(memory),
        "system": platform.platform(),
    }


def append(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")


def read(path: Path) -> Iterator[Record]:
    """The records of a file, in the order in which they were noted.

    Raises `ResultsError` if there is no file, or a line of it is no record.
    """
    if not path.exists():
        raise ResultsError(f"There are no results in {path}: `make bench` makes some")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                content = json.loads(line)
                setting, bar = Setting(**content.pop("setting")), Bar(**content.pop("bar"))
                yield Record(**content, setting=setting, bar=bar)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ResultsError(
                    f"Line {number} of {path} is no record of a figure ({error}): remove the line"
                ) from None
