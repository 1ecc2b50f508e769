"""What computes the tables of the lake: the few things an engine must be able to do.

`WOOPRA_SPARK` names the engine. All of them run the queries of `model.sql` and `typed.sql`. They
differ in `phrases`, in how they take JSON apart, and in the types of the columns that they write.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.tables import (
    ACTIONS,
    IDENTIFIERS,
    PEOPLE,
    PID_ALIASES,
    PROFILE_PROPERTIES,
    PROFILES,
    VISITS,
    Column,
    ColumnType,
    Table,
)

if TYPE_CHECKING:
    import pyarrow as pa

SPARK_VARIABLE = "WOOPRA_SPARK"
EMBEDDED = "sail"
INSTALL = "pip install 'woopra-pipeline[lake,spark]'"

SCRATCH = "scratch"
"""The folder of the lake for intermediate results, until all tables are written."""

EVENTS_PREFIX = "events."
"""What the name of the typed table of an event begins with."""

MONTH = "log_month"
"""The column that large tables are partitioned by: the first day of the log day's month."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a table are laid out in files: by month or not, and in which order."""

    by_month: bool = False
    order: tuple[str, ...] = ()


LAYOUT_OF_EVENTS = Layout(order=("log_day", "log_line", "action_index"))

LAYOUTS: Mapping[str, Layout] = {
    VISITS.name: Layout(by_month=True, order=("log_day", "log_line")),
    ACTIONS.name: Layout(by_month=True, order=("log_day", "log_line", "action_index")),
    PROFILES.name: Layout(order=("pid",)),
    PEOPLE.name: Layout(order=("pid",)),
    PROFILE_PROPERTIES.name: Layout(order=("pid", "key")),
    PID_ALIASES.name: Layout(order=("pid",)),
    IDENTIFIERS.name: Layout(order=("value", "key")),
}
"""The tables that can be large.

With this layout, a query for a month or a person reads few files.
"""


def missing_spark() -> ConfigurationError:
    """The error for an engine whose libraries are not installed."""
    return ConfigurationError(f"{SPARK_VARIABLE} needs libraries that are not installed: {INSTALL}")


def layout_of(table: Table) -> Layout:
    """The layout of a public table."""
    if table.name.startswith(EVENTS_PREFIX):
        return LAYOUT_OF_EVENTS
    return LAYOUTS.get(table.name, Layout())


class Engine(ABC):
    """Runs queries over named relations; a `with` block ends what it started."""

    name: str
    """Its name in the commits of the tables and in messages."""

    phrases: ClassVar[Mapping[str, str]]
    """What replaces `{name}` in the script, where the SQL dialects differ."""

    errors: ClassVar[tuple[type[Exception], ...]]
    """What it raises if it cannot run a query."""

    types: ClassVar[Mapping[ColumnType, str]]
    """The engine's names of the types."""

    @abstractmethod
    def read(self, name: str, uris: Sequence[str], table: Table) -> None:
        """Let `name` be the rows of these Parquet files (at least one), which are like `table`."""

    @abstractmethod
    def give(self, name: str, rows: "pa.Table") -> None:
        """Let `name` be these rows."""

    @abstractmethod
    def define(self, name: str, query: str) -> None:
        """Let `name` be whatever the query returns when it is asked for."""

    @abstractmethod
    def keep(self, name: str, query: str) -> None:
        """Run the query now, and let `name` be the rows that it returned."""

    @abstractmethod
    def fetch(self, query: str) -> "pa.Table":
        """The rows of a query, in this process's memory."""

    @abstractmethod
    def write(self, query: str, folder: str, layout: Layout) -> None:
        """Write the rows of a query as Parquet files below `folder`, a name in the lake.

        With a layout by month, into one folder a month, `log_month=YYYY-MM-01`; that column is not
        in the files then.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop what was started, and remove intermediate results."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def quoted(self, name: str) -> str:
        """A name as SQL, whatever characters are in it."""

    @abstractmethod
    def literal(self, text: str) -> str:
        """A text as SQL, whatever characters are in it."""

    @abstractmethod
    def tagged_members(self, properties: str) -> str:
        """The SQL of a map from the keys of a JSON object to its values, as tagged values.

        `typed.sql` says what a tagged value is. `properties` is the SQL of the object's text.
        """

    @abstractmethod
    def json_string(self, text: str) -> str:
        """The SQL of a text as a JSON string, as DuckDB writes it."""

    def public_query(self, table: Table) -> str:
        """The query for the rows of a public table, with the columns and types it is declared with.

        If the layout is by month, the column of the month is added.
        """
        columns = [self.public_column(column, column.name) for column in table.columns]
        if layout_of(table).by_month:
            columns.append(f"cast(date_trunc('month', log_day) as date) as {MONTH}")
        return f"select {', '.join(columns)} from {table.name}"

    def public_column(self, column: Column, value: str, name: str | None = None) -> str:
        """A column of a public table as SQL: its value, its type, and what it is called there."""
        return f"cast({value} as {self.types[column.type]}) as {self.quoted(name or column.name)}"
