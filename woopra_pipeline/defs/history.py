"""What Dagster recorded of persons: found in its storage, be it SQLite or Postgres, and deleted.

Earlier versions kept previews of tables with values in them. A preview shows whole rows, so it is
not enough to overwrite an email in it. Runs whose records name a person are deleted, by Dagster's
own functions. Then what these leave in its tables is deleted. No code asks the history what was
done.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dagster import DagsterError, DagsterInstance
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage
from sqlalchemy import (
    JSON,
    Column,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    and_,
    delete,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.errors import RunStorageError
from woopra_pipeline.privacy.plan import Identifier
from woopra_pipeline.privacy.verification import SQLITE_MAGIC, Needles, search_runs
from woopra_pipeline.sql_text import quoted

HOME_VARIABLE = "DAGSTER_HOME"
ROWS_AT_ONCE = 1000
SHARDS = "dagster/history/runs/"
"""Where, below the data directory, runs have databases of their own in SQLite."""

Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Forgotten:
    """How many runs, and other records and files, were deleted; and what was found and is there."""

    run_count: int = 0
    record_count: int = 0
    left: tuple[str, ...] = ()


def other_home(directory: DataDirectory) -> str | None:
    """The folder that `DAGSTER_HOME` names, if it is elsewhere than `directory`."""
    home = os.environ.get(HOME_VARIABLE)
    if not home or Path(home).resolve().is_relative_to(directory.root.resolve()):
        return None
    return home


@contextmanager
def open_other_home(home: str) -> Iterator[DagsterInstance]:
    """The instance of a DAGSTER_HOME; raises `RunStorageError` if its storage cannot be used."""
    try:
        with DagsterInstance.from_config(home) as instance:
            yield instance
    except (DagsterError, SQLAlchemyError, ImportError) as error:
        raise RunStorageError(
            f"Dagster's records of {HOME_VARIABLE} {home} cannot be used "
            f"({' '.join(str(error).split())[:200]}): see that its storage can be reached from "
            "here, then do the same again"
        ) from error


def forget_runs(directory: DataDirectory, identifiers: Sequence[Identifier]) -> Forgotten:
    """Delete what Dagster recorded of somebody, in the data directory and of `DAGSTER_HOME`.

    Raises `RunStorageError` if a storage cannot be used.
    """
    needles = Needles(identifiers)
    forgotten = Forgotten()
    found = {find.path for find in search_runs(directory, identifiers)}
    if found:
        run_ids = {
            path.removeprefix(SHARDS).partition(".db")[0]
            for path in found
            if path.startswith(SHARDS)
        }
        with open_instance(directory) as instance:
            forgotten = forget_in_history(instance, needles, run_ids - {INDEX_SHARD_NAME})
        found = {find.path for find in search_runs(directory, identifiers)}
        for path in [path for path in found if _is_of_a_run(directory, path)]:
            (directory.root / path).unlink(missing_ok=True)
            found.remove(path)
            forgotten = replace(forgotten, record_count=forgotten.record_count + 1)
    left = [*forgotten.left, *sorted(found)]
    home = other_home(directory)
    if home is not None:
        with open_other_home(home) as instance:
            other = forget_in_history(instance, needles)
            left += [
                *other.left,
                *(f"{home}, table {name}" for name in search_history(instance, needles)),
            ]
            forgotten = Forgotten(
                forgotten.run_count + other.run_count,
                forgotten.record_count + other.record_count,
            )
    return replace(forgotten, left=tuple(dict.fromkeys(left)))


def _is_of_a_run(directory: DataDirectory, path: str) -> bool:
    """Whether a file is what a run wrote or stored, and no database or setting of the instance."""
    whole = directory.root / path
    with whole.open("rb") as file:
        is_database = file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    return not is_database and whole.parent != directory.dagster


def search_history(instance: DagsterInstance, needles: Needles) -> list[str]:
    """The tables of an instance's storage in which something is found, by their names."""
    found = set()
    for connect in _connections(instance):
        with connect() as connection:
            found |= {table.name for table, _ in _rows_with(connection, needles)}
    return sorted(found)


