"""The steps of a plan for all shapes: add rows, find new ones, write them into the ledger."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from woopra_pipeline.imports.batch_files import BatchFile, BatchWriter, read_lines
from woopra_pipeline.imports.journals import PlanHeader
from woopra_pipeline.imports.ledger import Batch, Ledger, State
from woopra_pipeline.imports.ledger.keys import FileKeys
from woopra_pipeline.imports.lines import Chunk, Reader, SetAside, numbered
from woopra_pipeline.imports.planning.staging import (
    KEY,
    Staging,
    joined,
    key_array,
    keys_between,
    stretches,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape

FIRST_SET_ASIDE = 20
PRESUMED = "presumed"
"""The state, here, of batches that are unknown because the ledger was lost.

They count as sent until they are verified.
"""


@dataclass
class Plan:
    """The result of a source's rows of one day."""

    shape: Shape
    row_count: int = 0
    known_count: int = 0
    """Rows that were imported, planned, rejected or seen in this result before."""
    set_aside_count: int = 0
    first_set_aside: list[SetAside] = field(default_factory=list)
    files: list[BatchFile] = field(default_factory=list)

    @property
    def line_count(self) -> int:
        """Lines to be sent."""
        return sum(file.line_count for file in self.files)

    @property
    def byte_count(self) -> int:
        """Bytes of these lines, uncompressed."""
        return sum(file.byte_count for file in self.files)


