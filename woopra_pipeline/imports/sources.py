"""Import sources: SQL files whose result says what to import, and their rows as JSON.

A source runs read-only on the published model, or without one on files alone; its relative paths
start at the folder of the sources, or else at the data directory. What columns it returns decides
its shape. Each row is read as one JSON text that DuckDB makes of its columns.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.resources import files as package_files
from pathlib import Path

import duckdb
import pyarrow as pa

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import SourceError
from woopra_pipeline.files import replacing
from woopra_pipeline.woopra.log_days import end_of_log_day, start_of_log_day

ROWS_AT_ONCE = 2_048
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Shape(StrEnum):
    """What the rows of a source are."""

    VISITS = "visits"
    """Columns `visitor` and `actions`; any other is a field of the visit."""
    EVENTS = "events"
    """Columns `visitor`, `name`, `time` and, if wanted, `properties`."""
    PROFILES = "profiles"
    """The column `visitor` alone."""


@dataclass(frozen=True)
class Source:
    """One source: its name and its file."""

    name: str
    path: Path

    @property
    def description(self) -> str:
        """The first line of the comment the file begins with; empty if there is none."""
        first = self.path.read_text(encoding="utf-8").lstrip().partition("\n")[0]
        return first.removeprefix("--").strip() if first.startswith("--") else ""


@dataclass(frozen=True)
class Rows:
    """A source's result for one day: its shape, and chunks of its rows.

    Each chunk is a string array without NULLs; a row is a JSON object followed by a comma.
    """

    shape: Shape
    chunks: Iterator[pa.StringArray]


def sources_folder(directory: DataDirectory) -> Path:
    """Where a data directory's sources are."""
    return directory.imports / "sources"


def find_sources(directory: DataDirectory) -> list[Source]:
    """Every source of the data directory, by name."""
    return [
        Source(path.stem, path)
        for path in sorted(sources_folder(directory).glob("*.sql"))
        if _NAME.fullmatch(path.stem)
    ]


def get_source(directory: DataDirectory, name: str) -> Source:
    """The source of that name; raises `SourceError` if there is none."""
    for source in find_sources(directory):
        if source.name == name:
            return source
    raise SourceError(
        f"There is no import source {name!r}: write {sources_folder(directory) / name}.sql, "
        "or copy an example with `woopra-pipeline import --example NAME`"
    )


def example_names() -> list[str]:
    """The names of the sources that come with the package."""
    folder = package_files(__package__) / "examples"
    return sorted(
        entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")
    )


def copy_example(directory: DataDirectory, name: str) -> Path:
    """Copy an example among the sources; returns where it is now.

    Raises `SourceError` if there is no such example, or a source of that name already.
    """
    if name not in example_names():
        raise SourceError(
            f"There is no example {name!r}: the examples are {', '.join(example_names())}"
        )
    path = sources_folder(directory) / f"{name}.sql"
    if path.exists():
        raise SourceError(f"{path} exists already: remove or rename it to have the example")
    example = package_files(__package__) / "examples" / path.name
    with replacing(path) as temporary:
        temporary.write_bytes(example.read_bytes())
    return path


@contextmanager
def read_source(
    directory: DataDirectory, source: Source, log_day: date, *, memory_limit: str
) -> Iterator[Rows]:
    """Run a source for one day, and read its rows as they come.

    Raises `SourceError`, also while rows are read, if it is not one query, cannot be run, or
    returns columns that have no meaning together.
    """
    with _naming(source), _connection(directory, memory_limit) as connection:
        statement = _the_query(connection, source)
        query = _without_semicolon(statement.query)
        parameters = _parameters(log_day, statement.named_parameters, source)
        connection.execute(f"select * from (\n{query}\n) limit 0", parameters)
        columns = {column[0]: str(column[1]) for column in connection.description or ()}
        shape = _shape(columns, source)
        connection.execute(f"select {_row_text(columns)} from (\n{query}\n)", parameters)
        yield Rows(shape, _chunks(connection, source))