def forget_in_history(
    instance: DagsterInstance, needles: Needles, run_ids: Iterable[str] = ()
) -> Forgotten:
    """Delete the runs whose records name somebody, `run_ids` among them, and what these leave.

    No deleted byte stays in the storage's files. Runs that are still going on stay.
    """
    found = set(run_ids)
    for connect in _connections(instance):
        with connect() as connection:
            found |= {
                row.run_id
                for table, row in _rows_with(connection, needles)
                if "run_id" in table.columns and row.run_id
            }
    found.discard(RUNLESS_RUN_ID)
    unfinished = []
    for run_id in sorted(found):
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            unfinished.append(run_id)
        else:
            instance.delete_run(run_id)
    record_count = 0
    for connect in _connections(instance):
        with connect() as connection:
            record_count += _delete_rows(connection, needles, unfinished)
        _leave_nothing_deleted(connect)
    for connect in _of_runs(instance, found.difference(unfinished)):
        _leave_nothing_deleted(connect)
    return Forgotten(
        len(found) - len(unfinished),
        record_count,
        tuple(f"run {run_id}, which is still going on" for run_id in unfinished),
    )


def _connections(instance: DagsterInstance) -> list[Connect]:
    """What opens the databases of an instance; in SQLite, runs have others besides.

    Events without a run are in such a one, too.
    """
    connections = [*_of_runs(instance, [RUNLESS_RUN_ID])]
    if isinstance(instance.run_storage, SqlRunStorage):
        connections.append(instance.run_storage.connect)
    if isinstance(instance.event_log_storage, SqlEventLogStorage):
        connections.append(instance.event_log_storage.index_connection)
    if isinstance(instance.schedule_storage, SqlScheduleStorage):
        connections.append(instance.schedule_storage.connect)
    return connections


def _of_runs(instance: DagsterInstance, run_ids: Iterable[str]) -> Iterator[Connect]:
    """What opens the databases that single runs have in SQLite."""
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for run_id in run_ids:
            if Path(storage.path_for_shard(run_id)).exists():
                yield partial(storage.run_connection, run_id)


def _rows_with(connection: Connection, needles: Needles) -> Iterator[tuple[Table, Row[Any]]]:
    """The rows of all tables with a text in which something is found."""
    for table in _tables(connection):
        texts = _texts(table)
        if not texts:
            continue
        for row in _rows(connection, table):
            if any(_is_in(row._mapping[column], needles) for column in texts):
                yield table, row


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    """All rows of a table; of those that are numbered, some at a time."""
    numbers = table.columns.get("id")
    if numbers is None or not isinstance(numbers.type, Integer):
        yield from connection.execute(select(table)).fetchall()
        return
    query = select(table).order_by(numbers).limit(ROWS_AT_ONCE)
    rows = connection.execute(query).fetchall()
    while rows:
        yield from rows
        rows = connection.execute(query.where(numbers > rows[-1]._mapping[numbers])).fetchall()


def _tables(connection: Connection) -> list[Table]:
    names = inspect(connection).get_table_names()
    return [Table(name, MetaData(), autoload_with=connection) for name in sorted(names)]


def _texts(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, String | JSON)]


def _is_in(value: object, needles: Needles) -> bool:
    if value is None:
        return False
    content = value if isinstance(value, str) else json.dumps(value)
    return bool(needles.found_in(content.encode("utf-8", "surrogatepass")))


def _delete_rows(connection: Connection, needles: Needles, kept_runs: Sequence[str]) -> int:
    """Delete the rows that are left, those of runs that are kept aside; returns how many.

    Where only what is optional names somebody, as in what an asset did last, the row stays.
    """
    rows = [
        (table, row)
        for table, row in _rows_with(connection, needles)
        if "run_id" not in table.columns or row.run_id not in kept_runs
    ]
    for table, row in rows:
        named = [one for one in _texts(table) if _is_in(row._mapping[one], needles)]
        is_row = and_(
            *(
                column.is_not_distinct_from(row._mapping[column])
                for column in table.primary_key.columns or _texts(table)
            )
        )
        if all(column.nullable for column in named):
            connection.execute(update(table).where(is_row).values(dict.fromkeys(named)))
        else:
            connection.execute(delete(table).where(is_row))
    return len(rows)


def _leave_nothing_deleted(connect: Connect) -> None:
    """Let a database give up the space of what was deleted from it."""
    with connect() as connection:
        engine = connection.engine
        is_postgres = connection.dialect.name == "postgresql"
        names = [table.name for table in _tables(connection)] if is_postgres else []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if is_postgres:
            for name in names:
                connection.execute(text(f"vacuum full {quoted(name)}"))
        else:
            connection.execute(text("vacuum"))
            connection.execute(text("pragma wal_checkpoint(truncate)"))
