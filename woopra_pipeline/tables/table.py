"""What a table and a column are: name, type and meaning, and their form in Arrow."""

from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnType(Enum):
    """A type a column can have, named as DuckDB names it."""

    BIGINT = "BIGINT"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    DOUBLE = "DOUBLE"
    INTEGER = "INTEGER"
    JSON = "JSON"
    TIMESTAMPTZ = "TIMESTAMPTZ"
    UBIGINT = "UBIGINT"
    VARCHAR = "VARCHAR"
    VARCHAR_LIST = "VARCHAR[]"

    @property
    def arrow(self) -> "pa.DataType":
        """The Arrow type of the column; JSON travels as its text."""
        return _arrow_types()[self]


@cache
def _arrow_types() -> "dict[ColumnType, pa.DataType]":
    import pyarrow as pa

    return {
        ColumnType.BIGINT: pa.int64(),
        ColumnType.BOOLEAN: pa.bool_(),
        ColumnType.DATE: pa.date32(),
        ColumnType.DOUBLE: pa.float64(),
        ColumnType.INTEGER: pa.int32(),
        ColumnType.JSON: pa.string(),
        ColumnType.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
        ColumnType.UBIGINT: pa.uint64(),
        ColumnType.VARCHAR: pa.string(),
        ColumnType.VARCHAR_LIST: pa.list_(pa.string()),
    }


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, what it means, and the key of the line it is read from.

    `key` is the name of the field on the wire, with a dot before a field of a nested object;
    None where the column is not simply copied from one field.
    """

    name: str
    type: ColumnType
    comment: str
    key: str | None = None
    nullable: bool = True
    sources: tuple[str, ...] | None = None
    """In the model: the columns of the log it is made of, as `table.column`; None: nobody says."""

    def of(self, *sources: str) -> "Column":
        """The same column, made of these columns of the log; of none: it is about the file."""
        return replace(self, sources=sources)


@dataclass(frozen=True)
class Table:
    """One table: its name, one sentence on what a row is, and its columns in order."""

    name: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> "pa.Schema":
        """The schema of the table's Arrow and Parquet form."""
        import pyarrow as pa

        return pa.schema(
            [pa.field(column.name, column.type.arrow, column.nullable) for column in self.columns]
        )

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)


def required(name: str, column_type: ColumnType, comment: str, key: str | None = None) -> Column:
    """A column that is never NULL."""
    return Column(name, column_type, comment, key, nullable=False)
