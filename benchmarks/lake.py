"""What the lake's tables cost on each engine, beside the model, on the same days.

    python -m benchmarks.lake                       # up to 8 days of 24,000 visits
    python -m benchmarks.lake --visits 100000       # so many visits a day at the largest size
    python -m benchmarks.lake --clusters            # Sail with two workers and Spark as well

Each engine works in processes of its own, on three sizes, each four times the one before.
On a machine where others work too, the seconds of the processors say more than those of the clock.
All tables are compared with the model's. Prints the table that the docs show.
"""

import argparse
import math
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Cost, in_new_process, resident_megabytes
from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.checking import compare_with_model
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.publication import PUBLISHED
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.lake.sail_cluster import sail_cluster
from woopra_pipeline_tests.lake.spark_cluster import spark_cluster, spark_home

DAYS = 8
STEPS = (16, 4, 1)
MOST_OF_DUCKDB = 3
MOST_EXPONENT = 1.1
MODEL, DUCKDB, SAIL = "woopra.duckdb, built in one go", "DuckDB", "Sail, one process"
Cluster = Callable[[Path], AbstractContextManager[Any]]
CLUSTERS: dict[str, Cluster] = {
    "Sail, two workers": sail_cluster,
    "Spark, two executors": spark_cluster,
}


@dataclass(frozen=True)
class Figures:
    """What computing all tables took: seconds, seconds of all processors, and MB at the peak."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=24_000, help="a day, at the largest size")
    parser.add_argument("--directory", type=Path, default=None, help="where to work")
    parser.add_argument("--clusters", action="store_true", help="at the largest size only")
    arguments = parser.parse_args()
    print("| actions | engine | seconds | processor seconds | peak memory, MB | equal |")
    print("|--:|---|--:|--:|--:|---|", flush=True)
    processor: dict[str, list[float]] = {DUCKDB: [], SAIL: []}
    for step in STEPS:
        root = Path(tempfile.mkdtemp(dir=arguments.directory))
        try:
            directory = DataDirectory(root)
            make_parsed_days(directory, DAYS, arguments.visits // step)
            cost = in_new_process(rows_of_the_model, directory)
            tell(cost.value, MODEL, figures(cost))
            for engine, spark in ((DUCKDB, None), (SAIL, "sail")):
                cost = in_new_process(update, directory, spark)
                processor[engine].append(cost.processor_seconds)
                tell(actions_of(directory), engine, figures(cost), equal(directory))
            if arguments.clusters and step == STEPS[-1]:
                for engine, cluster in CLUSTERS.items():
                    if engine.startswith("Spark") and spark_home() is None:
                        continue
                    found = on_cluster(cluster, directory)
                    tell(actions_of(directory), engine, found, equal(directory))
        finally:
            shutil.rmtree(root)
    print()
    for what, figure, bar in (
        (
            "processor seconds of Sail / of DuckDB",
            processor[SAIL][-1] / processor[DUCKDB][-1],
            MOST_OF_DUCKDB,
        ),
        *(
            (f"exponent of the growth of {engine}", exponent(seconds), MOST_EXPONENT)
            for engine, seconds in processor.items()
        ),
    ):
        verdict = "holds" if figure <= bar else "missed"
        print(f"{what}: {figure:.3g} (at most {bar}: {verdict})")


def exponent(seconds: list[float]) -> float:
    """Of the growth from the middle size to the largest, where starting costs little."""
    _, middle, largest = seconds
    return math.log(largest / middle) / math.log(STEPS[1] / STEPS[2])


def figures(cost: Cost) -> Figures:
    return Figures(cost.seconds, cost.processor_seconds, cost.peak_megabytes)


def tell(actions: int, engine: str, found: Figures, verdict: str = "") -> None:
    print(
        f"| {actions:,} | {engine} | {found.seconds:.1f} | {found.processor_seconds:.1f} "
        f"| {found.peak_megabytes:,.0f} | {verdict} |",
        flush=True,
    )


def rows_of_the_model(directory: DataDirectory) -> int:
    return update_model(directory).row_counts["actions"]


def actions_of(directory: DataDirectory) -> int:
    (count,) = (
        comparison.model_row_count
        for comparison in compare_with_model(open_lake(str(directory.root)), directory)
        if comparison.table == "actions"
    )
    return count


def update(directory: DataDirectory, spark: str | None) -> None:
    """Compute the tables anew; the data directory is the lake as well."""
    lake = open_lake(str(directory.root))
    lake.remove([PUBLISHED])
    update_tables(lake, directory, spark=spark)


def equal(directory: DataDirectory) -> str:
    lake = open_lake(str(directory.root))
    compared = compare_with_model(lake, directory)
    return "yes" if all(comparison.is_equal for comparison in compared) else "NO"


def on_cluster(cluster: Cluster, directory: DataDirectory) -> Figures:
    """What a cluster took, its processes and this one together, without its start."""
    folder = directory.root / "cluster"
    folder.mkdir()
    try:
        with cluster(folder) as made:
            remote = made if isinstance(made, str) else made[0]
            with watched(os.getpid()) as found:
                update(directory, remote)
        return Figures(found["seconds"], found["processor"], found["peak"])
    finally:
        shutil.rmtree(folder)


@contextmanager
def watched(pid: int) -> Iterator[dict[str, float]]:
    """What a process and its descendants take while the block runs, also those that end in it."""
    found = {"peak": 0.0, "seconds": 0.0, "processor": 0.0}
    before = ticks(pid)
    latest = dict(before)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            latest.update(ticks(pid))
            found["peak"] = max(found["peak"], resident_megabytes(pid))

    watcher = threading.Thread(target=watch)
    started = time.monotonic()
    watcher.start()
    try:
        yield found
    finally:
        found["seconds"] = time.monotonic() - started
        latest.update(ticks(pid))
        done.set()
        watcher.join()
        spent = sum(latest.values()) - sum(before.values())
        found["processor"] = spent / os.sysconf("SC_CLK_TCK")


def ticks(pid: int) -> dict[int, int]:
    """The processor time of a process and its descendants, each by its pid."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    found = {pid: int(fields[11]) + int(fields[12])}
    for child in children:
        found |= ticks(child)
    return found


if __name__ == "__main__":
    main()
