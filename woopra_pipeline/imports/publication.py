"""Makes `imports.duckdb` from the ledger: the imports as users see them.

Like the model, it is written in a private file, and then published as a whole. The lines of a batch
file are read into it once. Their states are read from the ledger again each time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files as package_files
from pathlib import Path

import duckdb
import pyarrow as pa

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import DatabaseDamagedError, LedgerError, UnusableLedgerError
from woopra_pipeline.files import read_json, remove
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.imports.batch_files import BatchFile, read_lines
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.lines import digests
from woopra_pipeline.locks import HeldElsewhereError, held
from woopra_pipeline.model.database import (
    connect,
    connect_published,
    file_stamp,
    is_damage,
    publish,
    transaction,
    write_ahead_log,
)
from woopra_pipeline.model.schema import create_table
from woopra_pipeline.replacing import replace_json, replacing
from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.tables import IMPORT_TABLES

SCHEMA_VERSION = 1
PATIENCE_SECONDS = 600


def publish_imports(ledger: Ledger) -> bool:
    """Update `imports.duckdb` to the ledger; returns whether there was anything new.

    Raises `LedgerError` if a batch file is missing or damaged.
    """
    directory = ledger.directory
    marker = directory.imports / "published.json"
    try:
        with (
            needs_room(directory.imports, "publishing what was imported"),
            held(
                publication_lock(directory),
                ledger.now(),
                patience_seconds=PATIENCE_SECONDS,
            ),
        ):
            # Read first: changes that happen while the rest is read are published the next time.
            shown = {"schema_version": SCHEMA_VERSION, "change_count": ledger.change_count()}
            stamp = file_stamp(directory.published_imports)
            if stamp is not None and read_json(marker) == shown | stamp:
                return False
            try:
                _bring_up(directory, ledger)
            except (DatabaseDamagedError, duckdb.Error) as error:
                if isinstance(error, duckdb.Error) and not is_damage(error):
                    raise
                # Its whole content is in the ledger and the batch files.
                remove(_build_path(directory))
                remove(write_ahead_log(_build_path(directory)))
                _bring_up(directory, ledger)
            publish(_build_path(directory), directory.published_imports)
            replace_json(marker, shown | (file_stamp(directory.published_imports) or {}))
    except HeldElsewhereError as holder:
        raise LedgerError(
            f"{directory.published_imports} is being written by {holder}: "
            "wait for it or end it, then try again"
        ) from None
    return True


def forget_publication(directory: DataDirectory) -> None:
    """Make everything of `imports.duckdb` again the next time; its lock must be held."""
    (directory.imports / "published.json").unlink(missing_ok=True)
    remove(directory.imports / f"build-{SCHEMA_VERSION}.duckdb")


def publication_lock(directory: DataDirectory) -> Path:
    """The lock for writing `imports.duckdb`."""
    return directory.imports / "locks" / "publication"


@contextmanager
def published_afterwards(ledger: Ledger) -> Iterator[None]:
    """Publish the changes of the block, also if it raises, but not from an unusable ledger."""
    try:
        yield
    except (UnusableLedgerError, sqlite3.DatabaseError):
        raise
    except BaseException:
        publish_imports(ledger)
        raise
    publish_imports(ledger)


@contextmanager
def connect_with_imports(
    directory: DataDirectory, *, needs_model: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published model for reading, with `imports` and `import_lines` beside its tables.

    If nothing was ever imported they are empty. Raises `ModelError` if there is no model, unless
    it is not needed and there are imports.
    """
    imports = directory.published_imports
    if imports.exists() and not directory.published_model.exists() and not needs_model:
        _require_whole(imports)
        with connect(imports, read_only=True) as connection:
            yield connection
        return
    with connect_published(directory) as connection:
        if imports.exists():
            ((model,),) = connection.execute("select current_database()").fetchall()
            _require_whole(imports)
            connection.execute(f"attach {literal(str(imports))} as import_ledger (read_only)")
            connection.execute("set search_path = ?", [f"{quoted(model)}.main,import_ledger.main"])
        else:
            for table in IMPORT_TABLES:
                connection.execute(create_table(table).replace("create", "create temp", 1))
        yield connection


def _schema() -> str:
    return (package_files(__package__) / "publication.sql").read_text(encoding="utf-8")


def _require_whole(imports: Path) -> None:
    """Raise `DatabaseDamagedError`, saying what to do, if the file cannot be read."""
    try:
        with connect(imports, read_only=True):
            pass
    except DatabaseDamagedError as error:
        raise DatabaseDamagedError(
            f"{error}; `woopra-pipeline import --verify` makes it again from the ledger"
        ) from error


def _bring_up(directory: DataDirectory, ledger: Ledger) -> None:
    with connect(_build(directory)) as connection, transaction(connection):
        _load(connection, ledger)


def _build_path(directory: DataDirectory) -> Path:
    return directory.imports / f"build-{SCHEMA_VERSION}.duckdb"


def _build(directory: DataDirectory) -> Path:
    """The private file, with the tables of this version."""
    build = _build_path(directory)
    if not build.exists():
        remove(write_ahead_log(build))
        with replacing(build) as temporary:
            temporary.unlink()
            with connect(temporary) as connection, transaction(connection):
                _create(connection)
    return build


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(_schema())
    for table in IMPORT_TABLES:
        connection.execute(f"comment on view {table.name} is {literal(table.comment)}")
        for column in table.columns:
            connection.execute(
                f"comment on column {table.name}.{column.name} is {literal(column.comment)}"
            )


def _load(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    # A ledger that was made again, or came from a backup, may give a file's number to another file.
    connection.execute("create temp table earlier_files as select file_id, path from ledger.files")
    for table, rows in ledger.shown_tables():
        connection.execute(f"truncate ledger.{table}")
        _insert(connection, table, rows)
    connection.execute(
        "delete from ledger.lines where file_id not in "
        "(select file_id from ledger.files join earlier_files using (file_id, path))"
    )
    connection.execute("drop table earlier_files")
    loaded = {
        file_id
        for (file_id,) in connection.execute("select distinct file_id from ledger.lines").fetchall()
    }
    for file_id, file in ledger.files():
        if file_id not in loaded:
            _load_lines(connection, ledger, file_id, file)


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]
) -> None:
    if rows:
        columns = [f"c{number}" for number in range(len(rows[0]))]
        values = pa.table([pa.array(column) for column in zip(*rows, strict=True)], names=columns)
        connection.register("values", values)
        connection.execute(f'insert into ledger.{table} select * from "values"')
        connection.unregister("values")


def _load_lines(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, file_id: int, file: BatchFile
) -> None:
    try:
        contents = read_lines(ledger.directory, file)
    except LedgerError:
        if file_id in {known for known, _ in ledger.files()}:
            raise
        # It was withdrawn in the meantime; the process that did so will publish that.
        return
    lines = pa.table(
        {
            "line": range(len(contents)),
            "key": [key.hex() for key in digests(contents)],
            "content": pa.array(contents, pa.string()),
        }
    )
    connection.register("lines_of_file", lines)
    connection.execute(
        "insert into ledger.lines select ?, line, key, content from lines_of_file", [file_id]
    )
    connection.unregister("lines_of_file")
