"""From a source's rows to a plan: what of them is new, in batch files, and in the ledger.

A plan appears in the ledger whole or not at all, in one transaction that also withdraws what was
planned for the same source and day before and never sent: a plan is what the source says now.

Lines are written as they come, as if all were new. What is known is found out at last, for all of
them at once, in a database of the plan's own that spills to disk, so that memory is bounded; if
anything was, the lines that are new are written again without the others.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, islice, pairwise
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from woopra_pipeline.clock import Clock
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.garbage_collection import paused_garbage_collection
from woopra_pipeline.imports.agreement import unusable
from woopra_pipeline.imports.batch_files import BatchFile, BatchWriter, is_erased, read_lines
from woopra_pipeline.imports.ledger import Batch, Ledger, State, checksum
from woopra_pipeline.imports.lines import (
    EMPTY_VISIT,
    KEY_BYTES,
    Chunk,
    Event,
    Reader,
    SetAside,
    digest,
    numbered,
    plain_events,
    plain_profile_updates,
    plain_visits,
    read_chunk,
    texts,
    visit_of,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape, Source, read_source, spilling

ROWS_AT_ONCE = 100_000
EVENTS_AT_ONCE = 2_048
VISITS_AT_ONCE = 2_048
FIRST_SET_ASIDE = 20
STAGING_MEMORY = "300MB"
SORTED_BYTES = 60_000_000
"""Of events that are sorted at once."""
TWO_UPDATES = "the result has another update of this visitor: return one row for each visitor"

KEY = pa.binary(KEY_BYTES)
PRESUMED = "presumed"
"""The state, here, of what is unknown because the ledger was lost: until verified it was sent."""


@dataclass
class Plan:
    """What a source's rows of one day came to."""

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


def plan_day(
    ledger: Ledger,
    source: Source,
    log_day: date,
    *,
    settings: ImportSettings,
    clock: Clock,
    dry_run: bool,
) -> Plan:
    """Plan what a source has for a day; the source must be held.

    Raises `SourceError` if it cannot be run, and `ConfigurationError` if its events are known by
    other identifiers; then everything is as it was.
    """
    with (
        read_source(ledger.directory, source, log_day, settings) as rows,
        _staging(ledger, source) as staging,
        _set_aside_table(ledger),
        paused_garbage_collection(),
    ):
        planner = _PLANNERS[rows.shape](
            ledger, staging, source.name, log_day, settings=settings, dry_run=dry_run
        )
        with planner.writer() as writer:
            for chunk in rows.chunks:
                planner.add(chunk, writer)
            planner.place(writer)
        planner.commit(clock().isoformat())
    return planner.plan


