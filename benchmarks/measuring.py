"""Measures work: seconds by the clock, processor seconds, and peak memory.

All work runs in a new process. Imports before the work do not count. Things that are compared are
measured in rounds, one after the other in each, so that a busy machine slows down all of them. How
busy other processes kept the machine is measured too.
"""

import multiprocessing
import os
import re
import resource
import statistics
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

PATIENCE_SECONDS = 0.1
"""How long the machine is watched before each measurement."""
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
IDLE_FIELDS = (3, 4)
"""Of the first line of `/proc/stat`: doing nothing, and doing nothing until a disk answers."""
GUEST_FIELDS = 8
"""So many fields count; what follows is in them already."""

IMPORT_TIME = re.compile(r"^import time: +(\d+) \| +\d+ \| *([\w.]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Busy:
    """How busy others were; None if the system does not show it."""

    load: float | None
    """The machine's load in the minute before."""
    before: float | None
    """The share of all processors, from 0 to 1, that other processes took just before."""
    during: float | None
    """The same, while it was measured."""


@dataclass(frozen=True)
class Cost:
    """What work took once; `value` is what it returned."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float
    """The largest sum of the resident memory of the process and its descendants."""
    value: Any = None
    busy: Busy = Busy(None, None, None)


Measure = Callable[[], Cost]
Name = TypeVar("Name")


@dataclass(frozen=True)
class Costs:
    """What the same work took in each round."""

    all: Sequence[Cost]

    @property
    def seconds(self) -> list[float]:
        return [cost.seconds for cost in self.all]

    @property
    def processor_seconds(self) -> list[float]:
        return [cost.processor_seconds for cost in self.all]

    @property
    def peak_megabytes(self) -> list[float]:
        return [cost.peak_megabytes for cost in self.all]

    @property
    def values(self) -> list[Any]:
        return [cost.value for cost in self.all]

    @property
    def busy(self) -> list[Busy]:
        return [cost.busy for cost in self.all]

    @property
    def median(self) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds)

    @property
    def peak(self) -> float:
        return max(self.peak_megabytes)


def in_rounds(rounds: int, measures: Mapping[Name, Measure]) -> dict[Name, Costs]:
    """Measure all of these so many times, in turns."""
    costs: dict[Name, list[Cost]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            costs[name].append(measure())
    return {name: Costs(all_costs) for name, all_costs in costs.items()}


def fresh(
    work: Callable[..., Any], *arguments: Any, before: Callable[[], object] = lambda: None
) -> Measure:
    """Measures the work in a process of its own, with `before` done here first."""

    def measure() -> Cost:
        before()
        return in_new_process(work, *arguments)

    return measure


def running(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], object] = lambda: None,
) -> Measure:
    """Measures a command from its start to its end, with `before` done here first.

    The value is what it wrote to standard output. Raises `RuntimeError` if it does not end well.
    """

    def measure() -> Cost:
        before()
        watch = Watch()
        before_processor = reaped_processor_seconds()
        started = time.perf_counter()
        output, peak = command(arguments, environment=environment)
        seconds = time.perf_counter() - started
        processor = reaped_processor_seconds() - before_processor
        return Cost(seconds, processor, peak, output, watch.busy())

    return measure


def in_new_process(work: Callable[..., Any], *arguments: Any) -> Cost:
    watch = Watch()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        with peak_memory(pid) as peak:
            seconds, processor, value = pool.submit(timed, work, *arguments).result()
    return Cost(seconds, processor, peak[0], value, watch.busy())


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    """Seconds by the clock and of the processors that work takes here, and what it returns."""
    wall, processor = time.perf_counter(), processor_seconds()
    value = work(*arguments)
    return time.perf_counter() - wall, processor_seconds() - processor, value


def measured_here(work: Callable[..., Any], *arguments: Any) -> Cost:
    """What work takes in this process and those it started, also those that go on after it."""
    watch = Watch()
    with peak_memory(os.getpid()) as peak:
        ticks = sum(tree_ticks(os.getpid()).values())
        seconds, _, value = timed(work, *arguments)
        ticks = sum(tree_ticks(os.getpid()).values()) - ticks
    return Cost(seconds, ticks / TICKS_PER_SECOND, peak[0], value, watch.busy())


def command(
    arguments: Sequence[str | Path], *, environment: Mapping[str, str] | None = None
) -> tuple[str, float]:
    """The output of a command that must end well, and its peak memory in MB."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    with peak_memory(process.pid) as peak:
        output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} failed: {errors.strip()[-2000:]}")
    return output, peak[0]


