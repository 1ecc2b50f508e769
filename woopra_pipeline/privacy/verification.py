"""Searches every file below the data directory for erased data, down to single values.

Files are searched as bytes; raw files and batches are decompressed first. In files of Parquet,
DuckDB and SQLite every value is searched too, because values are compressed or cut into pages
there. Lines of erased pids are found by the rule itself. A pid alone is no find, because delete
lines keep their pids.
"""

import html
import json
import multiprocessing
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, quote_plus

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from woopra_pipeline.archive.days import FILE_SUFFIX
from woopra_pipeline.current_day.day_files import FOLDER_PREFIX, LOG_NAME
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.files import make_folder
from woopra_pipeline.lake.days import PARSED, RAW, log_day_of
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.model.database import MAGIC, MAGIC_OFFSET
from woopra_pipeline.parse.parse_day import MOST_PROCESSES
from woopra_pipeline.privacy.persons import ErasedPersons
from woopra_pipeline.privacy.plan import PID, Identifier
from woopra_pipeline.privacy.register import erased_persons
from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.woopra.log_days import log_day_from_text

BLOCK_BYTES = 4 << 20
WORTH_WORKERS_BYTES = 256 << 20
"""From this size on, several processes are faster than one, although they take time to start."""

MOST_EXPRESSIONS = 200
SQLITE_MAGIC = b"SQLite format 3\0"
PARQUET_MAGIC = b"PAR1"
DEEPEST_JSON = 3
SHORTEST_SEARCHED = 3
"""A shorter identifier would be found everywhere."""


@dataclass(frozen=True)
class Find:
    """A find: a path below the data directory, and what was found there."""

    path: str
    what: str


@dataclass(frozen=True)
class Search:
    """The files that a search read, and its finds."""

    file_count: int
    byte_count: int
    finds: tuple[Find, ...]
    unreadable: tuple[str, ...] = ()
    """Files that could not be read, or only as bytes."""
    left_out: tuple[str, ...] = ()
    """What was not searched."""


@dataclass
class _Found:
    finds: list[Find] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Needles:
    """Texts to search for, in every notation in which they may be written."""

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._written: dict[bytes, Identifier] = {}
        self.by_identifier: dict[Identifier, list[str]] = {}
        """The texts to search for in lower-case content."""
        for identifier in identifiers:
            texts = _written(identifier.value)
            self.by_identifier[identifier] = sorted({text.lower() for text in texts})
            for text in texts:
                # In bytes, only ASCII letters are changed to lower case.
                self._written[text.encode("utf-8", "surrogatepass").lower()] = identifier
                self._written[text.lower().encode("utf-8", "surrogatepass")] = identifier
        self.longest = max(map(len, self._written), default=0)

    def __bool__(self) -> bool:
        return bool(self._written)

    def found_in(self, content: bytes) -> set[Identifier]:
        """Those that are in `content`, in upper or lower case."""
        lowered = content.lower()
        return {one for text, one in self._written.items() if text in lowered}


def _written(value: str) -> set[str]:
    """How a text may be written: as it is, in JSON within JSON, in an address, in a page."""
    texts = {value}
    for _ in range(DEEPEST_JSON):
        texts |= {
            json.dumps(text, ensure_ascii=is_ascii)[1:-1]
            for text in texts
            for is_ascii in (True, False)
        }
    return texts | {quote(value, safe=""), quote_plus(value), html.escape(value)}


def search(
    directory: DataDirectory,
    identifiers: Sequence[Identifier],
    *,
    lake: Lake | None = None,
    notify: Callable[[str], None] = lambda message: None,
) -> Search:
    """Search everything below the data directory for identifiers, and for lines of erased pids.

    The files of the embedded Woopra are left out: they belong to the service. With a `lake`, every
    file in it is brought here, one after another, and searched as well. Raises `LakeError` if it
    cannot be reached.
    """
    found = _Found()
    left_out = [directory.sandbox] if directory.sandbox.exists() else []
    sizes = {}
    for path in _files(directory, left_out):
        with suppress(FileNotFoundError):
            sizes[path] = path.stat().st_size
    file_count, byte_count = len(sizes), sum(sizes.values())
    searcher = _Searcher(directory.root, identifiers)
    # The slowest files first.
    paths = sorted(sizes, key=lambda path: -sizes[path])
    for path_found in _search_all(searcher, paths, byte_count):
        found.finds += path_found.finds
        found.unreadable += path_found.unreadable
    found.finds.sort(key=lambda find: find.path)
    found.unreadable.sort()
    needles, persons = searcher.needles, searcher.persons
    notify(f"searched {file_count:,} files as bytes and by their values")
    if lake is not None:
        notify(f"searching the lake {lake.location}")
        with TemporaryDirectory(dir=_made(directory.lake_scratch)) as folder:
            for entry in lake.entries(""):
                file_count, byte_count = file_count + 1, byte_count + entry.size
                path = Path(folder) / Path(entry.name).name
                with path.open("wb") as file, lake.opened(entry.name) as blocks:
                    file.writelines(blocks)
                _search_file(path, lake.uri(entry.name), needles, found)
                if persons:
                    found.finds += _lines_in_lake(lake, entry.name, path, persons, found)
                path.unlink()
    return Search(
        file_count,
        byte_count,
        tuple(found.finds),
        tuple(found.unreadable),
        tuple(path.relative_to(directory.root).as_posix() for path in left_out),
    )