class _Planner(ABC):
    """Makes one plan.

    The tables of `staging` are `staged`, things in the order of their rows, and `known`, what the
    ledger knows already. What is not new is deleted from `staged` at last. Nothing is ever sorted
    as a whole: DuckDB does that in memory only.
    """

    shape: Shape

    def __init__(
        self,
        ledger: Ledger,
        staging: duckdb.DuckDBPyConnection,
        source: str,
        log_day: date,
        *,
        settings: ImportSettings,
        dry_run: bool,
    ) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._staging = staging
        self._source = source
        self._source_id = ledger.source_id(source)
        self._log_day = log_day
        self._settings = settings
        self._dry_run = dry_run
        self._reader = Reader(settings)
        self._withdrawn = _Withdrawn(ledger, self._source_id, log_day, self.shape)
        self._pending: dict[str, list[pa.Table]] = {}
        self._staged_count = 0
        self.plan = Plan(self.shape)
        staging.execute(
            "create table known "
            "(key blob, content blob, state varchar, request bigint, file_id bigint)"
        )

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
        """Take in things; their lines are written if they have any yet."""

    @abstractmethod
    def place(self, writer: BatchWriter) -> None:
        """Find out what is new, when all rows were added, and make the files of it."""

    def _set_aside(self, rows: Sequence[SetAside]) -> None:
        self.plan.set_aside_count += len(rows)
        self.plan.first_set_aside += rows[: FIRST_SET_ASIDE - len(self.plan.first_set_aside)]
        with self._ledger.transaction("deferred"):
            self._connection.executemany(
                "insert or ignore into planned_set_aside values (?, ?, ?)",
                ((digest(bad.row.encode()), bad.reason, bad.row) for bad in rows),
            )

    def _insert(self, table: str, columns: dict[str, Any]) -> None:
        """Insert columns, Arrow or NumPy arrays, that have the order of the table's, in a while."""
        pending = self._pending.setdefault(table, [])
        pending.append(pa.table(columns))
        if sum(map(len, pending)) >= ROWS_AT_ONCE:
            self._insert_pending()

    def _insert_pending(self) -> None:
        for table, pieces in self._pending.items():
            self._staging.register("pieces", pa.concat_tables(pieces))
            self._staging.execute(f"insert into {table} from pieces")
            self._staging.unregister("pieces")
        self._pending.clear()

    def _numbers(self, count: int) -> NDArray[np.int64]:
        """The numbers of the next so many things that are staged."""
        self._staged_count += count
        return np.arange(self._staged_count - count, self._staged_count)

    def _number_identical_rows(self) -> None:
        """Give things that are staged more than once keys of their own."""
        self._insert_pending()
        again = self._staging.execute(
            "select number, key, row_number() over (partition by key order by number) - 1 as nth "
            "from staged semi join (select key from staged group by key having count(*) > 1) "
            "using (key) qualify nth > 0"
        ).to_arrow_table()
        keys = zip(again.column("key").to_pylist(), again.column("nth").to_pylist(), strict=True)
        self._staging.execute("create table renumbered (number bigint, key blob)")
        self._insert(
            "renumbered",
            {
                "number": again.column("number"),
                "key": _key_array([numbered(key, nth) for key, nth in keys]),
            },
        )
        self._insert_pending()
        self._staging.execute(
            "update staged set key = renumbered.key from renumbered "
            "where staged.number = renumbered.number"
        )

    def _load_known(self) -> None:
        """Fill the table `known` with what is in the ledger and will not be withdrawn."""
        is_update = self.shape is Shape.PROFILES
        rows = self._connection.execute(
            "select file_id, first_line, batches.line_count, state, last_request, "
            "keys, lines, contents, checksum, sent_until is not null "
            "from batches join files using (file_id) join file_keys using (file_id) "
            "where source_id = ? and (shape = 'profiles') = ?",
            [self._source_id, is_update],
        )
        for file_id, first, count, state, request, keys, lines, contents, total, is_late in rows:
            if checksum(keys, lines, contents) != total:
                rows.close()
                raise unusable(self._ledger.path, "is damaged (keys differ from their checksum)")
            if (file_id, first) in self._withdrawn:
                continue
            start, end = np.searchsorted(np.frombuffer(lines, "<u4"), [first, first + count])
            size = end - start
            self._insert(
                "known",
                {
                    "key": _keys_between(keys, start, end),
                    "content": _keys_between(contents, start, end)
                    if is_update
                    else pa.nulls(size, KEY),
                    "state": pa.repeat(
                        PRESUMED if is_late and state == State.UNKNOWN else str(state), size
                    ),
                    "request": pa.repeat(pa.scalar(request, pa.int64()), size),
                    "file_id": pa.repeat(file_id, size),
                },
            )
        self._insert_pending()

    def _keep_new(self, new_numbers: str) -> int:
        """Delete from `staged` what is not new; returns how much is left."""
        ((count,),) = self._staging.execute(f"select count(*) from ({new_numbers})").fetchall()
        if count < self._staged_count:
            self._staging.execute(
                "delete from staged where not exists "
                f"(from ({new_numbers}) as new where new.number = staged.number)"
            )
        return int(count)

    def _write_new(self, writer: BatchWriter, new_count: int) -> None:
        """Make the files of the plan, of the lines that are new."""
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
        ends = list(accumulate(file.line_count for file in files))
        rows = self._staging.cursor().execute(numbers).to_arrow_reader(ROWS_AT_ONCE)
        for file, end, some in zip(files, ends, _stretches(_ordered(rows), ends), strict=True):
            first = end - file.line_count
            if len(some):
                lines = read_lines(self._ledger.directory, file)
                yield [lines[number - first] for number in some.column(0).to_pylist()]

    def _placed(self) -> Iterator[pa.RecordBatch]:
        """What is new: on which line of the plan it is, its key, and its content if it has one."""
        line = 0
        for rows in _ordered(self._staging.execute("from staged").to_arrow_reader(ROWS_AT_ONCE)):
            lines = pa.array(np.arange(line, line + len(rows)))
            yield rows.set_column(0, "line", lines)
            line += len(rows)

    def commit(self, planned_at: str) -> None:
        """Withdraw what was planned before and enter the plan, in one transaction."""
        with self._ledger.transaction():
            self._withdrawn.remove(plans=not self._dry_run)
            self._enter(planned_at)
            self._connection.execute(
                "insert or ignore into set_aside select ?, ?, key, ?, ?, ?, reason, row "
                "from planned_set_aside",
                [
                    self._source_id,
                    self._log_day.isoformat(),
                    self.shape,
                    self._dry_run,
                    planned_at,
                ],
            )
            self._ledger.count_change()

    def _enter(self, planned_at: str) -> None:
        ends = list(accumulate(file.line_count for file in self.plan.files))
        placed = _stretches(self._placed(), ends)
        for file, end, things in zip(self.plan.files, ends, placed, strict=True):
            file_id = self._connection.execute(
                "insert into files (source_id, shape, log_day, path, line_count, byte_count, "
                "is_dry_run, planned_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    self._source_id,
                    self.shape,
                    self._log_day.isoformat(),
                    file.path,
                    file.line_count,
                    file.byte_count,
                    self._dry_run,
                    planned_at,
                ],
            ).lastrowid
            self._connection.execute(
                "insert into batches (file_id, first_line, line_count, byte_count, state) "
                "values (?, 0, ?, ?, 'planned')",
                [file_id, file.line_count, file.byte_count],
            )
            if not self._dry_run:
                lines = things.column("line").to_numpy() - (end - file.line_count)
                blobs = (
                    _joined(things.column("key")),
                    lines.astype("<u4").tobytes(),
                    _joined(things.column("content")) if self.shape is Shape.PROFILES else None,
                )
                self._connection.execute(
                    "insert into file_keys values (?, ?, ?, ?, ?)",
                    [file_id, *blobs, checksum(*blobs)],
                )


