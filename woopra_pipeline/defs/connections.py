"""SQLite as Dagster uses it, made quicker while a run is recorded.

Dagster opens and closes a connection for each record it writes. When the last connection closes,
SQLite copies its write-ahead log into the database, and each commit waits for the disk. So here a
second connection stays open during a run, and commits do not wait. If the machine itself fails, the
last records may be missing, but no database is damaged. The files say what was done.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LOGGED = "wal"
"""The journal mode of these databases. In other modes, an open reader stops writers."""


@contextmanager
def kept_open(folder: Path) -> Iterator[None]:
    """Keep the SQLite databases below `folder` open, each from its first use to the block's end.

    This is about the connections that SQLAlchemy opens in this process, in all threads. Databases
    elsewhere, other kinds, and those that cannot be read are left alone.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    beginning = f"{folder.resolve()}{os.sep}"
    kept: dict[str, sqlite3.Connection] = {}
    changing = threading.Lock()

    def keep(connection: Any, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        path = connection.execute("pragma database_list").fetchone()[2]
        if not path.startswith(beginning):
            return
        # Whoever asked for the connection meets what is wrong with the database, and says so.
        with suppress(sqlite3.Error), changing:
            if path not in kept:
                if connection.execute("pragma journal_mode").fetchone()[0] != LOGGED:
                    return
                kept[path] = sqlite3.connect(path, check_same_thread=False)
                # Until it has read something, SQLite does not count it.
                kept[path].execute("select count(*) from sqlite_master").fetchone()
            connection.execute("pragma synchronous = normal")

    event.listen(Engine, "connect", keep)
    try:
        yield
    finally:
        event.remove(Engine, "connect", keep)
        for connection in kept.values():
            connection.close()
