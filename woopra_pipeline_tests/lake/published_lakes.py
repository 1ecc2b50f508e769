"""Lakes with days and tables, and what their readers see."""

from datetime import date
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.attaching import attach_statements
from woopra_pipeline.lake.duckdb_extensions import load_extension
from woopra_pipeline.lake.homes import log_days_here, put_missing_days
from woopra_pipeline.lake.lake_tables import folder_of
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import Publication, the_publication
from woopra_pipeline.sql_text import quoted
from woopra_pipeline_tests.lake.days_here import make_day
from woopra_pipeline_tests.model.interpreter import Row
from woopra_pipeline_tests.model.published_tables import in_order, read_table


def put_log(lake: Lake, directory: DataDirectory, log: dict[date, bytes]) -> None:
    """Make the days of a log on the disk, and put them into the lake."""
    for log_day, file in log.items():
        make_day(directory, file, log_day)
    assert not put_missing_days(lake, directory, log_days_here(directory)).bad


def seen_by_readers(lake: Lake, publication: Publication | None = None) -> dict[str, list[str]]:
    """The rows of every table, for whoever pastes what `lake attach` prints into DuckDB."""
    publication = publication or the_publication(lake)
    with duckdb.connect() as connection:
        for statement in attach_statements(lake, publication):
            verb, _, rest = statement.partition(" ")
            if verb == "load":
                load_extension(connection, rest)
            elif verb != "install":
                connection.execute(statement)
        rows: dict[str, list[Row]] = {
            name: read_table(connection, ".".join(map(quoted, name.split(".", 1))))
            for name in publication.tables
        }
        return in_order(rows)


def revisions(lake: Lake) -> set[str]:
    """The revisions that the published versions of all tables were committed with."""
    publication = the_publication(lake)
    found = set()
    for name, table in publication.tables.items():
        delta = DeltaTable(
            lake.uri(folder_of(name)),
            version=table.version,
            storage_options=lake.storage_options,
        )
        # The history goes on past the version that was opened.
        (commit,) = [each for each in delta.history() if each["version"] == table.version]
        found.add(commit["revision"])
    return found


def parquet_files(lake: Lake) -> set[str]:
    """The names of all files with rows of tables in the lake."""
    return {
        entry.name
        for entry in lake.entries("tables")
        if entry.name.endswith(".parquet") and "_delta_log" not in Path(entry.name).parts
    }