class _Visits(_Planner):
    shape = Shape.VISITS

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._staging.execute("create table staged (number bigint, key blob)")

    def _read(self, rows: pa.RecordBatch) -> Chunk:
        return read_chunk(rows, self._reader.visit, plain_visits)

    def _stage(self, columns: Sequence[Sequence[Any]], writer: BatchWriter) -> None:
        keys, lines = columns
        self._insert("staged", {"number": self._numbers(len(keys)), "key": _key_array(keys)})
        writer.add(lines)

    def place(self, writer: BatchWriter) -> None:
        if self._settings.identical_rows == "counted":
            self._number_identical_rows()
        self._load_known()
        new_count = self._keep_new(_NEW_THINGS)
        self._write_new(writer, new_count)
        self.plan.known_count = self._staged_count - new_count


class _Events(_Planner):
    shape = Shape.EVENTS

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._require_same_identifiers()
        self._staged_bytes = 0
        self._staging.execute(
            "create table staged (number bigint, key blob, visitor_key blob, time bigint, "
            "visitor blob, action blob)"
        )
        self._staging.execute("create table placed (line bigint, key blob)")

    def _require_same_identifiers(self) -> None:
        """Raise `ConfigurationError` if events that are known would not be recognised."""
        ((text,),) = self._connection.execute(
            "select identifiers from sources where source_id = ? and exists ("
            "select 1 from files where files.source_id = sources.source_id "
            "and shape = 'events' and not is_dry_run) "
            "union all select null limit 1",
            [self._source_id],
        ).fetchall()
        known = orjson.loads(text or "[]")
        if list(self._settings.identifiers[: len(known)]) != known:
            raise ConfigurationError(
                f"The events of {self._source} are known by the identifiers {', '.join(known)}: "
                "put others behind these, for in another order all events would be sent again"
            )

    def _read(self, rows: pa.RecordBatch) -> Chunk:
        return read_chunk(rows, self._reader.event, plain_events)

    def _stage(self, columns: Sequence[Sequence[Any]], writer: BatchWriter) -> None:
        keys, visitor_keys, times, visitors, actions = columns
        self._staged_bytes += sum(map(len, visitors)) + sum(map(len, actions))
        self._insert(
            "staged",
            {
                "number": self._numbers(len(keys)),
                "key": _key_array(keys),
                "visitor_key": _key_array(visitor_keys),
                "time": pa.array(times, pa.int64()),
                "visitor": pa.array(visitors, pa.binary()),
                "action": pa.array(actions, pa.binary()),
            },
        )

    def place(self, writer: BatchWriter) -> None:
        if self._settings.identical_rows == "counted":
            self._number_identical_rows()
        self._load_known()
        self.plan.known_count = self._staged_count - self._keep_new(_NEW_THINGS)
        visits = self._visits(self._in_order())
        while some := list(islice(visits, VISITS_AT_ONCE)):
            first = writer.line_count
            self._insert(
                "placed",
                {
                    "line": np.repeat(
                        np.arange(first, first + len(some)), [len(events) for events in some]
                    ),
                    "key": _key_array([event.key for events in some for event in events]),
                },
            )
            writer.add(
                [visit_of([e.visitor for e in visit], [e.action for e in visit]) for visit in some]
            )
        self._insert_pending()
        self.plan.files = writer.finish()

    def _in_order(self) -> Iterator[Event]:
        """The staged events of one visitor after another, each in the order of their times.

        They are sorted in parts, of some visitors each, for a part must fit into memory.
        """
        cursor = self._staging.cursor()
        part_count = self._staged_bytes // SORTED_BYTES + 1
        bounds = [(part << 32) // part_count for part in range(part_count + 1)]
        for first, end in pairwise(bounds):
            rows = cursor.execute(
                "select key, visitor_key, time, visitor, action from staged "
                "where visitor_key between ? and ? "
                "order by visitor_key, time, action, key",
                [first.to_bytes(4), (end - 1).to_bytes(4) + b"\xff" * KEY_BYTES],
            )
            for some in rows.to_arrow_reader(EVENTS_AT_ONCE):
                yield from _events(some)

    def _placed(self) -> Iterator[pa.RecordBatch]:
        return _ordered(self._staging.execute("from placed").to_arrow_reader(ROWS_AT_ONCE))

    def _visits(self, events: Iterable[Event]) -> Iterator[list[Event]]:
        """The events of each visit, given those of each visitor in the order of their times."""
        gap = self._settings.visit_gap_minutes * 60_000
        visit: list[Event] = []
        size = 0
        for event in events:
            # No visitor of a line is longer than all visitors of its events.
            size += len(event.visitor) + len(event.action)
            if visit and (
                event.visitor_key != visit[-1].visitor_key
                or event.time - visit[-1].time > gap
                or size + len(EMPTY_VISIT) + len(visit) > self._settings.largest_line
            ):
                yield visit
                visit, size = [], len(event.visitor) + len(event.action)
            visit.append(event)
        if visit:
            yield visit

    def _enter(self, planned_at: str) -> None:
        super()._enter(planned_at)
        if not self._dry_run:
            self._connection.execute(
                "update sources set identifiers = ? where source_id = ?",
                [orjson.dumps(self._settings.identifiers).decode(), self._source_id],
            )


class _Updates(_Planner):
    shape = Shape.PROFILES

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._unknown: list[Batch] = []
        self._staging.execute(
            "create table staged (number bigint, key blob, content blob, planned_in bigint)"
        )

    def _read(self, rows: pa.RecordBatch) -> Chunk:
        return read_chunk(rows, self._reader.profile_update, plain_profile_updates)

    def _stage(
        self,
        columns: Sequence[Sequence[Any]],
        writer: BatchWriter,
        planned_in: int | None = None,
    ) -> None:
        keys, contents, lines = columns
        self._insert(
            "staged",
            {
                "number": self._numbers(len(keys)),
                "key": _key_array(keys),
                "content": _key_array(contents),
                "planned_in": pa.repeat(pa.scalar(planned_in, pa.int64()), len(keys)),
            },
        )
        writer.add(lines)

    def place(self, writer: BatchWriter) -> None:
        row_count = self._staged_count
        self._stage_earlier_updates(writer)
        self._load_known()
        self._staging.execute(_FIRST_UPDATES)
        other_count = 0
        for lines in self._lines(writer.finish(), _OTHER_UPDATES):
            self._set_aside([SetAside(line.decode(), TWO_UPDATES) for line in lines])
            other_count += len(lines)
        self._write_new(writer, self._keep_new(_NEW_UPDATES))
        ((new_count,),) = self._staging.execute(
            "select count(*) from staged where number < ?", [row_count]
        ).fetchall()
        self.plan.known_count = row_count - new_count - other_count

    def _stage_earlier_updates(self, writer: BatchWriter) -> None:
        """Stage the updates of other runs that were never sent or may not have arrived.

        To have an update twice does no harm; but one is left out if this result has another of its
        visitor, or a newer one was accepted.
        """
        batches = [
            batch
            for batch in self._ledger.batches(self._source, State.PLANNED, State.UNKNOWN)
            if batch.shape is Shape.PROFILES
            and not batch.is_asked_for
            and not (batch.state is State.UNKNOWN and batch.sent_until)
        ]
        self._unknown = [batch for batch in batches if batch.state is State.UNKNOWN]
        for batch in sorted(batches, key=lambda batch: -batch.file_id):
            lines = read_lines(self._ledger.directory, batch.file)[batch.lines]
            updates = [
                self._reader.profile_update(orjson.loads(line))
                for line in lines
                if not is_erased(line)
            ]
            if updates:
                self._stage(list(zip(*updates, strict=True)), writer, batch.file_id)

    def _enter(self, planned_at: str) -> None:
        super()._enter(planned_at)
        if not self._dry_run:
            self._connection.executemany(
                "update batches set state = 'superseded', "
                "reason = 'sent again, or made void by a newer update' where batch_id = ?",
                [(batch.batch_id,) for batch in self._unknown],
            )


_PLANNERS: dict[Shape, type[_Planner]] = {
    Shape.VISITS: _Visits,
    Shape.EVENTS: _Events,
    Shape.PROFILES: _Updates,
}

_NEW_THINGS = """
    select number
    from (select min(number) as number, key from staged group by key)
    anti join known using (key)
"""

_FIRST_UPDATES = """
    create table first_updates as
    select
        key,
        min(number) as number,
        arg_min(content, number) as content,
        arg_min({'file_id': planned_in}, number).file_id as planned_in
    from staged
    group by key
"""

# Of each visitor the first update counts. It is not sent if it says what the latest one said that
# is there for sure (or may be there, if the ledger was lost), if it was rejected, or if it was
# planned before one that was accepted.
_NEW_UPDATES = """
    with
        settled as (
            select
                key,
                arg_max({'state': state, 'content': content}, request)
                    filter (state <> 'rejected') as latest,
                max(file_id) filter (state = 'accepted') as accepted_file
            from known
            where state in ('accepted', 'rejected', 'unknown', 'presumed')
            group by key
        ),
        rejected as (
            select key, content
            from known
            where state = 'rejected'
        )
    select number
    from first_updates
    left join settled using (key)
    anti join rejected using (key, content)
    where (latest.state in ('accepted', 'presumed') and latest.content = content) is not true
        and (planned_in < accepted_file) is not true
"""

_OTHER_UPDATES = """
    select staged.number
    from staged
    join first_updates using (key)
    where staged.planned_in is null
        and staged.content <> first_updates.content
    order by staged.number
"""


class _Withdrawn:
    """What is planned for a source's day: nothing of it was taken, and it will be planned anew.

    Profile updates of all days are; what was asked for by name stays planned. Dry runs always go.
    """

    def __init__(self, ledger: Ledger, source_id: int, log_day: date, shape: Shape) -> None:
        self._ledger = ledger
        self._day = [source_id, log_day.isoformat()]
        also = "or shape = 'profiles'" if shape is Shape.PROFILES else ""
        self._plans = (
            f"{self._PLANNED} and (log_day = ? {also}) and not is_dry_run and not is_asked_for"
        )
        self._places = set(
            ledger.connection.execute(f"select file_id, first_line {self._plans}", self._day)
        )

    _PLANNED = "from batches join files using (file_id) where state = 'planned' and source_id = ?"

    def __contains__(self, place: tuple[int, int]) -> bool:
        """Whether the batch is one of them that begins on that line of that file."""
        return place in self._places

    def remove(self, *, plans: bool) -> None:
        """Remove it from the ledger, within a transaction: dry runs, and what is planned."""
        connection = self._ledger.connection
        condition = "true" if plans else "is_dry_run"
        connection.execute(
            f"delete from set_aside where source_id = ? and log_day = ? and {condition}", self._day
        )
        gone = connection.execute(
            f"select file_id, batch_id {self._PLANNED} and log_day = ? and is_dry_run", self._day
        ).fetchall()
        if plans:
            gone += connection.execute(
                f"select file_id, batch_id {self._plans}", self._day
            ).fetchall()
        numbers = [(batch_id,) for _, batch_id in gone]
        connection.executemany(
            "insert into withdrawn select name, path, first_line, batches.line_count "
            "from batches join files using (file_id) join sources using (source_id) "
            "where batch_id = ? and attempts > 0",
            numbers,
        )
        connection.executemany("delete from batches where batch_id = ?", numbers)
        files = {file_id for file_id, _ in gone}
        connection.executemany(
            "delete from files where file_id = ? "
            "and not exists (select 1 from batches where batches.file_id = files.file_id)",
            [(file_id,) for file_id in files],
        )


@contextmanager
def _staging(ledger: Ledger, source: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database for what a plan is made of, empty."""
    with (
        spilling(ledger.directory, source, "plan") as spill,
        duckdb.connect(":memory:") as connection,
    ):
        connection.execute("set enable_progress_bar = false")
        connection.execute("set memory_limit = ?", [STAGING_MEMORY])
        # Tables are read in the order in which they were filled.
        connection.execute("set preserve_insertion_order = true")
        connection.execute("set threads = 2")
        connection.execute("set temp_directory = ?", [str(spill)])
        yield connection


@contextmanager
def _set_aside_table(ledger: Ledger) -> Iterator[None]:
    """An empty temporary table for rows that are set aside, beside the ledger."""
    ledger.connection.execute(
        "create temp table planned_set_aside (key blob unique, reason text, row text)"
    )
    try:
        yield
    finally:
        ledger.connection.execute("drop table temp.planned_set_aside")


def _events(rows: pa.RecordBatch) -> Iterator[Event]:
    keys, visitor_keys, times, visitors, actions = rows.columns
    return map(
        Event,
        texts(keys),
        texts(visitor_keys),
        times.to_pylist(),
        texts(visitors),
        texts(actions),
    )


def _ordered(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows, after a look that they are in the order of their first column.

    DuckDB keeps the order of a table; if it ever did not, keys would stand at the wrong lines.
    """
    last = -1
    for batch in rows:
        numbers = batch.column(0).to_numpy()
        if len(numbers):
            if numbers[0] < last or (numbers[1:] < numbers[:-1]).any():
                raise RuntimeError("what was staged has lost its order")
            last = numbers[-1]
            yield batch


def _stretches(rows: Iterable[pa.RecordBatch], ends: Iterable[int]) -> Iterator[pa.Table]:
    """The rows before each of the ends, by their first column, in whose order they are."""
    coming = iter(rows)
    rest: list[pa.Table] = []
    for end in ends:
        stretch: list[pa.Table] = []
        while rest or (batch := next(coming, None)) is not None:
            some = rest.pop() if rest else pa.Table.from_batches([batch])
            place = int(np.searchsorted(some.column(0).to_numpy(), end))
            stretch.append(some.slice(0, place))
            if place < len(some):
                rest = [some.slice(place)]
                break
        yield pa.concat_tables(stretch) if stretch else pa.table({"none": []})


def _key_array(keys: Sequence[bytes]) -> pa.FixedSizeBinaryArray:
    return _keys_between(b"".join(keys), 0, len(keys))


def _joined(keys: pa.ChunkedArray) -> bytes:
    ends = [(chunk, chunk.offset, chunk.offset + len(chunk)) for chunk in keys.cast(KEY).chunks]
    return b"".join(
        memoryview(chunk.buffers()[1])[start * KEY_BYTES : end * KEY_BYTES]
        for chunk, start, end in ends
    )


def _keys_between(keys: bytes, start: int, end: int) -> pa.FixedSizeBinaryArray:
    return pa.Array.from_buffers(KEY, end - start, [None, pa.py_buffer(keys)], offset=start)
