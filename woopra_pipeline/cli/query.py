"""`woopra-pipeline query`: SQL on the published model and imports, read-only."""

import csv
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO

import click
import duckdb
import orjson
import pyarrow.parquet as pq
from duckdb import DuckDBPyRelation
from rich.text import Text

from woopra_pipeline.cli.terminal import TextTable, ValueOutput, fits, plain, print_table, say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ReadingError
from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.reading_sql import HARMLESS_SETTINGS, lock, require_reading, split
from woopra_pipeline.sql_text import quoted

ROWS_AT_ONCE = 10_000
LARGEST_TABLE = 1_000
LONGEST_VALUE = 500
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "DECIMAL", "DOUBLE", "FLOAT")


@click.command("query", context_settings={"ignore_unknown_options": True})
@click.argument("sql", required=False)
@click.option(
    "--file",
    "-f",
    "file",
    type=click.File(encoding="utf-8"),
    help="Read the SQL from a file; - is standard input.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="How to print the rows.",
)
def command(sql: str | None, file: IO[str] | None, output_format: str) -> None:
    """Run SQL on the published model and imports, read-only, and print the rows.

    The SQL is an argument, or in a file. It reads the model and the imports and no other
    file, and writes none. Times are shown in UTC.
    """
    sql = _sql(sql, file)
    if output_format == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: write it to a file with > FILE")
    directory = DataDirectory.from_environment()
    with connect_with_imports(directory) as connection:
        connection.execute("set TimeZone = 'UTC'")
        # Two queries that spill to the same folder crash. DuckDB makes and removes the folder
        # itself.
        spill = directory.root / f"query-{secrets.token_hex(6)}.tmp"
        connection.execute("set temp_directory = ?", [str(spill)])
        lock(connection)
        try:
            relation = _run(connection, sql)
            if relation is not None:
                PRINTERS[output_format](relation)
        except duckdb.Error as error:
            raise click.ClickException(_sentence(error)) from error


def _sql(sql: str | None, file: IO[str] | None) -> str:
    """The SQL to run: the argument, or the content of the file."""
    if (sql is None) == (file is None):
        raise click.UsageError("Give the SQL, or a file with it: --file FILE; --file - is stdin")
    if sql is not None or file is None:
        return sql or ""
    try:
        return file.read().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file.name} is not UTF-8 text: save it as UTF-8") from None


def _run(connection: duckdb.DuckDBPyConnection, sql: str) -> DuckDBPyRelation | None:
    """What the last statement of `sql` returns, or None if it returns no rows."""
    relation = None
    statements = split(connection, sql)
    if not statements:
        raise click.UsageError('The SQL is empty: try "select * from profiles limit 10"')
    for statement in statements:
        try:
            require_reading(connection, statement)
        except ReadingError as error:
            raise click.ClickException(
                f"query only reads: {error}; to write rows to a file use --format csv, json or "
                "parquet and > FILE"
            ) from None
        relation = connection.sql(statement)
    return relation


def _rows(relation: DuckDBPyRelation, expressions: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The rows of `relation`, each column as the text that its expression makes."""
    texts = relation.project(", ".join(expressions))
    while rows := texts.fetchmany(ROWS_AT_ONCE):
        yield from rows


def _texts(relation: DuckDBPyRelation) -> Iterator[tuple[str | None, ...]]:
    return _rows(relation, (f"#{place}::varchar" for place, _ in enumerate(relation.columns, 1)))


def _print_csv(relation: DuckDBPyRelation) -> None:
    writer = csv.writer(ValueOutput(), lineterminator="\n")
    writer.writerow(relation.columns)
    writer.writerows(_texts(relation))


def _print_table(relation: DuckDBPyRelation) -> None:
    """Print rows as a table, or one below the other if the terminal is too narrow."""
    rows = list(islice(_texts(relation), LARGEST_TABLE + 1))
    table = TextTable()
    for name, kind in zip(relation.columns, relation.types, strict=True):
        numeric = str(kind).startswith(NUMERIC)
        table.add_column(plain(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows[:LARGEST_TABLE]:
        table.add_row(*map(_cell, row))
    if fits(table):
        print_table(table)
    else:
        _print_records(relation.columns, rows[:LARGEST_TABLE])
    if len(rows) > LARGEST_TABLE:
        say(
            f"These are the first {LARGEST_TABLE:,} rows; --format csv, json or parquet gives "
            "all of them"
        )


def _cell(text: str | None) -> Text:
    return Text("NULL", "dim") if text is None else plain(text)


def _print_records(columns: Sequence[str], rows: Iterable[tuple[str | None, ...]]) -> None:
    """Print each row as a table of two columns: name and value. Long values are cut."""
    for number, row in enumerate(rows, 1):
        record = TextTable(f"row {number:,}", is_left=True)
        record.add_column("column", style="bold")
        record.add_column("value", overflow="fold")
        for name, text in zip(columns, row, strict=True):
            record.add_row(name, _cell(text if text is None else _shortened(text)))
        print_table(record)


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)"


def _print_parquet(relation: DuckDBPyRelation) -> None:
    names = list(_distinct(relation.columns))
    reader = relation.project(
        ", ".join(
            f"#{place}{'::varchar' if str(kind) == 'JSON' else ''} as {quoted(name)}"
            for place, (name, kind) in enumerate(zip(names, relation.types, strict=True), 1)
        )
    ).to_arrow_reader(ROWS_AT_ONCE)
    # A reader of the pipe gets whole row groups, and the end of the file last.
    with pq.ParquetWriter(sys.stdout.buffer, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


def _print_json(relation: DuckDBPyRelation) -> None:
    """Print an array with one object a row, one a line. Values are as exact as JSON can be."""
    keys = [orjson.dumps(name).decode() for name in _distinct(relation.columns)]
    expressions = [
        _json_expression(f"#{place}", str(kind)) for place, kind in enumerate(relation.types, 1)
    ]
    output = ValueOutput()
    separator = "[\n"
    for row in _rows(relation, expressions):
        fields = ",".join(f"{key}:{value or 'null'}" for key, value in zip(keys, row, strict=True))
        output.write(f"{separator}{{{fields}}}")
        separator = ",\n"
    output.write("[]\n" if separator == "[\n" else "\n]\n")


def _json_expression(column: str, kind: str) -> str:
    """The SQL for the JSON text of a value, where `to_json` would lose digits or give no JSON."""
    if kind == "JSON" or kind.startswith("DECIMAL"):
        return f"{column}::varchar"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"case when isfinite({column}) then to_json({column})::varchar end"
    return f"to_json({column})::varchar"


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """The names, with _1, _2, … at the end of repeated ones."""
    seen: Counter[str] = Counter()
    for name in names:
        yield f"{name}_{seen[name]}" if seen[name] else name
        seen[name] += 1


def _sentence(error: duckdb.Error) -> str:
    """DuckDB's message, in one line, without the excerpt of the statement."""
    text = str(error).split("\nLINE ")[0]
    if "the configuration has been locked" in text:
        return f"query only reads: of the settings it changes {' and '.join(HARMLESS_SETTINGS)}"
    if "operations are disabled by configuration" in text:
        return "query only reads the model and the imports: it opens no other file"
    return " ".join(text.split())


PRINTERS = {
    "table": _print_table,
    "json": _print_json,
    "csv": _print_csv,
    "parquet": _print_parquet,
}
