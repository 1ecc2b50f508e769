"""Turns Woopra's raw daily export into a DuckDB model, and sends imports exactly once.

The packages, in the order in which data passes through them. docs/architecture.md has a diagram,
and says which package imports which.

- `errors`, `clock`, `wording`, `control_characters`, `data_directory`, `files`, `locks`,
  `replacing`, `room`, `full_disk`, `garbage_collection`, `http_environment`, `sql_text`,
  `reading_sql`, `tables`, `webhook`: what all packages share
- `woopra`: the service: its HTTP API, its rate budget, its calendar of log days
- `sandbox`: an embedded Woopra to develop and demonstrate against
- `archive`: the files of the days as they were downloaded, byte for byte
- `parse`: reads the file of a day into Arrow tables and Parquet
- `current_day`: follows the file of the current day, step by step, into a parsed day that grows
- `model`: builds `woopra.duckdb` from the parsed days
- `imports`: makes batches from import sources, and sends each line to Woopra exactly once
- `lake`: days in an object store, and the tables computed there
- `privacy`: erases persons from all of that
- `report`: the model as charts, and as a page for readers without SQL
- `explore`: the app that shows the model in a browser
- `defs`: everything for Dagster, thin
- `definitions`, `cli`, `api`: the entry points of Dagster, of the command line, and of Python. This
  package exports the functions of `api`: `connect`, `backfill`, `import_batches`
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from woopra_pipeline.api import backfill, connect, import_batches

__all__ = ["backfill", "connect", "import_batches"]


def __getattr__(name: str) -> Any:
    # Not earlier: every module below imports this one first.
    if name in __all__:
        return getattr(importlib.import_module("woopra_pipeline.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
