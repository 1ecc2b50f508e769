"""Chooses the engine that computes the tables of the lake, as `WOOPRA_SPARK` says."""

import os
from pathlib import Path

from woopra_pipeline.lake.duckdb_engine import MEMORY_LIMIT, DuckDBEngine
from woopra_pipeline.lake.engine import EMBEDDED, SPARK_VARIABLE, Engine
from woopra_pipeline.lake.location import Lake


def open_engine(
    spark: str | None, lake: Lake, *, scratch: Path, memory_limit: str = MEMORY_LIMIT
) -> Engine:
    """DuckDB if `spark` is None or empty, Sail in this process if it is `sail`, else that server.

    `scratch` is a folder for data that does not fit into memory. Raises `ConfigurationError` if
    `spark` is no server, or a package is not installed, and `LakeError` if the server cannot be
    reached.
    """
    if not spark:
        return DuckDBEngine(lake, scratch=scratch, memory_limit=memory_limit)
    # The packages of these two come with an extra, and take a second to import.
    if spark == EMBEDDED:
        from woopra_pipeline.lake.sail_engine import SailEngine

        return SailEngine(lake, scratch=scratch)
    from woopra_pipeline.lake.spark_engine import SparkEngine

    return SparkEngine(lake, spark)


def spark_from_environment() -> str | None:
    """What `WOOPRA_SPARK` says; None if it is not set."""
    return os.environ.get(SPARK_VARIABLE) or None
