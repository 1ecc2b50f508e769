"""While a run is recorded, its databases stay open; afterwards nothing of that is left."""

import sqlite3

import pytest
from dagster import DagsterRunStatus, Definitions, asset
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from woopra_pipeline.defs.connections import kept_open
from woopra_pipeline.defs.in_process import execute
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import command_line


def make_database(path, mode="wal"):
    path.parent.mkdir(exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
        connection.execute("create table numbers (number integer)")
    connection.close()
    return path


def write(path):
    """Write once, as Dagster does; returns how such a connection waits for the disk."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("insert into numbers values (1)"))
        return connection.execute(text("pragma synchronous")).scalar_one()


def log_of(path):
    """The file in which SQLite keeps what was committed, until the last connection is closed."""
    return path.with_name(f"{path.name}-wal")


AT_CHECKPOINTS, ALWAYS = 1, 2


@pytest.fixture(autouse=True)
def _waits_always():
    """As SQLite is without being asked; other tests do without."""

    def wait(connection, _):
        connection.execute("pragma synchronous = full")

    event.listen(Engine, "connect", wait)
    yield
    event.remove(Engine, "connect", wait)


def test_a_database_stays_open_to_the_end_of_the_block(tmp_path):
    path = make_database(tmp_path / "index.db")
    with kept_open(tmp_path):
        assert write(path) == AT_CHECKPOINTS
        assert log_of(path).exists()
        with sqlite3.connect(path) as other:
            assert other.execute("select count(*) from numbers").fetchone() == (1,)
        other.close()
    assert not log_of(path).exists()
    assert write(path) == ALWAYS
    assert not log_of(path).exists()


def test_a_database_elsewhere_is_left_alone(tmp_path):
    path = make_database(tmp_path / "other" / "index.db")
    with kept_open(tmp_path / "own"):
        assert write(path) == ALWAYS
        assert not log_of(path).exists()


def test_a_database_without_a_log_is_left_alone(tmp_path):
    path = make_database(tmp_path / "index.db", mode="delete")
    with kept_open(tmp_path):
        assert write(path) == ALWAYS
        assert write(path) == ALWAYS


def test_a_damaged_database_is_told_by_whoever_uses_it(tmp_path):
    path = tmp_path / "index.db"
    path.write_bytes(b"no database" * 100)
    with kept_open(tmp_path), pytest.raises(DatabaseError, match="not a database"):
        write(path)


@asset
def something():
    pass


def test_a_run_of_the_command_line_keeps_its_databases_open(project):
    folder = project.directory.dagster
    logs = set()
    definitions = Definitions(assets=[something], jobs=[command_line])
    with open_instance(project.directory) as instance:
        execute(
            definitions,
            instance,
            project.directory,
            [something.key],
            [],
            config={},
            listen=lambda _: logs.update(path.name for path in folder.rglob("*.db-wal")),
        )
        (run,) = instance.get_runs()
        assert logs >= {"index.db-wal", f"{run.run_id}.db-wal"}
        assert not [*folder.rglob("*.db-wal")]
    with open_instance(project.directory) as instance:
        assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.SUCCESS
        assert instance.get_latest_materialization_event(something.key).run_id == run.run_id
