"""Woopra's raw daily export as a DuckDB model people can trust, and imports sent exactly once.

The packages, in the order in which data passes through them. docs/architecture.md has a diagram,
and says which package imports which.

- `errors`, `clock`, `wording`, `control_characters`, `data_directory`, `files`, `locks`,
  `replacing`, `room`, `full_disk`, `garbage_collection`, `http_environment`, `sql_text`,
  `reading_sql`, `tables`, `webhook`: what all packages share
- `woopra`: the service: its HTTP API, its rate budget, its calendar of log days
- `sandbox`: an embedded Woopra to develop and demonstrate against
- `archive`: the day files as they were downloaded, byte for byte
- `parse`: a day file into Arrow tables and Parquet
- `current_day`: the current day's file while it grows, step by step into a parsed day that grows
- `model`: the parsed days into `woopra.duckdb`
- `imports`: import sources into batches, batches into Woopra, each line exactly once
- `lake`: days in an object store, and the tables computed there
- `privacy`: persons erased from all of that
- `report`: the model as charts, and as a page for readers without SQL
- `explore`: the app that shows the model in a browser
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