class _Searcher:
    """Searches single files of a data directory, given by its root."""

    def __init__(self, root: Path, identifiers: Sequence[Identifier]) -> None:
        self.root = root
        self.identifiers = identifiers
        self.needles = Needles(one for one in identifiers if one.key != PID)
        named = [one.value for one in identifiers if one.key == PID]
        self.persons = erased_persons(DataDirectory(root)).and_all_of(named)

    def search(self, path: Path) -> _Found:
        """The finds in a file, and the number of lines that R10 erases."""
        found = _Found()
        with suppress(FileNotFoundError):
            _search_file(path, path.relative_to(self.root).as_posix(), self.needles, found)
            if self.persons:
                found.finds += _lines_of(self.root, path, self.persons, found)
        return found


_searchers: list[_Searcher] = []
"""The searcher of a worker process."""


def _search_all(searcher: _Searcher, paths: Sequence[Path], byte_count: int) -> Iterator[_Found]:
    """The finds of each file, in any order; large files are shared among processes."""
    if byte_count < WORTH_WORKERS_BYTES:
        yield from map(searcher.search, paths)
        return
    with ProcessPoolExecutor(
        min(os.cpu_count() or 1, MOST_PROCESSES, len(paths)),
        multiprocessing.get_context("spawn"),
        _begin,
        (searcher.root, searcher.identifiers),
    ) as pool:
        yield from pool.map(_search_one, paths)


def _begin(root: Path, identifiers: Sequence[Identifier]) -> None:
    _searchers.append(_Searcher(root, identifiers))


def _search_one(path: Path) -> _Found:
    return _searchers[0].search(path)


def search_runs(directory: DataDirectory, identifiers: Sequence[Identifier]) -> tuple[Find, ...]:
    """Where Dagster's records in the data directory contain identifiers, which version 0.1 kept.

    Identifiers that are too short are not searched for.
    """
    needles = Needles(
        one for one in identifiers if one.key != PID and len(one.value) >= SHORTEST_SEARCHED
    )
    found = _Found()
    for path in sorted(directory.dagster.rglob("*")):
        if path.is_file():
            with suppress(FileNotFoundError):
                _search_file(path, path.relative_to(directory.root).as_posix(), needles, found)
    return tuple(found.finds)


def _files(directory: DataDirectory, left_out: Sequence[Path]) -> Iterator[Path]:
    for path in sorted(directory.root.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(other) for other in left_out):
            yield path


def _search_file(path: Path, name: str, needles: Needles, found: _Found) -> None:
    if not needles:
        return
    with path.open("rb") as file:
        head = file.read(MAGIC_OFFSET + len(MAGIC) + len(SQLITE_MAGIC))
    values: Iterator[tuple[str, str]] = iter(())
    if path.name.endswith(".zst"):
        values = _decompressed(path, needles)
    elif head.startswith(PARQUET_MAGIC):
        values = _in_parquet(path, needles)
    elif head.startswith(SQLITE_MAGIC):
        values = _in_sqlite(path, needles)
    elif head[MAGIC_OFFSET:].startswith(MAGIC):
        values = _in_duckdb(path, needles)
    places: Counter[tuple[str, str]] = Counter()
    for needle in _in_bytes(path, needles):
        places[needle, "its bytes"] += 1
    try:
        places.update(values)
    except (OSError, pa.ArrowException, sqlite3.Error, duckdb.Error) as error:
        found.unreadable.append(f"{name} ({' '.join(str(error).split())[:120]})")
    found.finds += [
        Find(name, f"the {needle} in {place}" + (f", {count} times" if count > 1 else ""))
        for (needle, place), count in places.items()
    ]


def _in_bytes(path: Path, needles: Needles) -> set[str]:
    with path.open("rb") as file:
        return _in_blocks(iter(lambda: file.read(BLOCK_BYTES), b""), needles)


