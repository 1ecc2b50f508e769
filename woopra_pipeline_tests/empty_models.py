"""The empty model: made once in each process of tests, and copied where a model is built.

Its hundreds of statements take a third of an update that is as small as those of tests.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from woopra_pipeline.model import update

_connect, _create_tables = update.connect, update.create_tables
_copied: duckdb.DuckDBPyConnection | None = None


@cache
def _empty_model() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "empty.duckdb")
        with _connect(path) as connection:
            _create_tables(connection)
        return path.read_bytes()


@contextmanager
def _connect_to_a_copy(path: Path, **options: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    global _copied  # noqa: PLW0603
    is_new = path.name == "build-new.duckdb"
    if is_new:
        path.write_bytes(_empty_model())
    with _connect(path, **options) as connection:
        _copied = connection if is_new else None
        yield connection


def _create_tables_unless_copied(connection: duckdb.DuckDBPyConnection, purge: str = "") -> None:
    if connection is _copied:
        connection.execute("update log.state set purge = ?", [purge])
    else:
        _create_tables(connection, purge)


def copy_empty_models(wanted: bool) -> None:
    """Whether models that are built from nothing in this process begin as a copy."""
    update.connect = _connect_to_a_copy if wanted else _connect
    update.create_tables = _create_tables_unless_copied if wanted else _create_tables
