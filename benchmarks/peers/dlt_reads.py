"""dlt loads a day file into DuckDB: a table for the lines, others for what is nested in them."""

import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import dlt
import orjson
from timing import report

LINES_AT_ONCE = 1000

# Nobody is to hear of it.
dlt.config["runtime.dlthub_telemetry"] = False


def load() -> object:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(f"{folder}/bench.duckdb"),
            dataset_name="log",
        )
        return pipeline.run(dlt.resource(lines(Path(sys.argv[1])), name="lines"))


def lines(path: Path) -> Iterator[list[dict[str, Any]]]:
    with path.open("rb") as file:
        while batch := [orjson.loads(line) for line in islice(file, LINES_AT_ONCE)]:
            yield batch


report(dlt.__version__, load)