def _decompressed(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        for needle in _in_blocks(iter(lambda: stream.read(BLOCK_BYTES), b""), needles):
            yield needle, "its lines"


def _in_blocks(blocks: Iterator[bytes], needles: Needles) -> set[str]:
    found: set[str] = set()
    end = b""
    for block in blocks:
        found |= {one.key for one in needles.found_in(end + block)}
        end = block[-needles.longest :]
    return found


def _in_parquet(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    """The finds in the values of columns. Each distinct value is read once."""
    schema = pq.read_schema(path)
    columns = [field.name for field in schema if pa.types.is_string(field.type)]
    file = pq.ParquetFile(path, read_dictionary=columns)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=columns, use_threads=False)
        for name, column in zip(table.column_names, table.columns, strict=True):
            for chunk in column.chunks:
                values = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
                for key in _in_values(values, needles):
                    yield key, f"the column {name}"


def _in_values(values: pa.StringArray, needles: Needles) -> Iterator[str]:
    """The keys of identifiers that occur in the texts."""
    content = values.buffers()[2]
    if content is None:
        return
    text = content.to_pybytes()
    if not text.isascii():
        values = pc.utf8_lower(values)
        text = values.buffers()[2].to_pybytes()
    for identifier in needles.found_in(text):
        # A find must not begin in one text and end in the next.
        if any(
            pc.any(pc.match_substring(values, one, ignore_case=True)).as_py()
            for one in needles.by_identifier[identifier]
        ):
            yield identifier.key


def _in_sqlite(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        for (table,) in tables.fetchall():
            name = table.decode()
            for row in connection.execute(f"select * from {quoted(name)}"):
                content = b"\n".join(value for value in row if isinstance(value, bytes))
                for one in needles.found_in(content):
                    yield one.key, f"the table {name}"


def _in_duckdb(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach {literal(str(path))} as searched (read_only)")
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "join duckdb_tables() using (database_name, schema_name, table_name) "
            "where database_name = 'searched' and data_type in ('VARCHAR', 'JSON')"
        ).fetchall()
        by_table: dict[tuple[str, str], list[str]] = {}
        for schema, table, column in columns:
            by_table.setdefault((schema, table), []).append(column)
        for (schema, table), names in by_table.items():
            relation = f"searched.{quoted(schema)}.{quoted(table)}"
            for key, name in _in_table(connection, relation, names, needles):
                yield key, f"{schema}.{table}.{name}"


def _in_table(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], needles: Needles
) -> Iterator[tuple[str, str]]:
    """The keys of identifiers that occur in the values of columns, and these values.

    In one pass.
    """
    wanted = [(one, column) for one in needles.by_identifier for column in columns]
    for start in range(0, len(wanted), MOST_EXPRESSIONS):
        some = wanted[start : start + MOST_EXPRESSIONS]
        conditions = []
        parameters = []
        for identifier, column in some:
            texts = needles.by_identifier[identifier]
            value = f"lower({quoted(column)}::varchar)"
            conditions.append(f"bool_or({' or '.join(f'contains({value}, ?)' for _ in texts)})")
            parameters += texts
        ((*are_there,),) = connection.execute(
            f"select {', '.join(conditions)} from {relation}", parameters
        ).fetchall()
        for (identifier, column), is_there in zip(some, are_there, strict=True):
            if is_there:
                yield identifier.key, column


def _lines_of(root: Path, path: Path, persons: ErasedPersons, found: _Found) -> Iterator[Find]:
    """Lines that R10 erases in a raw file, in any manifest or none, or in the current day's."""
    name = path.relative_to(root)
    is_raw = name.parts[0] == RAW.folder.name and name.match("*/*/*.zst")
    if is_raw or name.match(f"{PARSED}/*/{FOLDER_PREFIX}*/{LOG_NAME}"):
        with suppress(ConfigurationError):
            log_day = log_day_from_text(name.parts[1])
            count = _count(path, log_day, persons, found)
            if count:
                yield Find(name.as_posix(), f"{count:,} lines of erased persons")


def _lines_in_lake(
    lake: Lake, name: str, path: Path, persons: ErasedPersons, found: _Found
) -> Iterator[Find]:
    """Lines that R10 erases in a file of the lake, which was brought to `path`."""
    folder, *rest = name.split("/")
    log_day = log_day_of(rest[0]) if folder == RAW.folder.name and rest else None
    if log_day is not None and name.endswith(FILE_SUFFIX):
        count = _count(path, log_day, persons, found)
        if count:
            yield Find(lake.uri(name), f"{count:,} lines of erased persons")


def _made(folder: Path) -> Path:
    make_folder(folder)
    return folder


def _count(path: Path, log_day: date, persons: ErasedPersons, found: _Found) -> int:
    try:
        with pa.input_stream(path) as stream:
            return persons.count(stream, log_day)
    except (OSError, pa.ArrowException) as error:
        found.unreadable.append(f"{path.name} ({error})")
        return 0
