"""`make bench`: every stage and the peers on the same files, in one run.

    python -m benchmarks                        # half an hour on two cores
    python -m benchmarks --size tiny            # a minute, to see that all of it works
    python -m benchmarks --size small           # some minutes
    python -m benchmarks --size large           # hours
    python -m benchmarks --docs                 # puts table and chart into the docs as well
    python -m benchmarks --only parse days      # some parts of it
    python -m benchmarks --again HEAD           # shows what a commit has, measures nothing
    python -m benchmarks compare v0.2.0 HEAD    # two commits, by what was measured of each

Prints the table and writes it with a chart to `data/bench`, where the environments of the peers are
kept too. Each figure is appended to `results.jsonl` there as soon as it is known. Everything else
that is written goes to a temporary folder.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console

from benchmarks import imports, parse
from benchmarks.comparing import compare, last_of_commit
from benchmarks.days import DAYS, GROWTH, Project, grown, run_days, tell_memory, tell_stages
from benchmarks.days import SIZE as GROWTH_STAGE
from benchmarks.lake import compare_engines
from benchmarks.lake_upload import compare_days
from benchmarks.orchestration import DAYS_OF_A_YEAR, SMALL_WORLD, run_backfills, run_year
from benchmarks.peers import install_peers
from benchmarks.questions import ask, ask_only_model
from benchmarks.records import FILE, FOLDER, Results, ResultsError, start
from benchmarks.report import is_whole, write_docs, write_report
from benchmarks.startup import compare_starts
from benchmarks.tables import COMPARED, compared_rows, markdown, show
from benchmarks.typed_tables import compare_typed
from benchmarks.worlds import World, make_world
from woopra_pipeline.data_directory import DataDirectory


@dataclass(frozen=True)
class Size:
    """How much is measured, and how often."""

    people: int
    """How many people there are in the largest world."""
    file_megabytes: int
    import_lines: int
    lake_visits: int
    """A day, at the largest size."""
    upload_megabytes: tuple[int, int]
    repeat: int
    repeat_long: int
    """How often slow work is measured."""
    with_year: bool


SIZES = {
    "tiny": Size(800, 4, 2_000, 800, (4, 16), repeat=1, repeat_long=1, with_year=False),
    "small": Size(1_600, 48, 20_000, 6_000, (16, 64), repeat=2, repeat_long=1, with_year=False),
    "default": Size(
        4_800, 128, 100_000, 24_000, (64, 256), repeat=3, repeat_long=2, with_year=True
    ),
    "large": Size(
        40_000, 1024, 10**6, 100_000, (64, 1024), repeat=3, repeat_long=2, with_year=True
    ),
}


PARTS = ("parse", "days", "imports", "startup", "orchestration", "lake", "lake_upload")
"""The parts, in the order in which they run, by the names of their methods."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    only = f"run only some parts: {', '.join(PARTS)}"
    parser.add_argument("--size", choices=SIZES, default="default")
    parser.add_argument("--directory", type=Path, help="where to work; cleared at the end")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the figures are kept")
    parser.add_argument("--docs", action="store_true", help="renew table and chart of the docs")
    parser.add_argument("--only", metavar="PART", nargs="+", choices=PARTS, default=(), help=only)
    parser.add_argument("--again", metavar="COMMIT", help="show what it has, measure nothing")
    commands = parser.add_subparsers(dest="command", metavar="compare")
    comparing = commands.add_parser("compare", help="two commits, by what was measured of each")
    comparing.add_argument("earlier", metavar="COMMIT")
    comparing.add_argument("later", metavar="COMMIT")
    comparing.add_argument("--output", type=Path, default=argparse.SUPPRESS)
    comparing.add_argument("--stage", help="only figures of this stage")
    arguments = parser.parse_args()
    path = arguments.output / FILE
    try:
        if arguments.command == "compare":
            compared = compare(path, arguments.earlier, arguments.later, arguments.stage)
            print(markdown(COMPARED, compared_rows(compared)), end="")
            return
        results = (
            last_of_commit(path, arguments.again, arguments.size)
            if arguments.again
            else run(arguments)
        )
        show(results, Console())
        if is_whole(results):
            write_report(results, arguments.output)
            if arguments.docs:
                write_docs(results)
        elif arguments.docs:
            raise ResultsError(
                "The docs stay as they are, for only a part was measured: run the other parts too, "
                "then `python -m benchmarks --again HEAD --docs`"
            )
    except ResultsError as error:
        sys.exit(str(error))


