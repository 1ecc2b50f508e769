"""The Python interface: the functions that `import woopra_pipeline` offers.

It uses the environment variables of the command line, such as `WOOPRA_DATA_DIR`.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from types import ModuleType

from duckdb import DuckDBPyConnection

from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import PipelineError
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.imports.sources import find_sources, get_source
from woopra_pipeline.woopra.log_days import EARLIEST_LOG_DAY


def connect() -> AbstractContextManager[DuckDBPyConnection]:
    """Open the published model and the imports for reading, in a `with` block.

    The connection keeps showing the model as it was when it was opened. Raises `ModelError` if
    there is no model.
    """
    return connect_with_imports(DataDirectory.from_environment())


def backfill(first: date, last: date, *, accept_shorter: bool = False) -> dict[date, str]:
    """Fetch, parse and model the log days from `first` to `last`, both included.

    Returns each day that failed, with the reason; all others are in the model. Raises
    `ConfigurationError` if a setting is wrong or `last` is not over. It works like the command
    `backfill`: a file with fewer readable lines than the archived one is held back unless
    `accept_shorter`.
    """
    commands = _commands()
    commands.require_closed(first, last, system_clock)
    failed: dict[date, str] = commands.backfill(
        DataDirectory.from_environment(), first, last, accept_shorter=accept_shorter
    )
    return failed


def import_batches(
    log_day: date, *sources: str, dry_run: bool = False
) -> Mapping[str, Mapping[str, int]]:
    """Import what the sources have for a day, or all sources if none is named.

    What was sent before is not sent again; a dry run sends nothing. Returns by source the lines of
    the day by state (`accepted`, `rejected`, `unknown`, ...). Raises `PipelineError` if a source
    cannot be run or the service refuses the lines.
    """
    directory = DataDirectory.from_environment()
    commands = _commands()
    commands.require_closed(log_day, log_day, system_clock)
    names: Sequence[str] = sources or [source.name for source in find_sources(directory)]
    for name in names:
        get_source(directory, name)
    runs = commands.import_with_partitions_from(log_day, "woopra_pipeline.cli.import_runs")
    problem = runs.run_day(directory, log_day, sources, dry_run)
    if problem is not None:
        raise PipelineError(problem)
    with Ledger(directory, system_clock) as ledger:
        return {name: ledger.line_counts(name, log_day) for name in names}


def _commands() -> ModuleType:
    """The module behind `woopra-pipeline backfill`.

    A process can set only once where its partitions begin, and nobody knows yet which days will be
    asked for.
    """
    commands = importlib.import_module("woopra_pipeline.cli.backfill")
    os.environ.setdefault(commands.START_DATE_VARIABLE, EARLIEST_LOG_DAY.isoformat())
    return commands
