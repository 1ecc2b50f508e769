"""The published tables of the lake, opened in DuckDB: exactly the versions that belong together."""

from collections.abc import Iterator

import duckdb

from woopra_pipeline.lake.delta_tables import files_of
from woopra_pipeline.lake.engine import EVENTS_PREFIX
from woopra_pipeline.lake.lake_tables import (
    LakeTable,
    declared_tables,
    is_of_event,
    typed_table,
)
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import Publication
from woopra_pipeline.model.typed_tables import PEOPLE_NUMBER, TypedColumn, TypedRelation
from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.tables import PEOPLE, PROPERTY_TYPES, ColumnType

TYPED_COLUMNS = """
    select relation_name, event, key, column_name, type, is_pinned
    from {property_types}
    where column_name is not null
    order by relation_name, key
"""


def published_tables(
    lake: Lake, connection: duckdb.DuckDBPyConnection, publication: Publication
) -> list[LakeTable]:
    """The tables that were published, with the columns in `property_types` of that revision.

    `connection` can reach the lake.
    """
    declared = [table for table in declared_tables() if table.name in publication.tables]
    typed = [name for name in publication.tables if name == PEOPLE.name or is_of_event(name)]
    columns: dict[str, list[TypedColumn]] = {name: [] for name in typed}
    for table in declared:
        if table.table is PROPERTY_TYPES:
            rows = _rows(lake, table, publication)
            if rows is not None:
                query = TYPED_COLUMNS.format(property_types=rows)
                for relation, event, *column in connection.execute(query).fetchall():
                    name = PEOPLE.name if event is None else f"{EVENTS_PREFIX}{relation}"
                    columns[name].append(TypedColumn(*column))
    return [
        *declared,
        *(
            typed_table(
                TypedRelation(PEOPLE_NUMBER, None, name, tuple(columns[name]))
                if name == PEOPLE.name
                else _of_event(name.removeprefix(EVENTS_PREFIX), columns[name])
            )
            for name in typed
        ),
    ]


def _of_event(relation: str, columns: list[TypedColumn]) -> TypedRelation:
    return TypedRelation(PEOPLE_NUMBER + 1, relation, relation, tuple(columns))


def attach_statements(lake: Lake, publication: Publication) -> Iterator[str]:
    """The statements that make a view of each table in any DuckDB, with the types of the model.

    They contain no secret: in an object store, DuckDB takes the credentials that its user has.
    """
    with duckdb.connect() as connection:
        lake.let_duckdb_reach(connection)
        tables = published_tables(lake, connection, publication)
    yield "install delta"
    yield "load delta"
    yield from lake.duckdb_statements()
    if any(is_of_event(table.name) for table in tables):
        yield "create schema if not exists events"
    for table in tables:
        address = literal(lake.uri(table.folder))
        version = publication.tables[table.name].version
        rows = f"delta_scan({address}, version = {version})"
        yield f"create or replace view {table.view} as {select_public(table, rows)}"


def open_tables(
    connection: duckdb.DuckDBPyConnection, lake: Lake, publication: Publication
) -> dict[str, tuple[LakeTable, str]]:
    """For each table, by its name, the query for its rows. It needs no extension of DuckDB."""
    lake.let_duckdb_reach(connection)
    return {
        table.name: (table, select_public(table, _rows(lake, table, publication)))
        for table in published_tables(lake, connection, publication)
    }


def _rows(lake: Lake, table: LakeTable, publication: Publication) -> str | None:
    """The SQL of the rows of a table as they are stored; None if there are none."""
    addresses = files_of(lake, table, publication.tables[table.name].version)
    files = ", ".join(literal(address) for address in addresses)
    return f"read_parquet([{files}], hive_partitioning = false)" if files else None


def select_public(table: LakeTable, rows: str | None) -> str:
    """The query for a table with the names and types of the model; None: no rows."""
    columns = zip(table.table.columns, table.stored_names, strict=True)
    if rows is None:
        types = ", ".join(
            f"null::{column.type.value} as {quoted(column.name)}" for column, _ in columns
        )
        return f"select {types} where false"
    selected = ", ".join(
        f"{quoted(stored)}::json as {quoted(column.name)}"
        if column.type is ColumnType.JSON
        else quoted(stored)
        if stored == column.name
        else f"{quoted(stored)} as {quoted(column.name)}"
        for column, stored in columns
    )
    return f"select {selected} from {rows}"
