"""Woopra's raw daily export as a DuckDB model people can trust, and imports sent exactly once.

The packages, from the ground up; each imports only from what stands above it in this list:

- `errors`, `clock`, `wording`, `control_characters`, `data_directory`, `files`, `locks`,
  `replacing`, `room`, `full_disk`, `garbage_collection`, `sql_text`, `reading_sql`, `tables`,
  `webhook`: what all packages share
- `woopra`: the service: its HTTP API, its rate budget, its calendar of log days
- `archive`: the day files as they were downloaded, byte for byte
- `parse`: a day file into Arrow tables and Parquet
- `current_day`: the current day's file while it grows, step by step into a parsed day that grows
- `model`: the parsed days into `woopra.duckdb`
- `imports`: import sources into batches, batches into Woopra, each line exactly once
- `privacy`: persons erased from all of that; the rule and the register stand below `archive`
- `report`: the model as charts, and as a page for readers without SQL
- `sandbox`: an embedded Woopra to develop and demonstrate against
- `defs`: all of Dagster, thin
- `definitions`, `cli`, `api`: what Dagster loads, what is typed in a terminal, and the functions
  for Python, which this package offers as its own: `connect`, `backfill`, `import_batches`
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from woopra_pipeline.api import backfill, connect, import_batches

__all__ = ["backfill", "connect", "import_batches"]


def __getattr__(name: str) -> Any:
    # Only now: every module below imports this one first.
    if name in __all__:
        return getattr(importlib.import_module("woopra_pipeline.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
