"""`woopra-pipeline query`: SQL on the published model and imports, read-only."""

import csv
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import click
import duckdb
import orjson
from duckdb import DuckDBPyRelation
from rich.text import Text

from woopra_pipeline.cli.terminal import TextTable, ValueOutput, plain, print_table, say
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ReadingError
from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.reading_sql import HARMLESS_SETTINGS, lock, require_reading, split

ROWS_AT_ONCE = 10_000
LARGEST_TABLE = 1_000
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "DECIMAL", "DOUBLE", "FLOAT")


@click.command("query", context_settings={"ignore_unknown_options": True})
@click.argument("sql")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print the rows.",
)
def command(sql: str, output_format: str) -> None:
    """Run SQL on the published model and imports, read-only, and print what it returns.

    It reads these two and no other file, and writes none. Times are shown in UTC.
    """
    directory = DataDirectory.from_environment()
    with connect_with_imports(directory) as connection:
        connection.execute("set TimeZone = 'UTC'")
        # Two queries that spill into one folder crash. DuckDB makes and removes it as needed.
        spill = directory.root / f"query-{secrets.token_hex(6)}.tmp"
        connection.execute("set temp_directory = ?", [str(spill)])
        lock(connection)
        try:
            relation = _run(connection, sql)
            if relation is not None:
                PRINTERS[output_format](relation)
        except duckdb.Error as error:
            raise click.ClickException(_sentence(error)) from error


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
                f"query only reads: {error}; use --format csv or json to write rows to a file"
            ) from None
        relation = connection.sql(statement)
    return relation


def _rows(relation: DuckDBPyRelation, expressions: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The rows of `relation` with each column as the text `expressions` make of it."""
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
    rows = list(islice(_texts(relation), LARGEST_TABLE + 1))
    table = TextTable()
    for name, kind in zip(relation.columns, relation.types, strict=True):
        numeric = str(kind).startswith(NUMERIC)
        table.add_column(plain(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows[:LARGEST_TABLE]:
        table.add_row(*(Text("NULL", "dim") if text is None else text for text in row))
    print_table(table)
    if len(rows) > LARGEST_TABLE:
        say(f"These are the first {LARGEST_TABLE:,} rows; --format csv or json prints all of them")


def _print_json(relation: DuckDBPyRelation) -> None:
    """An array of one object a row and line, with values as exact as JSON can have them."""
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
    """The SQL that makes a value's JSON text, where `to_json` would lose digits or be no JSON."""
    if kind == "JSON" or kind.startswith("DECIMAL"):
        return f"{column}::varchar"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"case when isfinite({column}) then to_json({column})::varchar end"
    return f"to_json({column})::varchar"


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """The names with _1, _2, … behind those that came before."""
    seen: Counter[str] = Counter()
    for name in names:
        yield f"{name}_{seen[name]}" if seen[name] else name
        seen[name] += 1


def _sentence(error: duckdb.Error) -> str:
    """What DuckDB says, in one line, without the excerpt of the statement."""
    text = str(error).split("\nLINE ")[0]
    if "the configuration has been locked" in text:
        return f"query only reads: of the settings it changes {' and '.join(HARMLESS_SETTINGS)}"
    if "operations are disabled by configuration" in text:
        return "query only reads the model and the imports: it opens no other file"
    return " ".join(text.split())


PRINTERS = {"table": _print_table, "json": _print_json, "csv": _print_csv}
