"""A search for what was erased: every file below the data directory, down to the values in it.

Files are searched as bytes, raw files and batches decompressed. Of Parquet files, of DuckDB's and
of SQLite's every value is looked at as well, for they are compressed or cut into pages there.
Lines of erased pids are looked for by the rule itself: a pid alone is no find, for delete lines
keep theirs.
"""

import html
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, quote_plus

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from woopra_pipeline.archive.days import FILE_SUFFIX
from woopra_pipeline.current_day.day_files import FOLDER_PREFIX, LOG_NAME
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.files import make_folder
from woopra_pipeline.lake.days import RAW, log_day_of
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.model.database import MAGIC, MAGIC_OFFSET
from woopra_pipeline.privacy.persons import ErasedPersons
from woopra_pipeline.privacy.plan import PID, Identifier
from woopra_pipeline.privacy.register import erased_persons
from woopra_pipeline.sql_text import literal, quoted, read_parquet
from woopra_pipeline.woopra.log_days import log_day_from_text

BLOCK_BYTES = 4 << 20
SQLITE_MAGIC = b"SQLite format 3\0"
PARQUET_MAGIC = b"PAR1"
DEEPEST_JSON = 3
SHORTEST_SEARCHED = 3
"""A shorter identifier is found everywhere, and says nothing."""


@dataclass(frozen=True)
class Find:
    """Where something was found: a path below the data directory, and what it is there."""

    path: str
    what: str


@dataclass(frozen=True)
class Search:
    """What a search looked at, and what it found."""

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
    """Texts to look for, in every way in which they may be written."""

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._written: dict[bytes, Identifier] = {}
        self.by_identifier: dict[Identifier, list[str]] = {}
        """The texts to look for in what is in lower case."""
        for identifier in identifiers:
            texts = _written(identifier.value)
            self.by_identifier[identifier] = sorted({text.lower() for text in texts})
            for text in texts:
                # Of bytes only the letters of ASCII are brought to lower case.
                self._written[text.encode("utf-8", "surrogatepass").lower()] = identifier
                self._written[text.lower().encode("utf-8", "surrogatepass")] = identifier
        self.longest = max(map(len, self._written), default=0)

    def __bool__(self) -> bool:
        return bool(self._written)

    def found_in(self, content: bytes) -> set[Identifier]:
        """Those that are in `content`, in capitals or not."""
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

    What the embedded Woopra keeps is left out: it stands for the service. With a `lake`, every file
    in it is brought here, one after another, and searched as well. Raises `LakeError` if it cannot
    be reached.
    """
    needles = Needles(one for one in identifiers if one.key != PID)
    found = _Found()
    left_out = [directory.sandbox] if directory.sandbox.exists() else []
    file_count = byte_count = 0
    named = [one.value for one in identifiers if one.key == PID]
    persons = erased_persons(directory).and_all_of(named)
    for path in _files(directory, left_out):
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            file_count, byte_count = file_count + 1, byte_count + size
            _search_file(path, path.relative_to(directory.root).as_posix(), needles, found)
    notify(f"searched {file_count:,} files as bytes and by their values")
    if persons:
        found.finds += _lines_of(directory, persons, found)
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


def search_runs(directory: DataDirectory, identifiers: Sequence[Identifier]) -> tuple[Find, ...]:
    """Where Dagster's records in the data directory hold identifiers: versions before kept values.

    Identifiers that are too short to say anything are not looked for.
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
    schema = pq.read_schema(path)
    columns = [field.name for field in schema if pa.types.is_string(field.type)]
    with duckdb.connect() as connection:
        for column in columns:
            for key in _in_column(connection, read_parquet([path]), column, needles):
                yield key, f"the column {column}"


def _in_column(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str, needles: Needles
) -> Iterator[str]:
    """The keys of the identifiers that are in the values of a column."""
    for identifier, texts in needles.by_identifier.items():
        condition = " or ".join("contains(lower(text), ?)" for _ in texts)
        ((is_there,),) = connection.execute(
            f"select count(*) > 0 from (select {quoted(column)}::varchar as text from {relation}) "
            f"where {condition}",
            list(texts),
        ).fetchall()
        if is_there:
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
        connection.execute(f"attach {literal(str(path))} as searched (read_only)")
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "join duckdb_tables() using (database_name, schema_name, table_name) "
            "where database_name = 'searched' and data_type in ('VARCHAR', 'JSON')"
        ).fetchall()
        for schema, table, column in columns:
            relation = f"searched.{quoted(schema)}.{quoted(table)}"
            for key in _in_column(connection, relation, column, needles):
                yield key, f"{schema}.{table}.{column}"


def _lines_of(directory: DataDirectory, persons: ErasedPersons, found: _Found) -> Iterator[Find]:
    """Lines that R10 takes and that are there: in every raw file, named by a manifest or not."""
    current = directory.parsed.glob(f"*/{FOLDER_PREFIX}*/{LOG_NAME}")
    for path in sorted([*directory.raw.glob("*/*.zst"), *current]):
        with suppress(ConfigurationError):
            log_day = log_day_from_text(path.relative_to(directory.root).parts[1])
            count = _count(path, log_day, persons, found)
            if count:
                name = path.relative_to(directory.root).as_posix()
                yield Find(name, f"{count:,} lines of erased persons")


def _lines_in_lake(
    lake: Lake, name: str, path: Path, persons: ErasedPersons, found: _Found
) -> Iterator[Find]:
    """Lines that R10 takes in a file of the lake, which was brought to `path`."""
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