class Planner(ABC):
    """Makes one plan.

    The tables of `staging` are `staged`, records in the order of their rows, and `known`, what the
    ledger knows already. Records that are not new are deleted from `staged` at the end.
    """

    shape: Shape
    columns: str
    """The columns of `staged`, in SQL; the first ones are the record's number and its key."""

    def __init__(
        self,
        ledger: Ledger,
        staging: Staging,
        source: str,
        log_day: date,
        *,
        settings: ImportSettings,
        dry_run: bool,
    ) -> None:
        self._ledger = ledger
        self._staging = staging
        self._source = source
        self._log_day = log_day
        self._settings = settings
        self._dry_run = dry_run
        self._reader = Reader(settings)
        self._replaced = [
            batch for batch in ledger.batches(source, State.PLANNED) if self._is_replaced(batch)
        ]
        self._staged_count = 0
        self.plan = Plan(self.shape)
        staging.execute(f"create table staged ({self.columns})")
        staging.execute(
            "create table known "
            "(key blob, content blob, state varchar, request bigint, file_id bigint)"
        )

    def _is_replaced(self, batch: Batch) -> bool:
        """Whether this plan replaces a planned batch, of which nothing was accepted.

        It replaces profile updates of all days. Batches that the user asked for stay planned.
        """
        is_update = self.shape is batch.shape is Shape.PROFILES
        return not batch.is_asked_for and (batch.log_day == self._log_day or is_update)

    def writer(self) -> BatchWriter:
        """A writer for files of the plan."""
        return BatchWriter(self._ledger.directory, self._source, self._log_day, self._settings)

    def add(self, rows: pa.RecordBatch, writer: BatchWriter) -> None:
        """Add some rows to the plan."""
        chunk = self._read(rows)
        self.plan.row_count += len(rows)
        self._set_aside(chunk.set_aside)
        if chunk.columns:
            self._stage(chunk.columns, writer)

    @abstractmethod
    def _read(self, rows: pa.RecordBatch) -> Chunk: ...

    @abstractmethod
    def _stage(self, columns: Sequence[Sequence[Any]], writer: BatchWriter) -> None:
        """Add records; their lines are written if they have lines already."""

    @abstractmethod
    def make_files(self, writer: BatchWriter) -> None:
        """When all rows were added, find the new ones, and make their files."""

    def _set_aside(self, rows: Sequence[SetAside]) -> None:
        self.plan.set_aside_count += len(rows)
        self.plan.first_set_aside += rows[: FIRST_SET_ASIDE - len(self.plan.first_set_aside)]
        self._ledger.collect_set_aside(rows)

    def _numbers(self, count: int) -> NDArray[np.int64]:
        """The numbers of the next so many records that are staged."""
        self._staged_count += count
        return np.arange(self._staged_count - count, self._staged_count)

    def _keep_new_records(self) -> int:
        """Delete records from `staged` that are known or repeated; returns how many are left.

        If identical rows are counted, each has its own key, and none is repeated.
        """
        if self._settings.identical_rows == "counted":
            self._number_identical_rows()
        self._load_known()
        return self._keep_new(_NEW_RECORDS)

    def _number_identical_rows(self) -> None:
        again = self._staging.execute(_REPEATED_RECORDS).to_arrow_table()
        keys = zip(again.column("key").to_pylist(), again.column("nth").to_pylist(), strict=True)
        self._staging.execute("create table renumbered (number bigint, key blob)")
        self._staging.insert(
            "renumbered",
            {
                "number": again.column("number"),
                "key": key_array([numbered(key, nth) for key, nth in keys]),
            },
        )
        self._staging.execute(
            "update staged set key = renumbered.key from renumbered "
            "where staged.number = renumbered.number"
        )

    def _load_known(self) -> None:
        """Fill the table `known` with the entries of the ledger that will not be withdrawn."""
        withdrawn = {batch.batch_id for batch in self._replaced}
        is_update = self.shape is Shape.PROFILES
        for batch in self._ledger.known_keys(self._source, of_updates=is_update):
            if batch.batch_id in withdrawn:
                continue
            keys, lines, contents = batch.keys
            start, end = np.searchsorted(
                np.frombuffer(lines, "<u4"),
                [batch.first_line, batch.first_line + batch.line_count],
            )
            size = end - start
            is_presumed = batch.was_lost and batch.state == State.UNKNOWN
            self._staging.insert(
                "known",
                {
                    "key": keys_between(keys, start, end),
                    "content": pa.nulls(size, KEY)
                    if contents is None
                    else keys_between(contents, start, end),
                    "state": pa.repeat(PRESUMED if is_presumed else batch.state, size),
                    "request": pa.repeat(pa.scalar(batch.last_request, pa.int64()), size),
                    "file_id": pa.repeat(batch.file_id, size),
                },
            )

    def _keep_new(self, new_numbers: str) -> int:
        """Delete records from `staged` that are not new; returns how many are left."""
        count = self._staging.count(f"select count(*) from ({new_numbers})")
        if count < self._staged_count:
            self._staging.execute(
                "delete from staged where not exists "
                f"(from ({new_numbers}) as new where new.number = staged.number)"
            )
        return count

    def _write_new(self, writer: BatchWriter, new_count: int) -> None:
        """Make the files of the plan from the new lines."""
        files = writer.finish()
        if new_count == self._staged_count:
            self.plan.files = files
            return
        with self.writer() as again:
            for lines in self._lines(files, "select number from staged"):
                again.add(lines)
            self.plan.files = again.finish()
        writer.discard()

    def _lines(self, files: Sequence[BatchFile], numbers: str) -> Iterator[list[bytes]]:
        """The lines in the files that have the numbers, which the query returns in order."""
        ends = _ends(files)
        parts = stretches(self._staging.in_order(numbers), ends)
        for file, end, some in zip(files, ends, parts, strict=True):
            first = end - file.line_count
            if len(some):
                lines = read_lines(self._ledger.directory, file)
                yield [lines[number - first] for number in some.column(0).to_pylist()]

    def _new_records(self) -> Iterator[pa.RecordBatch]:
        """The new records: the line of each in the plan, its key, and its content if it has one."""
        line = 0
        for rows in self._staging.in_order("from staged"):
            lines = pa.array(np.arange(line, line + len(rows)))
            yield rows.set_column(0, "line", lines)
            line += len(rows)

    def commit(self, planned_at: str) -> None:
        """Withdraw earlier planned batches and add the plan to the ledger, in one transaction."""
        header = PlanHeader(self._source, self.shape, self._log_day, planned_at, None)
        with self._ledger.transaction():
            if not self._dry_run:
                self._ledger.withdraw(self._replaced)
            self._ledger.withdraw(self._ledger.dry_runs(self._source, self._log_day))
            self._enter(header)
            self._ledger.enter_set_aside(header, is_dry_run=self._dry_run)
            self._ledger.count_change()

    def _enter(self, header: PlanHeader) -> None:
        ends = _ends(self.plan.files)
        parts = stretches(self._new_records(), ends)
        for file, end, records in zip(self.plan.files, ends, parts, strict=True):
            file_id = self._ledger.enter_file(header, file, is_dry_run=self._dry_run)
            self._ledger.enter_batch(file_id, file)
            if not self._dry_run:
                lines = records.column("line").to_numpy() - (end - file.line_count)
                is_update = self.shape is Shape.PROFILES
                keys = FileKeys(
                    joined(records.column("key")),
                    lines.astype("<u4").tobytes(),
                    joined(records.column("content")) if is_update else None,
                )
                self._ledger.enter_keys(file_id, keys)


def _ends(files: Sequence[BatchFile]) -> list[int]:
    """The number of lines up to the end of each file."""
    return list(accumulate(file.line_count for file in files))


_NEW_RECORDS = """
    select number
    from (select min(number) as number, key from staged group by key)
    anti join known using (key)
"""

_REPEATED_RECORDS = """
    select number, key, row_number() over (partition by key order by number) - 1 as nth
    from staged
    semi join (select key from staged group by key having count(*) > 1) using (key)
    qualify nth > 0
"""
