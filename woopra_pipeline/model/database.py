"""Opens, closes and publishes the model's database: the only module that does so.

DuckDB lets nobody open a file that a process writes. So the model is written in a private build
file, and readers get a copy, which replaces the earlier copy in one step by a rename. A reader that
has the earlier copy open can go on reading it.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files as package_files
from pathlib import Path

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import DatabaseDamagedError, DatabaseHeldError, ModelError
from woopra_pipeline.files import make_folder, modes, read_json, remove, sync

MEMORY_LIMIT = "4GB"
"""How much memory DuckDB takes for an update before it uses the disk."""

STORAGE_VERSION = "v1.5.0"
"""The storage format of new files, for DuckDB 1.5 and later: faster to write than older formats."""

MAGIC_OFFSET, MAGIC = 8, b"DUCK"
"""What every DuckDB file has at its beginning."""

DAMAGE = (
    "Corrupt",
    "Could not read enough bytes",
    "encrypted",
    "FATAL Error",
    "INTERNAL Error",
    "not a valid DuckDB database file",
    "replaying WAL",
    "Serialization Error",
    "version number",
)
"""Parts of DuckDB's messages for a file that is damaged, or that it cannot read."""


@contextmanager
def connect(
    path: Path, *, read_only: bool = False, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database file at `path`, creating it unless `read_only`; always close it.

    If the block ends without an error, everything that it committed is in the file itself, so the
    file can be copied. `memory_limit` (`4GB`) is the memory that DuckDB takes before it uses the
    disk; the default is four fifths of the machine's memory. Raises `DatabaseHeldError` at once if
    another process has the file open, and names it; `DatabaseDamagedError` if the file is damaged
    or no database; and `ModelError` if it cannot be opened for another reason, or the limit is
    wrong.
    """
    if not read_only:
        make_folder(path.parent)
    _require_database(path)
    try:
        # If one process opens a file twice, the settings must be the same both times.
        connection = duckdb.connect(
            path,
            read_only=read_only,
            config={} if read_only else {"storage_compatibility_version": STORAGE_VERSION},
        )
    except duckdb.Error as error:
        raise _why_not_opened(path, error) from error
    with connection:
        connection.execute("set enable_progress_bar = false")
        if memory_limit is not None:
            _limit_memory(connection, memory_limit)
        if not read_only:
            _limit_threads(connection)
        yield connection
        if not read_only:
            # Closing the database does this too, but raises no error if there is no room.
            connection.execute("checkpoint")


def _require_database(path: Path) -> None:
    """Raise `DatabaseDamagedError` if there is a file that DuckDB never wrote.

    For files of some other kinds, DuckDB would look for an extension.
    """
    if path.is_file():
        with path.open("rb") as file:
            if file.read(MAGIC_OFFSET + len(MAGIC))[MAGIC_OFFSET:] != MAGIC:
                raise DatabaseDamagedError(f"{path} is damaged: it is not a DuckDB database")


def _why_not_opened(path: Path, error: duckdb.Error) -> ModelError:
    sentence = str(error).splitlines()[0]
    if holder := re.search(r"Conflicting lock is held in (.*) \(PID (\d+)\)", sentence):
        program, process = holder.groups()
        return DatabaseHeldError(
            f"{path} is held open by process {process} ({program}): "
            "close it there or end that process, then try again"
        )
    if "Could not set lock" in sentence:
        return DatabaseHeldError(
            f"{path} is held open by another process: close it there, then try again ({sentence})"
        )
    if is_damage(error):
        return DatabaseDamagedError(f"{path} is damaged: {sentence}")
    return ModelError(f"{path} cannot be opened: {sentence}")


def is_damage(error: duckdb.Error) -> bool:
    """Whether an error means that a database is damaged, or not one of ours."""
    return isinstance(error, duckdb.CatalogException | duckdb.BinderException) or any(
        words in str(error) for words in DAMAGE
    )


def _limit_memory(connection: duckdb.DuckDBPyConnection, limit: str) -> None:
    try:
        ((wanted, most),) = connection.execute(
            "select parse_formatted_bytes(?), "
            "parse_formatted_bytes(current_setting('memory_limit'))",
            [limit],
        ).fetchall()
    except duckdb.Error as error:
        raise ModelError(
            f"{limit!r} is not an amount of memory: write it like 4GB or 512MB"
        ) from error
    connection.execute(f"set memory_limit = '{min(wanted, most)}B'")


def _limit_threads(connection: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB write with half of its threads: with one, if there are two.

    Rows of several threads that must be in order are merged once more, and so are their groups. Two
    threads take nearly twice the processor time of one, and nearly the same time by the clock.
    """
    ((threads,),) = connection.execute("select current_setting('threads')").fetchall()
    connection.execute(f"set threads = {max(1, threads // 2)}")


@contextmanager
def connect_published(
    directory: DataDirectory, *, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published model for reading, as of the moment of the call.

    `memory_limit` is that of `connect`. Raises `ModelError` if nothing has been published yet.
    """
    if not directory.published_model.exists():
        raise ModelError(
            f"there is no model yet at {directory.published_model}: "
            "run `woopra-pipeline backfill FROM TO`, or `woopra-pipeline demo`"
        )
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(
                connect(directory.published_model, read_only=True, memory_limit=memory_limit)
            )
        except DatabaseDamagedError as error:
            raise DatabaseDamagedError(
                f"{error}; the next update of the model puts a whole one in its place: "
                "run `woopra-pipeline backfill FROM TO` for any log day"
            ) from error
        yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit the changes of the block, or undo all of them if it raises."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def publish(build: Path, published: Path) -> None:
    """Publish a copy of the closed database file `build` for readers, whole or not at all.

    The caller holds the lock of the model, so a copy that a killed process left is simply
    overwritten. An existing file `published` is replaced, even if it is damaged or open elsewhere.
    """
    snapshot = build.with_name("snapshot.duckdb")
    remove(snapshot)
    shutil.copyfile(build, snapshot)
    snapshot.chmod(modes().file)
    sync(snapshot)
    # DuckDB would take a journal of the earlier file for a part of the new one.
    write_ahead_log(published).unlink(missing_ok=True)
    snapshot.replace(published)
    sync(published.parent)


def write_ahead_log(path: Path) -> Path:
    """The file in which DuckDB keeps changes that are not in the database file at `path` yet."""
    return path.with_name(f"{path.name}.wal")


def file_stamp(path: Path) -> dict[str, int] | None:
    """The size in bytes and the time of the last change of a file, to recognise it later.

    None if there is no file.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def published_marker(directory: DataDirectory) -> Path:
    """The file that says which state of the model was published, and the stamp of its file."""
    return directory.model / "published.json"


def is_as_published(directory: DataDirectory) -> bool:
    """Whether the published model is still the file that was published, as far as is known.

    Nothing is known of one that an earlier version published.
    """
    marker = read_json(published_marker(directory))
    stamp = file_stamp(directory.published_model)
    return not isinstance(marker, dict) or stamp is None or marker.items() >= stamp.items()


def statements(name: str) -> str:
    """The SQL of `model/sql/NAME.sql`."""
    return (package_files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
