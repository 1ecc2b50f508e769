"""What some work costs: by the clock, of the processors, and at its peak in memory.

All of it is measured in a process that has done nothing before. What is imported there on the way
does not count, unless the work itself imports it.
"""

import multiprocessing
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What work took once; `value` is what it returned."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float
    """The largest sum of the resident memory of the process and its descendants."""
    value: Any


@dataclass(frozen=True)
class Costs:
    """What the same work took each time."""

    all: Sequence[Cost]

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(cost.seconds for cost in self.all)

    @property
    def best(self) -> float:
        return min(cost.seconds for cost in self.all)

    @property
    def processor_seconds(self) -> float:
        return statistics.median(cost.processor_seconds for cost in self.all)

    @property
    def peak_megabytes(self) -> float:
        return max(cost.peak_megabytes for cost in self.all)

    @property
    def value(self) -> Any:
        return self.all[-1].value

    def figures(self) -> dict[str, float]:
        return {
            "seconds": self.seconds,
            "best_seconds": self.best,
            "processor_seconds": self.processor_seconds,
            "peak_megabytes": self.peak_megabytes,
        }


def measured(
    repeat: int,
    work: Callable[..., Any],
    *arguments: Any,
    before: Callable[[], object] = lambda: None,
) -> Costs:
    """Do the work so many times, each in a process of its own, with `before` done here first."""
    costs = []
    for _ in range(repeat):
        before()
        costs.append(in_new_process(work, *arguments))
    return Costs(costs)


def in_new_process(work: Callable[..., Any], *arguments: Any) -> Cost:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        with peak_memory(pid) as peak:
            seconds, processor, value = pool.submit(_timed, work, *arguments).result()
    return Cost(seconds, processor, peak[0], value)


def _timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    wall, processor = time.perf_counter(), processor_seconds()
    value = work(*arguments)
    return time.perf_counter() - wall, processor_seconds() - processor, value


def command(arguments: Sequence[str | Path]) -> tuple[str, float]:
    """The output of a command that must end well, and its peak memory in MB."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with peak_memory(process.pid) as peak:
        output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} failed: {errors.strip()[-2000:]}")
    return output, peak[0]


def processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@contextmanager
def peak_memory(pid: int) -> Iterator[list[float]]:
    """Holds the largest sum, in MB, of the resident memory of a process and its descendants."""
    peak = [0.0]
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
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = next((row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")), "0")
    return int(own) * 1024 / 1e6 + sum(map(resident_megabytes, children))
