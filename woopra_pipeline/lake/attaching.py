"""The published tables of the lake, opened in DuckDB: exactly the versions that belong together."""

from collections.abc import Iterator

import duckdb

from woopra_pipeline.lake.delta_tables import files_of, table_folder
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import Publication
from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.tables import LAKE_TABLES, ColumnType, ModelTable


def attach_statements(lake: Lake, publication: Publication) -> Iterator[str]:
    """The statements that make a view of each table in any DuckDB, with the types of the model.

    They hold no secret: in an object store, DuckDB takes the credentials that its user has.
    """
    yield "install delta"
    yield "load delta"
    yield from lake.duckdb_statements()
    for table in LAKE_TABLES:
        address = literal(lake.uri(table_folder(table)))
        version = publication.tables[table.name].version
        rows = f"delta_scan({address}, version = {version})"
        yield f"create or replace view {table.name} as {select_public(table, rows)}"


def open_tables(
    connection: duckdb.DuckDBPyConnection, lake: Lake, publication: Publication, prefix: str
) -> None:
    """Make a temporary view of each table, `prefix` before its name, without DuckDB's extension."""
    lake.let_duckdb_reach(connection)
    for table in LAKE_TABLES:
        addresses = files_of(lake, table, publication.tables[table.name].version)
        files = ", ".join(literal(address) for address in addresses)
        rows = f"read_parquet([{files}], hive_partitioning = false)" if files else None
        connection.execute(
            f"create or replace temporary view {prefix}{table.name} as {select_public(table, rows)}"
        )


def select_public(table: ModelTable, rows: str | None) -> str:
    """The query for the columns of a table, with their types; without `rows`, for none."""
    if rows is None:
        types = ", ".join(
            f"null::{column.type.value} as {quoted(column.name)}" for column in table.columns
        )
        return f"select {types} where false"
    columns = ", ".join(
        f"{quoted(column.name)}::json as {quoted(column.name)}"
        if column.type is ColumnType.JSON
        else quoted(column.name)
        for column in table.columns
    )
    return f"select {columns} from {rows}"