def run(arguments: argparse.Namespace) -> Results:
    results = start(arguments.size, arguments.output / FILE)
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        Bench(root, arguments.output, results, SIZES[arguments.size]).run(arguments.only)
    finally:
        shutil.rmtree(root)
    return results


class Bench:
    """One run: works below `root`, which it fills, and keeps the peers below `output`."""

    def __init__(self, root: Path, output: Path, results: Results, size: Size) -> None:
        self.root = root
        self.output = output
        self.results = results
        self.size = size

    def run(self, only: Sequence[str] = ()) -> None:
        for part in PARTS:
            if not only or part in only:
                getattr(self, part)()

    @cached_property
    def worlds(self) -> dict[int, World]:
        worlds = {}
        for factor in GROWTH:
            people = self.size.people * factor // GROWTH[-1]
            with telling(f"a world of {people:,} people"):
                worlds[factor] = make_world(self.root / f"sandbox-{factor}", people, DAYS)
        return worlds

    def parse(self) -> None:
        with telling("environments of the peers"):
            peers = install_peers(self.output / "peers")
        size, world = self.size, self.worlds[GROWTH[-1]]
        with telling("parse"):
            parse.compare(
                self.results, self.root, world, size.file_megabytes, size.repeat, peers=peers
            )
        with telling("parse, ten times as much"):
            parse.compare_ten_times(
                self.results, self.root, world, size.file_megabytes, size.repeat_long
            )

    def days(self) -> None:
        results, size = self.results, self.size
        costs = {}
        for factor, world in self.worlds.items():
            repeat = size.repeat if factor == GROWTH[-1] else size.repeat_long
            project = Project(DataDirectory(self.root / f"{factor}"), world)
            with telling(f"log days, {world.megabytes:,.0f} MB"):
                costs[factor] = run_days(results, project, repeat, factor)
                for question, costs_of_it in ask_only_model(project.directory).items():
                    name = grown(f"{question}, model", factor)
                    results.costs(GROWTH_STAGE, name, costs_of_it)
            if factor == GROWTH[-1]:
                tell_stages(results, costs[factor])
                with telling("questions"):
                    ask(results, project.directory, world.files, repeat)
                with telling("typed columns"):
                    compare_typed(results, project)
            shutil.rmtree(project.directory.root)
        tell_memory(results, costs[GROWTH[0]], costs[GROWTH[-1]])

    def imports(self) -> None:
        with telling("import lines"):
            imports.compare_shapes(
                self.results, self.root, self.size.import_lines, self.size.repeat
            )

    def startup(self) -> None:
        with telling("start-up"):
            world = self.worlds[GROWTH[0]]
            compare_starts(self.results, self.root / "start", world, self.size.repeat)

    def orchestration(self) -> None:
        folder = self.root / "backfill"
        with telling("backfills with Dagster and without"):
            run_backfills(self.results, folder, self.worlds[GROWTH[0]], self.size.repeat_long)
        if self.size.with_year:
            with telling("a backfill of a year"):
                year = make_world(self.root / "year", SMALL_WORLD, DAYS_OF_A_YEAR)
                run_year(self.results, folder, year)

    def lake(self) -> None:
        with telling("the lake's tables"):
            compare_engines(self.results, self.root, self.size.lake_visits, self.size.repeat_long)

    def lake_upload(self) -> None:
        with telling("days put into a lake"):
            compare_days(self.results, self.root, self.size.upload_megabytes, self.size.repeat_long)


@contextmanager
def telling(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - started:,.0f} s", flush=True)


if __name__ == "__main__":
    main()
