"""DuckDB as the engine of the lake: on this machine, without a server."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from woopra_pipeline.lake.engine import MONTH, Engine, Layout
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.sql_text import exact_pattern, literal, quoted
from woopra_pipeline.tables import ColumnType, Table

MEMORY_LIMIT = "4GB"
"""How much memory DuckDB takes before it uses the disk."""

FUNCTIONS_OF_SPARK = (
    "unix_date(day) as day - date '1970-01-01'",
    "date_from_unix_date(number) as date '1970-01-01' + number::integer",
    "timestamp_seconds(seconds) as to_timestamp(seconds)",
    "timestamp_micros(micros) as make_timestamptz(micros)",
    "unix_micros(moment) as epoch_us(moment)",
    "get_json_object(json, path) as json ->> path",
    "shiftright(number, digits) as number >> digits",
    "sequence(first, last) as generate_series(first, last)",
    "explode(list) as unnest(list)",
)
"""Functions of Spark that DuckDB lacks, as macros."""


class DuckDBEngine(Engine):
    """DuckDB in memory, with a folder of its own on disk for data that does not fit.

    `scratch` is where that folder is made. Raises `ConfigurationError` if DuckDB's extension for
    the lake's place is not installed.
    """

    name = "DuckDB"
    errors = (duckdb.Error,)
    phrases: ClassVar[Mapping[str, str]] = {
        "members": "string_agg(to_json(key) || ':' || value, ',' order by key)"
    }
    types: ClassVar[Mapping[ColumnType, str]] = {
        column_type: "varchar" if column_type is ColumnType.JSON else column_type.value
        for column_type in ColumnType
    }

    def __init__(self, lake: Lake, *, scratch: Path, memory_limit: str = MEMORY_LIMIT) -> None:
        self._lake = lake
        self._folder = tempfile.TemporaryDirectory(dir=scratch, prefix="lake-")
        self._connection = duckdb.connect()
        # DuckDB assumes that tables it has just made are tiny, and would choose nested loops.
        for join in ("asof_loop_join", "nested_loop_join", "merge_join"):
            self._connection.execute(f"set {join}_threshold = 0")
        self._connection.execute(
            f"set enable_progress_bar = false; set timezone = 'UTC'; "
            f"set memory_limit = {literal(memory_limit)}; "
            f"set temp_directory = {literal(self._folder.name)}"
        )
        for macro in FUNCTIONS_OF_SPARK:
            self._connection.execute(f"create macro {macro}")
        lake.let_duckdb_reach(self._connection)

    def read(self, name: str, uris: Sequence[str], table: Table) -> None:
        """Let `name` be the rows of these Parquet files."""
        files = ", ".join(
            literal(exact_pattern(Path(uri)) if "://" not in uri else uri) for uri in uris
        )
        columns = ", ".join(column.name for column in table.columns)
        self.define(
            name, f"select {columns} from read_parquet([{files}], hive_partitioning = false)"
        )

    def give(self, name: str, rows: pa.Table) -> None:
        """Let `name` be these rows."""
        self._connection.register("given", rows)
        self.keep(name, "select * from given")
        self._connection.unregister("given")

    def define(self, name: str, query: str) -> None:
        """Let `name` be whatever the query returns when it is asked for."""
        self._connection.execute(f"create or replace temporary view {name} as {query}")

    def keep(self, name: str, query: str) -> None:
        """Run the query now, and let `name` be the rows that it returned."""
        self._connection.execute(f"create or replace temporary table {name} as {query}")

    def fetch(self, query: str) -> pa.Table:
        """The rows of a query, in this process's memory."""
        return self._connection.execute(query).to_arrow_table()

    def write(self, query: str, folder: str, layout: Layout) -> None:
        """Write the rows of a query as Parquet files below a folder of the lake.

        If the layout is by month, the rows come in log order already, and are not sorted again.
        """
        target = self._lake.uri(folder)
        if "://" not in target:
            Path(target).mkdir(parents=True)
        options = "format parquet, compression zstd"
        if layout.by_month:
            options += f", partition_by ({MONTH}), overwrite_or_ignore"
        else:
            target += "/part-0.parquet"
            if layout.order:
                query += f" order by {', '.join(layout.order)}"
        self._connection.execute(f"copy ({query}) to {literal(target)} ({options})")

    def quoted(self, name: str) -> str:
        """A name as SQL."""
        return quoted(name)

    def literal(self, text: str) -> str:
        """A text as SQL."""
        return literal(text) if "\0" not in text else f"decode(unhex('{text.encode().hex()}'))"

    def tagged_members(self, properties: str) -> str:
        """A map from the keys of a JSON object to its tagged values."""
        return f"""
            map_from_entries(list_transform(
                map_entries(from_json({properties}, '"MAP(VARCHAR, JSON)"')),
                lambda member: {{
                    'key': member.key,
                    'value': case
                        when starts_with(member.value, '"') then '"' || (member.value ->> '$')
                        when member.value::varchar <> 'null' then member.value::varchar
                    end
                }}
            ))"""

    def json_string(self, text: str) -> str:
        """A text as a JSON string."""
        return f"to_json({text})::varchar"

    def close(self) -> None:
        """End what was started, and remove what was kept."""
        self._connection.close()
        self._folder.cleanup()
