"""The lake's tables as an engine computed them, as rows to be compared with the interpreter's."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.attaching import select_public
from woopra_pipeline.lake.computing import compute_tables
from woopra_pipeline.lake.days import parsed_days_in
from woopra_pipeline.lake.engine import Engine
from woopra_pipeline.lake.folder import FolderLake
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.model.typed_tables import TypedChoice
from woopra_pipeline.model.update import SWEEP_FACTOR
from woopra_pipeline.sql_text import read_parquet
from woopra_pipeline_tests.model.interpreter import Row, interpret, tables
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.model.published_tables import in_order, read_table

OpenEngine = Callable[[Lake, Path], AbstractContextManager[Engine]]
"""Opens an engine for a lake, with a folder for what does not fit into memory."""


def expected_tables(log: dict[date, bytes]) -> dict[str, list[str]]:
    """The rows of every table of the lake, as the interpreter has them."""
    return in_order(tables(interpret(log)))


def computed_tables(
    open_engine: OpenEngine,
    folder: Path,
    log: dict[date, bytes],
    sweep_factor: int = SWEEP_FACTOR,
    choice: TypedChoice | None = None,
) -> dict[str, list[Row]]:
    """Every public table that an engine makes of a log; the empty `folder` becomes a lake."""
    directory, lake = DataDirectory(folder), FolderLake(folder)
    for log_day, file in log.items():
        put_day(directory, log_day, file)
    with open_engine(lake, folder) as engine:
        computed = compute_tables(
            engine,
            lake,
            list(parsed_days_in(lake).values()),
            lambda table: table.data_folder("computed"),
            applied_at=datetime.now(UTC),
            choice=choice,
            sweep_factor=sweep_factor,
        )
    with duckdb.connect() as connection:
        connection.execute("create schema events")
        for table in computed:
            files = sorted((folder / table.data_folder("computed")).rglob("*.parquet"))
            query = select_public(table, read_parquet(files) if files else None)
            connection.execute(f"create view {table.view} as {query}")
        return {table.name: read_table(connection, table.view) for table in computed}
