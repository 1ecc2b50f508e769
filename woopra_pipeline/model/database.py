"""Opening, closing and publishing the model's database: the only place that does any of the three.

DuckDB lets one process write a file, and then nobody else open it. So the model is written in a
private build file, and readers get a copy that is put in place whole by a rename; whoever still
has the earlier copy open keeps reading that one undisturbed.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files as package_files
from pathlib import Path

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ModelError
from woopra_pipeline.files import make_folder, modes, sync


@contextmanager
def connect(
    path: Path, *, read_only: bool = False, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database file at `path`, creating it unless `read_only`; always close it.

    `memory_limit` (`4GB`) lowers what DuckDB takes before it works on disk, by default four fifths
    of the machine. Raises `ModelError` if the file cannot be opened or the limit is none.
    """
    if not read_only:
        make_folder(path.parent)
    try:
        connection = duckdb.connect(path, read_only=read_only)
    except duckdb.Error as error:
        raise ModelError(f"{path} cannot be opened: {str(error).splitlines()[0]}") from error
    with connection:
        connection.execute("set enable_progress_bar = false")
        if memory_limit is not None:
            _limit_memory(connection, memory_limit)
        yield connection


def _limit_memory(connection: duckdb.DuckDBPyConnection, limit: str) -> None:
    try:
        ((wanted, most),) = connection.execute(
            "select parse_formatted_bytes(?), "
            "parse_formatted_bytes(current_setting('memory_limit'))",
            [limit],
        ).fetchall()
    except duckdb.Error as error:
        raise ModelError(f"{limit!r} is no amount of memory: write it like 4GB or 512MB") from error
    connection.execute(f"set memory_limit = '{min(wanted, most)}B'")


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
    with connect(
        directory.published_model, read_only=True, memory_limit=memory_limit
    ) as connection:
        yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does if it ends well, and undo all of it if it raises."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def publish(build: Path, published: Path) -> None:
    """Make a copy of the closed database file `build` the one readers open, whole or not at all.

    The caller holds the model alone, so a copy that a killed process left is simply overwritten.
    """
    snapshot = build.with_name("snapshot.duckdb")
    shutil.copyfile(build, snapshot)
    snapshot.chmod(modes().file)
    sync(snapshot)
    snapshot.replace(published)
    sync(published.parent)


def statements(name: str) -> str:
    """The SQL of `model/sql/NAME.sql`."""
    return (package_files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
