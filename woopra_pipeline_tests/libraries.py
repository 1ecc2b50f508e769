"""The libraries that take long to load, loaded once by the fork server of each process of tests.

The processes that it forks begin with all of them, and load the package itself as any process does:
what that reads from the environment is theirs. Import this for its effect. There is one list of
what a fork server loads, whoever sets it last, so no module of tests may set another.

They also share the script of the report, whose bundling takes longer than all else of a report, and
which threads do that no fork would have: the first one to need it keeps it for all.
"""

import gc
import os
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import altair
import anyio._backends._asyncio
import dagster
import duckdb
import h11
import httpcore
import httpx
import jinja2
import msgspec
import numpy as np
import orjson
import pyarrow.compute
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet
import pyrate_limiter
import rich.progress
import rich.table
import starlette.applications
import tenacity
import upath
import uvicorn.protocols.websockets.websockets_sansio_impl
import vl_convert
from dagster._core.execution import backfill
from dagster_duckdb import DuckDBResource
from filelock import FileLock

from woopra_pipeline_tests import dagster_storage

for extra in ("obstore", "pandas"):
    with suppress(ImportError):
        import_module(extra)

__all__ = [
    "DuckDBResource",
    "altair",
    "anyio",
    "backfill",
    "dagster",
    "duckdb",
    "h11",
    "httpcore",
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
    "upath",
    "uvicorn",
    "vl_convert",
]

dagster_storage.read_migrations()
# The first chart has the schema of all charts read.
altair.Chart(altair.InlineData([])).mark_line().encode(x="day:T").to_dict()

_bundle = vl_convert.javascript_bundle
_bundles = os.environ.get("SHARED_BUNDLES")


def _bundle_once(script: str) -> str:
    kept = Path(str(_bundles), f"{sha256(script.encode()).hexdigest()}.js")
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_bytes(_bundle(script).encode())
        return kept.read_bytes().decode()


if _bundles:
    vl_convert.javascript_bundle = _bundle_once

# What is here already is no garbage, and a collector that looks at it copies it.
gc.collect()
gc.freeze()
