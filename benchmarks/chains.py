"""The cost of long chains of merges, compared with chains of a tenth of the length.

    python -m benchmarks.chains                          # chains up to 100,000 merges, then shapes
    python -m benchmarks.chains --most 10000 --repeat 1

A chain of merges is one log day. The model is built from it. Three days come on top of it, each
applied to the same state: one without a merge, one with a merge somewhere else, and one with a
merge at the end of the chain. Every update runs in a process of its own, in turns.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.measuring import Costs, fresh, in_rounds
from benchmarks.records import (
    MEGABYTES,
    PROCESSOR,
    SECONDS,
    Bar,
    Results,
    crossed,
)
from benchmarks.single import arguments_of, single
from woopra_pipeline.current_day.day_files import grow, log_file, start_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.merge_shapes import SHAPES, chain, delete, visit

STAGE = "chains"
FIRST_DAY = date(2026, 1, 1)
READ_AT = datetime(2026, 2, 1, tzinfo=UTC)
BUILT = "{}, built, {:,} merges"
WITHOUT, ELSEWHERE, ONE_MORE = "a day without a merge", "a merge elsewhere", "one more merge"

Shape = Callable[[int], Iterator[str]]


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="merges in the longest chain")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with single(f"{arguments.most:,} merges", arguments) as (root, results):
        compare_chains(results, root, arguments.most, arguments.repeat)


def compare_chains(results: Results, root: Path, most: int, repeat: int) -> None:
    """Measure chains of three lengths, and the other shapes, once each."""
    builds = []
    for merges in (most // 100, most // 10, most):
        bench = Bench(chain, merges, root / f"{merges}")
        builds.append(bench.build(repeat))
        updates = bench.update(repeat)
        results.costs(STAGE, BUILT.format("chain", merges), builds[-1])
        for update, costs in updates.items():
            results.costs(STAGE, f"{update}, after {merges:,}", costs)
        shutil.rmtree(bench.directory.root)
    shapes = []
    for shape in SHAPES:
        if shape is not chain:
            bench = Bench(shape, most, root / name(shape))
            shapes.append(bench.build(1))
            results.costs(STAGE, BUILT.format(name(shape), most), shapes[-1])
            shutil.rmtree(bench.directory.root)
    *_, shorter, longest = builds
    for what, unit, rounds, most_of_it in (
        ("seconds to build the longest chain", SECONDS, longest.seconds, 60),
        ("peak memory to build the longest chain", MEGABYTES, longest.peak_megabytes, 1000),
    ):
        results.add(STAGE, what, unit, rounds, longest.busy, bar=Bar(at_most=most_of_it))
    costliest = max(shapes, key=lambda costs: costs.processor_seconds[0])
    for what, above, below, bar in (
        ("the longest chain, beside one of a tenth", longest, shorter, 10),
        ("one more merge, beside one elsewhere", updates[ONE_MORE], updates[ELSEWHERE], 1.5),
        ("one more merge, beside a day without one", updates[ONE_MORE], updates[WITHOUT], None),
        ("the most expensive shape, beside the chain", costliest, longest, None),
    ):
        results.beside(STAGE, what, above, below, PROCESSOR, bar=Bar(at_most=bar), pairs=crossed)


class Bench:
    """A data directory with the log of a shape, of so many merges, as its only day."""

    def __init__(self, shape: Shape, merges: int, root: Path) -> None:
        self.merges = merges
        self.directory = DataDirectory(root)
        self.put_day(FIRST_DAY, shape(merges))

    def build(self, repeat: int) -> Costs:
        build = fresh(update_and_forget, self.directory, before=self.remove_model)
        return in_rounds(repeat, {"": build})[""]

    def update(self, repeat: int) -> dict[str, Costs]:
        """Apply each of the days to the model of a chain, which was built before."""
        end = f"P{self.merges}"
        days = {
            WITHOUT: [visit("other", 1)],
            ELSEWHERE: [visit("other", 1), delete("other", "else"), visit("else", 1)],
            ONE_MORE: [delete(end, "new end"), visit("new end", 1)],
        }
        before = self.directory.root / "model-before"
        self.directory.model.rename(before)

        def prepare(lines: list[str]) -> None:
            self.remove_model()
            shutil.copytree(before, self.directory.model)
            self.put_day(FIRST_DAY + timedelta(days=1), lines)

        return in_rounds(
            repeat,
            {
                update: fresh(update_and_forget, self.directory, before=partial(prepare, lines))
                for update, lines in days.items()
            },
        )

    def remove_model(self) -> None:
        shutil.rmtree(self.directory.model, ignore_errors=True)
        self.directory.published_model.unlink(missing_ok=True)

    def put_day(self, log_day: date, lines: Iterator[str] | Sequence[str]) -> None:
        folder = self.directory.parsed / log_day.isoformat()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        day = start_current_day(self.directory.parsed, log_day, READ_AT)
        with log_file(day).open("ab") as log:
            log.writelines(line.encode() for line in lines)
            size = log.tell()
        grow(day, size, READ_AT)


def update_and_forget(directory: DataDirectory) -> None:
    update_model(directory)


def name(shape: Shape) -> str:
    return shape.__name__.replace("_", " ")


if __name__ == "__main__":
    main()
