"""`woopra-pipeline lake`: the days and tables in the lake."""

import os
from importlib import import_module
from types import ModuleType

import click

from woopra_pipeline.cli.progress import BackfillProgress
from woopra_pipeline.cli.terminal import show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.backfill import Progress
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.lake.homes import log_days_here, put_missing_days
from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake
from woopra_pipeline.lake.project import claim_lake
from woopra_pipeline.wording import count, spans


@click.group("lake")
def command() -> None:
    """Keep the log days and the model's tables in a lake, a folder or an object store.

    WOOPRA_LAKE says where it is.
    """


@command.command("update")
def update() -> None:
    """Put missing days into the lake, and compute its tables."""
    lake, directory = the_lake(), DataDirectory.from_environment()
    put(lake, directory)
    _tables().compute(lake, directory)


@command.command("check")
def check() -> None:
    """Compare the lake's tables with woopra.duckdb, row by row.

    Ends with exit 0 only if all of them are equal.
    """
    _tables().compare(the_lake(), DataDirectory.from_environment())


@command.command("attach")
def attach() -> None:
    """Print the SQL that opens the lake's tables in DuckDB.

    Each table is opened at the version that belongs to the others.
    """
    _tables().print_statements(the_lake())


def _tables() -> ModuleType:
    """The module for the tables; it needs libraries of the extra."""
    return import_module("woopra_pipeline.cli.lake_tables")


def put(lake: Lake, directory: DataDirectory) -> None:
    """Put the days of this disk into the lake that it lacks, and show progress.

    Raises `click.ClickException` if a day could not be put there; all others are.
    """
    claim_lake(lake, directory, project())
    log_days = log_days_here(directory)
    with BackfillProgress() as progress:
        progress(Progress("lake_days", "start", days=len(log_days)))
        worked = put_missing_days(lake, directory, log_days, progress.on_day("lake_days"))
        progress(Progress("lake_days", "end", days=len(log_days)))
    uploaded = [day for day, put in worked.done.items() if put.uploaded_bytes]
    byte_count = sum(put.uploaded_bytes for put in worked.done.values())
    show(
        f"{count(len(log_days), 'log day')} here, {len(uploaded):,} of them put into the lake now "
        f"({count(byte_count, 'byte')})"
    )
    if worked.bad:
        raise click.ClickException(
            f"{len(worked.bad):,} of {count(len(log_days), 'log day')} could not be put into the "
            f"lake: {spans(worked.bad)}"
        )


def the_lake() -> Lake:
    """The lake of the environment; `ConfigurationError` if there is none."""
    lake = Lake.from_environment()
    if lake is None:
        raise ConfigurationError(f"{LAKE_VARIABLE} is not set: say where the lake is")
    return lake


def project() -> str | None:
    """The project that the settings name, if they do."""
    return os.environ.get("WOOPRA_PROJECT") or None
