"""The database of a plan: its rows, while the plan is made. It spills to disk."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.lines import KEY_BYTES
from woopra_pipeline.imports.sources import Source, spilling

MEMORY = "300MB"
ROWS_AT_ONCE = 100_000
KEY = pa.binary(KEY_BYTES)


class Staging:
    """A private DuckDB database, of which rows are inserted many at a time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._pending: dict[str, list[pa.Table]] = {}

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run SQL on everything that was inserted."""
        self._insert_pending()
        return self.connection.execute(sql)

    def count(self, sql: str) -> int:
        """The one number a query returns."""
        ((number,),) = self.execute(sql).fetchall()
        return int(number)

    def insert(self, table: str, columns: dict[str, Any]) -> None:
        """Insert columns, Arrow or NumPy arrays, in the order of the table.

        They are collected first.
        """
        pending = self._pending.setdefault(table, [])
        pending.append(pa.table(columns))
        if sum(map(len, pending)) >= ROWS_AT_ONCE:
            self._insert_pending()

    def _insert_pending(self) -> None:
        for table, pieces in self._pending.items():
            self.connection.register("pieces", pa.concat_tables(pieces))
            self.connection.execute(f"insert into {table} from pieces")
            self.connection.unregister("pieces")
        self._pending.clear()

    def read(
        self, sql: str, parameters: Sequence[object] = (), rows_at_once: int = ROWS_AT_ONCE
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a query, while other queries run."""
        self._insert_pending()
        rows = self.connection.cursor().execute(sql, parameters)
        yield from rows.to_arrow_reader(rows_at_once)

    def in_order(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query; checks that they are in the order of their first column.

        DuckDB keeps the order of a table. If it ever did not, lines would get wrong keys.
        """
        last = -1
        for batch in self.read(sql):
            numbers = batch.column(0).to_numpy()
            if len(numbers):
                if numbers[0] < last or (numbers[1:] < numbers[:-1]).any():
                    raise RuntimeError("the staged rows have lost their order")
                last = numbers[-1]
                yield batch


@contextmanager
def staged(directory: DataDirectory, source: Source) -> Iterator[Staging]:
    """An empty database for a plan."""
    with spilling(directory, source, "plan") as spill, duckdb.connect(":memory:") as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute("set memory_limit = ?", [MEMORY])
        # Tables are read in the order in which they were filled.
        connection.execute("set preserve_insertion_order = true")
        connection.execute("set threads = 2")
        connection.execute("set temp_directory = ?", [str(spill)])
        yield Staging(connection)


def stretches(rows: Iterable[pa.RecordBatch], ends: Iterable[int]) -> Iterator[pa.Table]:
    """The rows before each of the ends, by their first column; they are sorted by it."""
    coming = iter(rows)
    rest: list[pa.Table] = []
    for end in ends:
        stretch: list[pa.Table] = []
        while rest or (batch := next(coming, None)) is not None:
            some = rest.pop() if rest else pa.Table.from_batches([batch])
            count = int(np.searchsorted(some.column(0).to_numpy(), end))
            stretch.append(some.slice(0, count))
            if count < len(some):
                rest = [some.slice(count)]
                break
        yield pa.concat_tables(stretch) if stretch else pa.table({"none": []})


def key_array(keys: Sequence[bytes]) -> pa.FixedSizeBinaryArray:
    """Keys as an Arrow array."""
    return keys_between(b"".join(keys), 0, len(keys))


def keys_between(keys: bytes, start: int, end: int) -> pa.FixedSizeBinaryArray:
    """A range of keys as an Arrow array."""
    return pa.Array.from_buffers(KEY, end - start, [None, pa.py_buffer(keys)], offset=start)


def joined(keys: pa.ChunkedArray) -> bytes:
    """The keys of an array, one after another."""
    ends = [(chunk, chunk.offset, chunk.offset + len(chunk)) for chunk in keys.cast(KEY).chunks]
    return b"".join(
        memoryview(chunk.buffers()[1])[start * KEY_BYTES : end * KEY_BYTES]
        for chunk, start, end in ends
    )