def _chunks(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterator[pa.StringArray]:
    with _naming(source):
        for batch in connection.to_arrow_reader(ROWS_AT_ONCE):
            if batch.num_rows:
                yield batch.column(0)


@contextmanager
def _naming(source: Source) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        sentence = str(error).partition("\nLINE ")[0]
        raise SourceError(
            f"The import source {source.path} cannot be run: {' '.join(sentence.split())}"
        ) from error


@contextmanager
def _connection(directory: DataDirectory, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    model = directory.published_model
    has_model = model.exists()
    with duckdb.connect(model if has_model else ":memory:", read_only=has_model) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set memory_limit = ?", [memory_limit])
        connection.execute("set temp_directory = ?", [str(directory.imports / "spill")])
        folders = f"{sources_folder(directory)},{directory.root}"
        connection.execute("set file_search_path = ?", [folders])
        yield connection


def _the_query(connection: duckdb.DuckDBPyConnection, source: Source) -> duckdb.Statement:
    statements = connection.extract_statements(source.path.read_text(encoding="utf-8"))
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise SourceError(
            f"The import source {source.path} must be exactly one query, a select: "
            "what it needs before can stand in a with clause"
        )
    return statements[0]


def _without_semicolon(query: str) -> str:
    # DuckDB's tokens have offsets in bytes, and comments are none.
    text = query.encode()
    tokens = duckdb.tokenize(query)
    while tokens and text[tokens[-1][0] : tokens[-1][0] + 1] == b";":
        text = text[: tokens.pop()[0]]
    return text.decode()


def _parameters(log_day: date, used: set[str], source: Source) -> dict[str, object]:
    known: dict[str, object] = {
        "log_day": log_day,
        "day_start_ms": int(start_of_log_day(log_day).timestamp()) * 1000,
        "day_end_ms": int(end_of_log_day(log_day).timestamp()) * 1000,
    }
    if unknown := used - known.keys():
        raise SourceError(
            f"The import source {source.path} uses the parameter ${min(unknown)}: "
            f"there are only {', '.join(f'${name}' for name in known)}"
        )
    return {name: known[name] for name in used}


def _shape(columns: dict[str, str], source: Source) -> Shape:
    names = columns.keys()
    if {"visitor", "actions"} <= names:
        return Shape.VISITS
    if {"visitor", "name", "time"} <= names <= {"visitor", "name", "time", "properties"}:
        return Shape.EVENTS
    if names == {"visitor"}:
        return Shape.PROFILES
    raise SourceError(
        f"The import source {source.path} returns {', '.join(names)}, which has no meaning: "
        "return visitor and actions (visits; other columns are fields of the visit), "
        "visitor, name, time and properties (events), or visitor alone (profile updates)"
    )


def _row_text(columns: dict[str, str]) -> str:
    """The SQL that makes a row's JSON text; NULL columns are left out."""
    members = ", ".join(
        f"{_literal(_json_string(name) + ':')} || {_value_text(name, kind)}"
        for name, kind in columns.items()
    )
    return f"'{{' || concat_ws(',', {members}) || '}},' as row"


def _value_text(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    text = f"to_json({column})::varchar"
    if name in {"visitor", "actions", "properties"} and kind == "VARCHAR":
        text = f"case when json_valid({column}) then {column} else {text} end"
    return f"case when {column} is not null then {text} end"


def _json_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def row_texts(chunk: pa.StringArray) -> Sequence[str]:
    """The rows of a chunk, each as the text of its JSON object."""
    return [text[:-1] for text in chunk.to_pylist()]


def chunk_text(chunk: pa.StringArray) -> bytes:
    """All rows of a chunk as the text of one JSON array."""
    _, offsets, characters = chunk.buffers()
    width = 8 if pa.types.is_large_string(chunk.type) else 4
    places = memoryview(offsets).cast("q" if width == 8 else "i")
    first, end = places[chunk.offset], places[chunk.offset + len(chunk)]
    return b"[" + memoryview(characters)[first : end - 1].tobytes() + b"]"
