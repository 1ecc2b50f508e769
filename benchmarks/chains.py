"""What long ways of merges cost the model, beside ones of a tenth of the length.

    python -m benchmarks.chains                          # chains up to 100,000 merges, then shapes
    python -m benchmarks.chains --most 10000 --repeat 1

A chain of merges is one log day, of which the model is built. Three days come on top of it, each
applied to the same state: one without a merge, one with a merge somewhere else, and one with a
merge at the end of the chain. Every update runs in a process of its own, in turns. The median
counts; the spread is the least and the most. On a machine where others work too, the seconds of
the processors say more than those of the clock. Prints the table that the docs show.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.measuring import Cost, Costs, in_new_process
from woopra_pipeline.current_day.day_files import grow, log_file, start_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.merge_shapes import SHAPES, chain, delete, visit

FIRST_DAY = date(2026, 1, 1)
READ_AT = datetime(2026, 2, 1, tzinfo=UTC)
MOST_SECONDS = 60
MOST_MEGABYTES = 1000

Shape = Callable[[int], Iterator[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000, help="merges in the longest chain")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=None, help="where to work")
    arguments = parser.parse_args()
    print("| merges | update | seconds | spread | processor seconds | peak memory, MB |")
    print("|---|---|--:|--:|--:|--:|", flush=True)
    builds = {}
    for merges in (arguments.most // 100, arguments.most // 10, arguments.most):
        with Bench(chain, merges, arguments.directory) as bench:
            builds[merges], without, elsewhere, on_top = bench.compare(arguments.repeat)
    shapes = {}
    for shape in SHAPES:
        if shape is not chain:
            with Bench(shape, arguments.most, arguments.directory) as bench:
                shapes[name(shape)] = bench.build(1)
    *_, shorter, longest = builds.values()
    dearest = max(shapes.values(), key=lambda costs: costs.processor_seconds)
    print()
    for what, figure, bar in (
        ("seconds to build the longest chain", longest.seconds, MOST_SECONDS),
        ("its peak memory in MB", longest.peak_megabytes, MOST_MEGABYTES),
        ("processor time of it / of a tenth", ratio(longest, shorter), 10),
        ("of one more merge on it / of one elsewhere", ratio(on_top, elsewhere), 1.5),
        ("of one more merge on it / of a day without one", ratio(on_top, without), None),
        ("of the dearest shape / of the chain", ratio(dearest, longest), None),
    ):
        verdict = "holds" if bar is None or figure <= bar else "missed"
        print(f"{what}: {figure:.3g}" + ("" if bar is None else f" (at most {bar}: {verdict})"))


class Bench:
    """A data directory with the log of a shape, of so many merges, as its only day."""

    def __init__(self, shape: Shape, merges: int, directory: Path | None) -> None:
        self.shape = shape
        self.merges = merges
        self.directory = DataDirectory(Path(tempfile.mkdtemp(dir=directory)))
        self.put_day(FIRST_DAY, shape(merges))

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.directory.root)

    def compare(self, repeat: int) -> list[Costs]:
        """Build the model of a chain, and apply each of the days to it."""
        built = self.build(repeat)
        end = f"P{self.merges}"
        days = {
            "a day without a merge": [visit("other", 1)],
            "a merge elsewhere": [visit("other", 1), delete("other", "else"), visit("else", 1)],
            "one more merge": [delete(end, "new end"), visit("new end", 1)],
        }
        before = self.directory.root / "model-before"
        self.directory.model.rename(before)
        costs: dict[str, list[Cost]] = {update: [] for update in days}
        next_day = FIRST_DAY + timedelta(days=1)
        for _ in range(repeat):
            for update, lines in days.items():
                self.remove_model()
                shutil.copytree(before, self.directory.model)
                self.put_day(next_day, lines)
                costs[update].append(in_new_process(update_and_forget, self.directory))
        for update, all_costs in costs.items():
            self.tell(update, all_costs)
        return [built, *(Costs(all_costs) for all_costs in costs.values())]

    def build(self, repeat: int) -> Costs:
        costs = []
        for _ in range(repeat):
            self.remove_model()
            costs.append(in_new_process(update_and_forget, self.directory))
        self.tell(f"{name(self.shape)}, built", costs)
        return Costs(costs)

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

    def tell(self, update: str, all_costs: Sequence[Cost]) -> None:
        costs = Costs(all_costs)
        seconds = [cost.seconds for cost in all_costs]
        print(
            f"| {self.merges:,} | {update} | {costs.seconds:.1f} "
            f"| {min(seconds):.1f} to {max(seconds):.1f} "
            f"| {costs.processor_seconds:.1f} | {costs.peak_megabytes:,.0f} |",
            flush=True,
        )


def update_and_forget(directory: DataDirectory) -> None:
    update_model(directory)


def name(shape: Shape) -> str:
    return shape.__name__.replace("_", " ")


def ratio(costs: Costs, others: Costs) -> float:
    return costs.processor_seconds / others.processor_seconds


if __name__ == "__main__":
    main()
