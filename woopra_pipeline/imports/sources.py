"""Import sources: SQL files whose result is imported. Reads their rows as JSON.

A source runs read-only on the published model, or, without a model, on files only: files below the
data directory, and below the folders in the settings. Its relative paths start at the folder of the
sources, or else at the data directory. The columns that it returns decide its shape. DuckDB makes
one JSON text of the columns of each row; for a plain row, that is the line already.
"""

import os
import re
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib.resources import files as package_files
from pathlib import Path

import duckdb
import pyarrow as pa

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ReadingError, SourceError
from woopra_pipeline.files import make_folder, remove
from woopra_pipeline.imports.plain_rows import (
    Columns,
    NeverPlainError,
    json_text,
    plain_events,
    plain_profiles,
    plain_visits,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.locks import HeldElsewhereError, held
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.reading_sql import lock, require_reading
from woopra_pipeline.replacing import replacing
from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.woopra.log_days import end_of_log_day, start_of_log_day

ROWS_AT_ONCE = 8_192
CHUNKS_IN_ADVANCE = 2
"""How many chunks are made ahead of the reader."""

_working_directory = threading.RLock()
"""The process has only one."""


class Shape(StrEnum):
    """The kind of rows of a source."""

    VISITS = "visits"
    """Columns `visitor` and `actions`; any other is a field of the visit."""
    EVENTS = "events"
    """Columns `visitor`, `name`, `time` and optionally `properties`."""
    PROFILES = "profiles"
    """The column `visitor` alone."""


@dataclass(frozen=True)
class Source:
    """One source: its name and its file."""

    name: str
    path: Path

    @property
    def description(self) -> str:
        """The first line of the comment at the start of the file; empty if there is none."""
        text = self.path.read_text(encoding="utf-8", errors="replace")
        first = text.lstrip().partition("\n")[0]
        return first.removeprefix("--").strip() if first.startswith("--") else ""


@dataclass(frozen=True)
class Rows:
    """A source's result for one day: its shape, and chunks of its rows.

    Their columns are `row`, the text of a JSON object; `is_plain`, which is true if nothing is
    wrong with the row and the text is canonical; and, unless no row can be plain, the columns of
    `PlainRows` for plain rows. A plain event has no `row`.
    """

    shape: Shape
    chunks: Iterator[pa.RecordBatch]


def sources_folder(directory: DataDirectory) -> Path:
    """The folder of a data directory's sources."""
    return directory.imports / "sources"


def find_sources(directory: DataDirectory) -> list[Source]:
    """Every source of the data directory, by name, without hidden files."""
    return [
        Source(path.stem, path)
        for path in sorted(sources_folder(directory).glob("*.sql"))
        if not path.name.startswith(".")
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
    """Copy an example to the folder of sources; returns its path.

    Raises `SourceError` if there is no such example, or a source of that name already.
    """
    if name not in example_names():
        raise SourceError(
            f"There is no example {name!r}: the examples are {', '.join(example_names())}"
        )
    path = sources_folder(directory) / f"{name}.sql"
    if path.exists():
        raise SourceError(f"{path} exists already: remove or rename it to copy the example")
    example = package_files(__package__) / "examples" / path.name
    with replacing(path) as temporary:
        temporary.write_bytes(example.read_bytes())
    return path


@contextmanager
def read_source(
    directory: DataDirectory, source: Source, log_day: date, settings: ImportSettings
) -> Iterator[Rows]:
    """Run a source for one day, and read its rows as they come; the source must be held.

    Meanwhile the working directory is the folder of the sources. So the path of the data directory
    is not part of the relative paths that DuckDB reads, and DuckDB finds no pattern and no hive
    partition in it. Only one thread of a process is in the block at a time.

    Raises `SourceError`, also while rows are read, if it is not one query, cannot be run, or
    returns columns that have no meaning together.
    """
    with _connection(directory, source, settings) as connection:
        with _naming(source, directory):
            statement = _the_query(connection, source)
            query = _without_semicolon(statement.query)
            parameters = _parameters(log_day, statement.named_parameters, source)
            _require_reading(connection, query, parameters, source)
            connection.execute(f"select * from (\n{query}\n) limit 0", parameters)
            columns = {name: kind for name, kind, *_ in connection.description or ()}
            # In a subquery, DuckDB renames columns with the same name.
            described = connection.execute(f"describe\n{query}", parameters).fetchall()
            _require_distinct([name for name, *_ in described], source)
            shape = _shape(columns, source)
            connection.execute(_rows_query(query, columns, shape, settings), parameters)
        with closing(_chunks(connection, source, directory)) as chunks:
            yield Rows(shape, chunks)


def _chunks(
    connection: duckdb.DuckDBPyConnection, source: Source, directory: DataDirectory
) -> Generator[pa.RecordBatch, None, None]:
    """The chunks of the result; a thread makes some of them in advance."""
    with _naming(source, directory), ThreadPoolExecutor(1) as thread:
        reader = connection.to_arrow_reader(ROWS_AT_ONCE)
        coming = deque(thread.submit(next, reader, None) for _ in range(CHUNKS_IN_ADVANCE))
        try:
            while (chunk := coming.popleft().result()) is not None:
                coming.append(thread.submit(next, reader, None))
                if len(chunk):
                    yield chunk
        finally:
            thread.shutdown(cancel_futures=True)


@contextmanager
def _naming(source: Source, directory: DataDirectory) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        sentence = " ".join(str(error).partition("\nLINE ")[0].split())
        # The text before the host in an address may be a password.
        sentence = re.sub(r"://[^/\s]*@", "://…@", sentence)
        if "operations are disabled by configuration" in sentence:
            sentence += (
                f"; sources read files below {directory.root}, and below the folders that "
                "WOOPRA_READ_FOLDERS names"
            )
        if "Table with name" in sentence and not directory.published_model.exists():
            sentence += (
                "; there is no model yet: make one with `woopra-pipeline backfill FROM TO`, or "
                "read only files"
            )
        raise SourceError(f"The import source {source.path} cannot be run: {sentence}") from error


@contextmanager
def _connection(
    directory: DataDirectory, source: Source, settings: ImportSettings
) -> Iterator[duckdb.DuckDBPyConnection]:
    has_model = directory.published_model.exists()
    root, folder = directory.root.resolve(), sources_folder(directory).resolve()
    with (
        _working_directory,
        chdir(folder),
        spilling(directory, source, "rows") as spill,
        connect_published(directory) if has_model else duckdb.connect(":memory:") as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set memory_limit = ?", [settings.memory_limit])
        connection.execute("set temp_directory = ?", [str(spill)])
        # Patterns are searched in the working directory only if it is named.
        connection.execute("set file_search_path = ?", [f".,{os.path.relpath(root, folder)}"])
        lock(connection, [root, folder, *map(Path, settings.read_folders)])
        yield connection


@contextmanager
def spilling(directory: DataDirectory, source: Source, use: str) -> Iterator[Path]:
    """A temporary folder for data that does not fit into memory.

    No two processes may share one; only the holder of the source uses this one.
    """
    spill = directory.imports / "spill"
    folder = spill / f"{source.name}.{use}"
    remove(folder)
    # The last process removes the common folder, perhaps just when another one starts.
    while not folder.exists():
        with suppress(FileNotFoundError):
            make_folder(folder)
    try:
        yield folder
    finally:
        remove(folder)
        with suppress(OSError):
            spill.rmdir()


def remove_abandoned_spills(directory: DataDirectory, now: datetime) -> None:
    """Remove spilled files of killed processes, for sources that nobody holds."""
    spill = directory.imports / "spill"
    for folder in spill.glob("*"):
        source = folder.name.rpartition(".")[0]
        with suppress(HeldElsewhereError), held(source_lock(directory, source), now):
            remove(folder)
    with suppress(OSError):
        spill.rmdir()


def source_lock(directory: DataDirectory, source: str) -> Path:
    """The lock file of a source."""
    return directory.imports / "locks" / f"{source}.lock"


def _the_query(connection: duckdb.DuckDBPyConnection, source: Source) -> duckdb.Statement:
    try:
        text = source.path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SourceError(
            f"The import source {source.path} is not UTF-8: save it with that encoding"
        ) from None
    statements = connection.extract_statements(text)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise SourceError(
            f"The import source {source.path} must be exactly one query, a select: put other steps "
            "into a with clause"
        )
    return statements[0]


def _without_semicolon(query: str) -> str:
    # DuckDB's tokens have offsets in bytes, and comments are none.
    text = query.encode()
    tokens = duckdb.tokenize(query)
    while tokens and text[tokens[-1][0] : tokens[-1][0] + 1] == b";":
        text = text[: tokens.pop()[0]]
    return text.decode()


def _require_reading(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: dict[str, object],
    source: Source,
) -> None:
    try:
        require_reading(connection, query, parameters)
    except ReadingError as error:
        raise SourceError(f"The import source {source.path} only reads: {error}") from None


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


def _require_distinct(names: Sequence[str], source: Source) -> None:
    """Raise `SourceError` if two columns have the same name, apart from upper and lower case."""
    for number, name in enumerate(names):
        if name.lower() in {earlier.lower() for earlier in names[:number]}:
            raise SourceError(
                f"The import source {source.path} returns the column {name} twice: give each "
                "column its own name"
            )


def _shape(columns: Columns, source: Source) -> Shape:
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


def _rows_query(query: str, columns: Columns, shape: Shape, settings: ImportSettings) -> str:
    """The SQL of the rows in the form of `Rows`."""
    row_text = _row_text(columns)
    try:
        plain = _PLAIN_ROWS[shape](columns, settings)
    except NeverPlainError:
        return f"select {row_text} as row, false as is_plain from (\n{query}\n)"
    # Names that no source uses.
    names = {name: f'"${name}$"' for name in plain.columns}
    made = ", ".join(f"{sql} as {names[name]}" for name, sql in plain.columns.items())
    canonical = plain.is_canonical(names, settings)
    line = names.get("row", "null")
    others = "".join(f", {names[name]} as {name}" for name in plain.columns if name != "row")
    return f"""
        select
            case when "$is_plain$" and {canonical} then {line} else {row_text} end as row,
            "$is_plain$" and {canonical} as is_plain{others}
        from (
            select *, {made}, {plain.condition} as "$is_plain$"
            from (\n{query}\n)
        )
    """


_PLAIN_ROWS = {
    Shape.VISITS: plain_visits,
    Shape.EVENTS: plain_events,
    Shape.PROFILES: plain_profiles,
}


def _row_text(columns: Columns) -> str:
    """The SQL that makes a row's JSON text; NULL columns are left out."""
    members = ", ".join(
        f"{literal(json_text(name) + ':')} || {_value_text(name, str(kind))}"
        for name, kind in columns.items()
    )
    return f"'{{' || concat_ws(',', {members}) || '}}'"


def _value_text(name: str, kind: str) -> str:
    column = quoted(name)
    text = f"to_json({column})::varchar"
    if name in {"visitor", "actions", "properties"} and kind == "VARCHAR":
        text = f"case when json_valid({column}) then {column} else {text} end"
    return f"case when {column} is not null then {text} end"
