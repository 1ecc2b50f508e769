"""`make bench`: every stage and the peers on the same files, in one run.

    python -m benchmarks                       # some ten minutes on two cores
    python -m benchmarks --size small          # a few minutes
    python -m benchmarks --size large          # an hour and more
    python -m benchmarks --docs                # puts table and chart into the docs as well

Prints the table and writes it with chart and figures to `data/bench`, where the environments of
the peers are kept too. Everything else that is written goes to a temporary folder.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import imports, parse
from benchmarks.days import DAYS, run_days
from benchmarks.measuring import measured
from benchmarks.orchestration import run_backfills
from benchmarks.peers import install_peers
from benchmarks.questions import ask, ask_only_model
from benchmarks.report import show, write_docs, write_report
from benchmarks.typed_tables import compare_typed
from benchmarks.worlds import make_world
from woopra_pipeline.data_directory import checkout

GROWTH = (1, 4, 16)
"""How much more data the worlds have than the smallest one."""


@dataclass(frozen=True)
class Size:
    """How much is measured, and how often."""

    people: int
    """How many are around in the largest world."""
    file_megabytes: int
    import_lines: int
    repeat: int


SIZES = {
    "small": Size(people=1_600, file_megabytes=48, import_lines=20_000, repeat=1),
    "default": Size(people=4_800, file_megabytes=128, import_lines=100_000, repeat=3),
    "large": Size(people=40_000, file_megabytes=1024, import_lines=1_000_000, repeat=3),
}
PACKAGES = ("duckdb", "dagster", "msgspec", "numpy", "pyarrow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="default")
    parser.add_argument("--directory", type=Path, help="where to work; cleared at the end")
    parser.add_argument("--output", type=Path, default=checkout() / "data" / "bench")
    parser.add_argument("--docs", action="store_true", help="renew table and chart of the docs")
    parser.add_argument("--again", type=Path, help="show the figures in this file, measure nothing")
    arguments = parser.parse_args()
    console = Console()
    if arguments.again:
        results = json.loads(arguments.again.read_text())
    else:
        root = Path(tempfile.mkdtemp(dir=arguments.directory))
        try:
            results = Bench(root, arguments.output, SIZES[arguments.size], console).run()
        finally:
            shutil.rmtree(root)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_report(results, arguments.output)
    if arguments.docs:
        write_docs(results)
    show(results, console)


class Bench:
    """One run: works below `root`, which it fills, and keeps the peers below `output`."""

    def __init__(self, root: Path, output: Path, size: Size, console: Console) -> None:
        self.root = root
        self.output = output
        self.size = size
        self.console = console

    def run(self) -> dict[str, Any]:
        size, repeat = self.size, self.size.repeat
        started = time.monotonic()
        with self.telling("environments of the peers"):
            peers = install_peers(self.output / "peers")
        worlds = {}
        for factor in GROWTH:
            people = size.people * factor // GROWTH[-1]
            with self.telling(f"a world of {people:,} people"):
                worlds[factor] = make_world(self.root / "sandbox", people, DAYS)
        with self.telling("parse"):
            parsing = parse.compare(
                self.root, worlds[GROWTH[-1]], size.file_megabytes, repeat, peers
            )
        growth = {}
        for factor, world in worlds.items():
            folder = self.root / f"{factor}"
            with self.telling(f"log days, {world.megabytes:,.0f} MB"):
                project, growth[factor] = run_days(folder, world, repeat if factor > 1 else 1)
                growth[factor] |= ask_only_model(project)
            if factor == GROWTH[-1]:
                with self.telling("questions"):
                    questions = ask(project, repeat)
                with self.telling("typed columns"):
                    typed = compare_typed(project)
            shutil.rmtree(folder)
        importing = {}
        for shape in imports.SOURCES:
            with self.telling(f"import lines, {shape}"):
                importing[shape] = self.measure_imports(shape)
        with self.telling("backfills with Dagster and without"):
            backfills = run_backfills(self.root / "backfill", worlds[GROWTH[1]], repeat)
        return {
            "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "minutes": (time.monotonic() - started) / 60,
            "machine": machine(),
            "versions": {package: version(package) for package in PACKAGES},
            "size": asdict(size),
            "parse": parsing,
            "growth": {str(factor): figures for factor, figures in growth.items()},
            "questions": questions,
            "typed": typed,
            "imports": importing,
            "backfills": backfills,
        }

    def measure_imports(self, shape: str) -> dict[str, float]:
        folder = self.root / "imports"
        folder.mkdir()
        lines, rounds = self.size.import_lines, self.size.repeat
        costs = measured(1, imports.measure, folder, shape, lines, rounds)
        shutil.rmtree(folder)
        figures: dict[str, float] = costs.value
        return figures

    @contextmanager
    def telling(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.console.print(f"{what}: {time.monotonic() - started:,.0f} s", highlight=False)


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
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
