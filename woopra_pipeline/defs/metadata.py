"""What Dagster shows of a table: its columns with their meaning, and some of its rows.

Dagster keeps what it shows for years. So no personal data is shown, unless somebody asks for it. Of
the columns with text, only those in `IMPERSONAL` are shown.
"""

import re
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
from woopra_pipeline.tables import Column, ColumnType, Table

PREVIEW_ROWS = 5
LONGEST_VALUE = 80
DECIMALS = 3
NOT_SHOWN = "(not shown)"

_ANSWER = re.compile(r"(status \d{3})[:,] .*", re.DOTALL)

_TEXTS = {ColumnType.VARCHAR, ColumnType.JSON}
_OF_ALL = {"pid", "from_pid", "to_pid", "canonical_pid", "raw_sha256", "reason"}
_OF_VISITS = {
    *("continent", "country", "timezone", "utc_offset"),
    *("browser", "os", "device", "screen", "resolution", "language", "referrer_type"),
}
IMPERSONAL = {
    "visits": _OF_ALL | _OF_VISITS,
    "actions": _OF_ALL | {"name"},
    "profile_properties": _OF_ALL | {"key"},
    "identifiers": _OF_ALL | {"key"},
    "property_types": _OF_ALL | {"event", "key", "relation_name", "column_name", "type"},
}
"""By table, the columns of text that tell nothing of a person but a profile id."""

_PLACES = {"lat", "lng"}


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


def preview(
    connection: duckdb.DuckDBPyConnection, table: Table, *, show_persons: bool = False
) -> TableMetadataValue:
    """Some rows of a table of the published model, without columns of personal data.

    `show_persons` shows these too. JSON, which nobody reads with ease, comes last.
    """
    shown = [column for column in table.columns if show_persons or is_impersonal(table, column)]
    shown.sort(key=lambda column: column.type is ColumnType.JSON)
    columns = ", ".join(quoted(column.name) for column in shown)
    result = connection.execute(f"select {columns} from {table.name} limit {PREVIEW_ROWS}")
    return rows_as_table([column.name for column in shown], result.fetchall())


def without_answer(text: str) -> str:
    """A text without what the service answered, which may repeat an imported line."""
    return _ANSWER.sub(r"\1 …", text)


def is_impersonal(table: Table, column: Column) -> bool:
    """Whether a column of the model tells nothing of a person but a pid, times and counts."""
    if column.type in _TEXTS:
        return column.name in IMPERSONAL.get(table.name, _OF_ALL)
    return column.name not in _PLACES


def _shown(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, DECIMALS)
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