def processor_seconds() -> float:
    """Of this process so far, and of those that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + reaped_processor_seconds()


def reaped_processor_seconds() -> float:
    """Of the processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch:
    """Looks at what others do: for a moment at first, then until it is asked."""

    def __init__(self) -> None:
        first = _Glance()
        time.sleep(PATIENCE_SECONDS)
        self._started = _Glance()
        self._before = self._started.others_since(first)
        self._load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None

    def busy(self) -> Busy:
        return Busy(self._load, self._before, _Glance().others_since(self._started))


class _Glance:
    """The processor time of the whole machine and of this process with its descendants, so far."""

    def __init__(self) -> None:
        self.machine = machine_ticks()
        self.own = sum(tree_ticks(os.getpid()).values())

    def others_since(self, earlier: "_Glance") -> float | None:
        if self.machine is None or earlier.machine is None:
            return None
        worked, all_ticks = (
            now - then for now, then in zip(self.machine, earlier.machine, strict=True)
        )
        return share_of_others(worked, all_ticks, self.own - earlier.own)


def share_of_others(worked: int, all_ticks: int, own: int) -> float:
    """The share that others had, of all ticks, of which processors worked in some.

    Ticks are counted at the end of each, so that those of one's own can seem to be more.
    """
    return min(1.0, max(0.0, (worked - own) / all_ticks)) if all_ticks > 0 else 0.0


def machine_ticks() -> tuple[int, int] | None:
    """The ticks in which processors worked, and all of them, since the machine started."""
    try:
        line = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return None
    ticks = [int(field) for field in line.split()[1:]][:GUEST_FIELDS]
    return sum(ticks) - sum(ticks[field] for field in IDLE_FIELDS), sum(ticks)


@contextmanager
def peak_memory(pid: int) -> Iterator[list[float]]:
    """Holds the largest sum, in MB, of the resident memory of a process and its descendants."""
    peak = [resident_megabytes(pid)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], resident_megabytes(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def resident_megabytes(pid: int) -> float:
    """What Linux says of a process and its descendants; 0 elsewhere, or where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = children_of(pid)
    except OSError:
        return 0.0
    own = next((row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")), "0")
    return int(own) * 1024 / 1e6 + sum(map(resident_megabytes, children))


def peak_so_far() -> float:
    """The largest resident memory of this process, in MB, as Linux says; 0 elsewhere.

    What `getrusage` says is at least that of the process it was started by.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    peak = next((row.split()[1] for row in status.splitlines() if row.startswith("VmHWM")), "0")
    return int(peak) * 1024 / 1e6


def tree_ticks(pid: int) -> dict[int, int]:
    """The processor time of a process and its living descendants, each by its pid.

    The time of those that have ended is their parents', once these know of it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = children_of(pid)
    except OSError:
        return {}
    found = {pid: sum(map(int, fields[11:15]))}
    for child in children:
        found |= tree_ticks(child)
    return found


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def seconds_of_packages(output: str) -> dict[str, float]:
    """For each package the seconds that its own modules took, from what `-X importtime` says."""
    seconds: dict[str, float] = defaultdict(float)
    for microseconds, module in IMPORT_TIME.findall(output):
        seconds[module.partition(".")[0]] += int(microseconds) / 1e6
    return seconds
