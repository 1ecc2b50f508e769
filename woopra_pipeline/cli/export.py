"""`woopra-pipeline export`: every public table as a Parquet file."""

from pathlib import Path

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
from woopra_pipeline.tables import IMPORT_TABLES, MODEL_TABLES, Table
from woopra_pipeline.wording import count

ROWS_AT_ONCE = 100_000


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write every public table of the model and the imports as DIR/TABLE.parquet.

    A file that is there is replaced when the new one is whole. What tables and columns mean stands
    in the metadata of each file, as `comment`. JSON is text; times are UTC.
    """
    directory = DataDirectory.from_environment()
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file: name a folder to export to")
    row_count = 0
    with needs_room(folder, "exporting"), connect_with_imports(directory) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in (*MODEL_TABLES, *IMPORT_TABLES):
            rows = write_table(connection, table, folder / f"{table.name}.parquet")
            say(f"{table.name}: {count(rows, 'row')}")
            row_count += rows
    tables = count(len(MODEL_TABLES) + len(IMPORT_TABLES), "table")
    show(f"{tables} with {count(row_count, 'row')} in {folder}")


def write_table(connection: DuckDBPyConnection, table: Table, path: Path) -> int:
    """Write a public table to `path`, whole or not at all; returns how many rows it has."""
    schema = pa.schema(
        [
            field.with_metadata({"comment": column.comment})
            for field, column in zip(table.arrow_schema, table.columns, strict=True)
        ],
        metadata={"comment": table.comment},
    )
    columns = ", ".join(
        f"{quoted(field.name)}::varchar" if pa.types.is_string(field.type) else quoted(field.name)
        for field in schema
    )
    reader = connection.sql(f"select {columns} from {quoted(table.name)}").to_arrow_reader(
        ROWS_AT_ONCE
    )
    row_count = 0
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_table(pa.table(batch.columns, schema=schema))
            row_count += batch.num_rows
    return row_count
