"""`woopra-pipeline export`: every public table as a Parquet file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import click
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from woopra_pipeline.cli.terminal import say, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.replacing import replacing
from woopra_pipeline.sql_text import quoted
from woopra_pipeline.tables import IMPORT_TABLES, MODEL_TABLES
from woopra_pipeline.wording import count

ROWS_AT_ONCE = 100_000
EVENTS = "events"
LONGEST_FILE_NAME = 200


@dataclass(frozen=True)
class Exported:
    """A table to write: its schema and name, the meaning of its rows and columns, and its file."""

    schema: str
    name: str
    comment: str
    column_comments: Mapping[str, str]
    file: str

    @property
    def relation(self) -> str:
        """Its name in SQL; tables of `main` are looked for in the model and the imports."""
        return quoted(self.name) if self.schema == "main" else f"{self.schema}.{quoted(self.name)}"


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write every public table of the model and the imports as DIR/TABLE.parquet.

    The typed table of each event is DIR/events/NAME.parquet. An existing file is replaced when the
    new one is complete. The metadata of each file says what the table and its columns mean, as
    `comment`. JSON is text; times are UTC.
    """
    directory = DataDirectory.from_environment()
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file: name a folder to export to")
    row_count = 0
    with needs_room(folder, "exporting"), connect_with_imports(directory) as connection:
        connection.execute("set TimeZone = 'UTC'")
        tables = list(exported_tables(connection))
        for table in tables:
            rows = write_table(connection, table, folder / table.file)
            say(f"{table.file}: {count(rows, 'row')}")
            row_count += rows
    show(f"{count(len(tables), 'table')} with {count(row_count, 'row')} in {folder}")


def exported_tables(connection: DuckDBPyConnection) -> Iterator[Exported]:
    """All public tables that a connection to model and imports can see."""
    for table in (*MODEL_TABLES, *IMPORT_TABLES):
        declared = {column.name: column.comment for column in table.columns}
        comments = _column_comments(connection, "main", table.name) | declared
        yield Exported("main", table.name, table.comment, comments, f"{table.name}.parquet")
    rows = connection.execute(
        "select view_name, comment from duckdb_views() "
        "where database_name = current_database() and schema_name = ? order by view_name",
        [EVENTS],
    ).fetchall()
    for number, (name, comment) in enumerate(rows, 1):
        # A name may contain characters that a file name cannot have.
        file = quote(name, safe=" ")
        if len(file) > LONGEST_FILE_NAME or file.startswith("."):
            file = f"{number}"
        comments = _column_comments(connection, EVENTS, name)
        yield Exported(EVENTS, name, comment or "", comments, f"{EVENTS}/{file}.parquet")


def _column_comments(connection: DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    """The meaning of each column of a table of the model, by its name."""
    rows = connection.execute(
        "select column_name, comment from duckdb_columns() where schema_name = ? "
        "and table_name = ? and database_name = current_database() and comment is not null",
        [schema, table],
    ).fetchall()
    return dict(rows)


def write_table(connection: DuckDBPyConnection, table: Exported, path: Path) -> int:
    """Write a table to `path`, whole or not at all; returns how many rows it has."""
    described = connection.sql(f"describe {table.relation}").fetchall()
    columns = ", ".join(
        f"{quoted(name)}::varchar as {quoted(name)}" if kind == "JSON" else quoted(name)
        for name, kind, *_ in described
    )
    reader = connection.sql(f"select {columns} from {table.relation}").to_arrow_reader(ROWS_AT_ONCE)
    schema = pa.schema(
        [
            field.with_metadata({"comment": table.column_comments.get(field.name, "")})
            for field in reader.schema
        ],
        metadata={"comment": table.comment},
    )
    row_count = 0
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_batch(batch.cast(schema))
            row_count += batch.num_rows
    return row_count
