"""The libraries that take long to load, loaded once by the fork server of each process of tests.

The processes that it forks begin with all of them, and load the package itself as any process does:
what that reads from the environment is theirs. Import this for its effect.
"""

import gc

import altair
import dagster
import duckdb
import httpx
import jinja2
import msgspec
import numpy as np
import orjson
import pyarrow.compute
import pyarrow.parquet
import pyrate_limiter
import rich.progress
import rich.table
import starlette.applications
import tenacity
import uvicorn
import vl_convert
from dagster._core.execution import backfill
from dagster_duckdb import DuckDBResource

from woopra_pipeline_tests import dagster_storage

__all__ = [
    "DuckDBResource",
    "altair",
    "backfill",
    "dagster",
    "duckdb",
    "httpx",
    "jinja2",
    "msgspec",
    "np",
    "orjson",
    "pyarrow",
    "pyrate_limiter",
    "rich",
    "starlette",
    "tenacity",
    "uvicorn",
    "vl_convert",
]

dagster_storage.read_migrations()
# What is here already is no garbage, and a collector that looks at it copies it.
gc.collect()
gc.freeze()
