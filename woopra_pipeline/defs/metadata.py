"""What Dagster shows of a table: its columns with their meaning, and some of its rows."""

from collections.abc import Iterable, Sequence

import duckdb
from dagster import (
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableMetadataValue,
    TableRecord,
    TableSchema,
)

from woopra_pipeline.sql_text import quoted
from woopra_pipeline.tables import Table

PREVIEW_ROWS = 5
LONGEST_VALUE = 80


def column_schema(table: Table) -> TableSchema:
    """The columns of `table` as Dagster's catalogue shows them."""
    return TableSchema(
        [
            TableColumn(
                column.name,
                column.type.value,
                column.comment,
                TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )


def rows_as_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> TableMetadataValue:
    """A few rows, long values cut short."""
    return MetadataValue.table(
        [TableRecord(dict(zip(columns, map(_shown, row), strict=True))) for row in rows],
        TableSchema([TableColumn(name) for name in columns]),
    )


def preview(connection: duckdb.DuckDBPyConnection, table: Table) -> TableMetadataValue:
    """Some rows of a table of the published model."""
    columns = ", ".join(map(quoted, table.column_names))
    result = connection.execute(f"select {columns} from {table.name} limit {PREVIEW_ROWS}")
    return rows_as_table(table.column_names, result.fetchall())


def _shown(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
