"""The base of all subjects of the ledger: its connection, its transactions, and its clock."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

from woopra_pipeline.clock import Clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.ledger.lost import LEDGER_NAME


class Connected:
    """The ledger of a data directory, with a connection that has its tables."""

    def __init__(
        self, directory: DataDirectory, connection: sqlite3.Connection, clock: Clock
    ) -> None:
        self.directory = directory
        self.path = directory.imports / LEDGER_NAME
        self.connection = connection
        self._clock = clock

    def now(self) -> datetime:
        """The time of the ledger's clock."""
        return self._clock()

    @contextmanager
    def transaction(self, kind: Literal["immediate", "deferred"] = "immediate") -> Iterator[None]:
        """Commit the changes of the block, durably, or undo all of them if it raises.

        A deferred transaction is for temporary tables only: no other process has to wait for it.
        """
        self.connection.execute(f"begin {kind}")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def count_change(self) -> None:
        """Count, within a transaction, that the ledger has changed."""
        self.connection.execute("update changes set change_count = change_count + 1")

    def change_count(self) -> int:
        """How often the ledger has changed so far."""
        ((count,),) = self.connection.execute("select change_count from changes").fetchall()
        return int(count)
