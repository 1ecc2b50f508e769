"""Dagster's storage without what takes most of its time where runs are as short as in tests.

It waits for the disk with each event, makes an engine for each connection, which then compiles
every statement again, and reads ninety files of migrations whenever an instance is opened or a run
begins. Importing this makes it do each of the last two once in a process, and the first never: what
it records need not survive a power failure here.
"""

from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

MOST_ENGINES = 32


@event.listens_for(Engine, "connect")
def _do_without_durability(connection, _):
    connection.execute("pragma synchronous = off")


_engines: dict[str, Engine] = {}


def _made_once(database: str, **options: Any) -> Engine:
    if database not in _engines:
        while len(_engines) >= MOST_ENGINES:
            del _engines[next(iter(_engines))]
        _engines[database] = create_engine(database, **options)
    return _engines[database]


for storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
    storage.create_engine = _made_once


_directory_of = ScriptDirectory.from_config
_directories: dict[str | None, ScriptDirectory] = {}


def _read_once(config: Config) -> ScriptDirectory:
    location = config.get_main_option("script_location")
    if location not in _directories:
        _directories[location] = _directory_of(config)
    return _directories[location]


ScriptDirectory.from_config = _read_once


def read_migrations() -> None:
    """Read them now, for all processes that are forked from this one."""
    for storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        config = storage.get_alembic_config(storage.__file__)
        ScriptDirectory.from_config(config).as_revision_number("head")
