"""The cost of the lake's tables on each engine, compared with the model on the same days.

    python -m benchmarks.lake                       # up to 8 days of 24,000 visits
    python -m benchmarks.lake --visits 100000       # so many visits a day at the largest size
    python -m benchmarks.lake --clusters            # Sail with two workers and Spark as well

Spark is measured if `make test-spark` has put it into `.venv`.

Each engine works in processes of its own, on three sizes, each four times the one before. All
tables are compared with the model's.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.lake_tables import recompute_tables
from benchmarks.measuring import Cost, Costs, fresh, in_rounds, measured_here
from benchmarks.records import (
    EXPONENT,
    PROCESSOR,
    Bar,
    Results,
    both,
    exponents,
)
from benchmarks.single import arguments_of, single
from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.checking import compare_with_model
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.lake.sail_cluster import sail_cluster
from woopra_pipeline_tests.lake.spark_cluster import spark_cluster, spark_home

STAGE = "lake"
DAYS = 8
STEPS = (16, 4, 1)
OF_DUCKDB = Bar(at_most=3)
GROWTH_OF_ENGINE = Bar(at_most=1.1)
MODEL, DUCKDB, SAIL = "woopra.duckdb, built in one go", "DuckDB", "Sail, one process"
Cluster = Callable[[Path], AbstractContextManager[Any]]
CLUSTERS: dict[str, Cluster] = {
    "Sail, two workers": sail_cluster,
    "Spark, two executors": spark_cluster,
}


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--visits", type=int, default=24_000, help="a day, at the largest size")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--clusters", action="store_true", help="at the largest size only")
    arguments = parser.parse_args()
    size = f"{DAYS} days of {arguments.visits:,} visits"
    with single(size, arguments) as (root, results):
        compare_engines(results, root, arguments.visits, arguments.repeat, arguments.clusters)


def compare_engines(
    results: Results, root: Path, visits: int, repeat: int, clusters: bool = False
) -> None:
    """Note what the tables of three sizes take, and how that of Sail compares and grows.

    Raises `AssertionError` if a table of the lake is not the model's.
    """
    found = []
    for step in STEPS:
        directory = DataDirectory(root / f"lake-{step}")
        directory.root.mkdir()
        make_parsed_days(directory, DAYS, visits // step)
        costs = in_rounds(
            repeat,
            {
                MODEL: fresh(update_model, directory, before=partial(remove_model, directory)),
                DUCKDB: equal_tables(directory, None),
                SAIL: equal_tables(directory, "sail"),
            },
        )
        if clusters and step == STEPS[-1]:
            for engine, cluster in CLUSTERS.items():
                if not engine.startswith("Spark") or spark_home() is not None:
                    costs[engine] = Costs([on_cluster(cluster, directory)])
        actions = costs[MODEL].values[-1].row_counts["actions"]
        for engine, costs_of_engine in costs.items():
            results.costs(STAGE, f"{engine}, {actions:,} actions", costs_of_engine)
        found.append(costs)
        shutil.rmtree(directory.root)
    _, middle, largest = found
    results.beside(
        STAGE,
        "Sail in one process, beside DuckDB",
        largest[SAIL],
        largest[DUCKDB],
        PROCESSOR,
        bar=OF_DUCKDB,
    )
    for engine in (DUCKDB, SAIL):
        more, less = (costs[engine].processor_seconds for costs in (largest, middle))
        results.add(
            STAGE,
            f"growth of the processor time of {engine}, from a quarter of the data",
            EXPONENT,
            exponents(more, less, STEPS[1] / STEPS[2]),
            [*largest[engine].busy, *middle[engine].busy],
            bar=GROWTH_OF_ENGINE,
            figures=both(more, less, PROCESSOR),
        )


def remove_model(directory: DataDirectory) -> None:
    shutil.rmtree(directory.model, ignore_errors=True)
    directory.published_model.unlink(missing_ok=True)


def equal_tables(directory: DataDirectory, spark: str | None) -> Callable[[], Cost]:
    """Measures how the tables are computed, and then compares them with the model's."""

    def measure() -> Cost:
        cost = fresh(recompute_tables, directory, spark)()
        assert_equal(directory)
        return cost

    return measure


def assert_equal(directory: DataDirectory) -> None:
    lake = open_lake(str(directory.root))
    different = [each for each in compare_with_model(lake, directory) if not each.is_equal]
    assert not different, different


def on_cluster(cluster: Cluster, directory: DataDirectory) -> Cost:
    """The cost of a cluster, its processes and this one together, without its start."""
    folder = directory.root / "cluster"
    folder.mkdir()
    try:
        with cluster(folder) as made:
            remote = made if isinstance(made, str) else made[0]
            cost = measured_here(recompute_tables, directory, remote)
        assert_equal(directory)
        return cost
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
