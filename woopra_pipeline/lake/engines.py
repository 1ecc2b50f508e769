"""Which engine computes the tables of the lake: `WOOPRA_SPARK` says it."""

import os
from pathlib import Path

from woopra_pipeline.lake.duckdb_engine import MEMORY_LIMIT, DuckDBEngine
from woopra_pipeline.lake.engine import EMBEDDED, SPARK_VARIABLE, Engine
from woopra_pipeline.lake.location import Lake


def open_engine(
    spark: str | None, lake: Lake, *, scratch: Path, memory_limit: str = MEMORY_LIMIT
) -> Engine:
    """DuckDB if `spark` is None or empty, Sail in this process if it is `sail`, else that server.

    `scratch` is a folder for what does not fit into memory. Raises `ConfigurationError` if it is no
    server, or what is needed is not installed, and `LakeError` if the server cannot be reached.
    """
    if not spark:
        return DuckDBEngine(lake, scratch=scratch, memory_limit=memory_limit)
    # What these two need is only there with an extra, and takes a second to import.
    if spark == EMBEDDED:
        from woopra_pipeline.lake.sail_engine import SailEngine

        return SailEngine(lake, scratch=scratch)
    from woopra_pipeline.lake.spark_engine import SparkEngine

    return SparkEngine(lake, spark)


def spark_from_environment() -> str | None:
    """What `WOOPRA_SPARK` says; None if it is not set."""
    return os.environ.get(SPARK_VARIABLE) or None
