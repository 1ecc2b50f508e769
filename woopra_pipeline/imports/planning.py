"""From a source's rows to a plan: what of them is new, in batch files, and in the ledger.

A plan appears in the ledger whole or not at all, in one transaction that also withdraws what was
planned for the same source and day before and never sent: a plan is what the source says now.
What is known so far while a plan is made stands in temporary tables, so that memory is bounded.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count, islice

import orjson
import pyarrow as pa

from woopra_pipeline.clock import Clock
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.imports.batch_files import BatchFile, BatchWriter, read_lines
from woopra_pipeline.imports.ledger import Batch, Ledger, State
from woopra_pipeline.imports.lines import (
    EMPTY_VISIT,
    Event,
    ProfileUpdate,
    Reader,
    SetAside,
    Visit,
    digest,
    numbered,
    read_chunk,
    visit_of,
)
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import Shape, Source, read_source

KEYS_AT_ONCE = 5_000
FIRST_SET_ASIDE = 20
TWO_UPDATES = "the result has another update of this visitor: return one row for each visitor"

_TEMPORARY_TABLES = {
    "planned_things": "(key blob primary key, number integer) without rowid",
    "rows_so_far": "(key blob primary key, count integer) without rowid",
    "visitors_so_far": "(key blob primary key, content blob, number integer) without rowid",
    "staged_events": "(key blob unique, visitor_key blob, time integer, visitor blob, action blob)",
    "places": "(first_number integer primary key, file_id integer)",
    "planned_set_aside": "(key blob unique, reason text, row text)",
}


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
    directory = ledger.directory
    with (
        read_source(directory, source, log_day, memory_limit=settings.memory_limit) as rows,
        BatchWriter(directory, source.name, log_day, settings) as writer,
        _temporary_tables(ledger),
        _without_garbage_collection(),
    ):
        plan = Plan(rows.shape)
        planner = _Planner(
            ledger, source.name, log_day, rows.shape, settings=settings, dry_run=dry_run
        )
        for chunk in rows.chunks:
            with ledger.transaction("deferred"):
                planner.add(chunk, plan, writer)
        with ledger.transaction("deferred"):
            planner.add_what_is_left(writer)
        plan.files = writer.finish()
        planner.commit(plan, clock().isoformat())
    return plan


class _Planner:
    """Makes one plan."""

    def __init__(
        self,
        ledger: Ledger,
        source: str,
        log_day: date,
        shape: Shape,
        *,
        settings: ImportSettings,
        dry_run: bool,
    ) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._source = source
        self._source_id = ledger.source_id(source)
        self._log_day = log_day
        self._shape = shape
        self._settings = settings
        self._dry_run = dry_run
        self._reader = Reader(settings)
        self._withdrawn = _Withdrawn(ledger, self._source_id, log_day, shape)
        self._unknown: list[Batch] = []
        ((self._has_things,),) = self._connection.execute(
            "select exists (select 1 from things where source_id = ?)", [self._source_id]
        ).fetchall()
        if shape is Shape.EVENTS and self._has_things:
            self._require_same_identifiers()

    def _require_same_identifiers(self) -> None:
        """Raise `ConfigurationError` if events that are known would not be recognised."""
        ((text,),) = self._connection.execute(
            "select identifiers from sources where source_id = ?", [self._source_id]
        ).fetchall()
        known = orjson.loads(text or "[]")
        if list(self._settings.identifiers[: len(known)]) != known:
            raise ConfigurationError(
                f"The events of {self._source} are known by the identifiers {', '.join(known)}: "
                "put others behind these, for in another order all events would be sent again"
            )

    def add(self, rows: pa.StringArray, plan: Plan, writer: BatchWriter) -> None:
        """Add some rows to the plan."""
        match self._shape:
            case Shape.VISITS:
                visits = read_chunk(rows, self._reader.visit)
                set_aside = visits.set_aside
                new = self._add_visits(visits.things, writer)
            case Shape.EVENTS:
                events = read_chunk(rows, self._reader.event)
                set_aside = events.set_aside
                new = self._add_events(events.things)
            case Shape.PROFILES:
                updates = read_chunk(rows, self._reader.profile_update)
                set_aside = updates.set_aside
                new = self._add_updates(updates.things, set_aside, writer)
        plan.row_count += len(rows)
        plan.known_count += len(rows) - len(set_aside) - new
        plan.set_aside_count += len(set_aside)
        plan.first_set_aside += set_aside[: FIRST_SET_ASIDE - len(plan.first_set_aside)]
        self._connection.executemany(
            "insert or ignore into planned_set_aside values (?, ?, ?)",
            ((digest(bad.row.encode()), bad.reason, bad.row) for bad in set_aside),
        )

    def _add_visits(self, visits: Sequence[Visit], writer: BatchWriter) -> int:
        keys = self._own_keys([visit.key for visit in visits])
        lines = {key: visit.line for key, visit in zip(keys, visits, strict=True)}
        for key in self._known_things(list(lines)) | self._planned_things(list(lines)):
            del lines[key]
        self._connection.executemany(
            "insert into planned_things values (?, ?)", zip(lines, count(writer.line_count))
        )
        writer.add(lines.values())
        return len(lines)

    def _add_events(self, events: Sequence[Event]) -> int:
        keys = self._own_keys([event.key for event in events])
        known = self._known_things(keys)
        before = self._connection.total_changes
        self._connection.executemany(
            "insert or ignore into staged_events values (?, ?, ?, ?, ?)",
            (
                (key, event.visitor_key, event.time, event.visitor, event.action)
                for key, event in zip(keys, events, strict=True)
                if key not in known
            ),
        )
        return self._connection.total_changes - before

    def add_what_is_left(self, writer: BatchWriter) -> None:
        """Add what can only be added when all rows are known."""
        if self._shape is Shape.EVENTS:
            self._group_events(writer)
        elif self._shape is Shape.PROFILES:
            self._add_earlier_updates(writer)

    def _group_events(self, writer: BatchWriter) -> None:
        """Put the staged events on lines: one for each visit, a longer pause beginning another."""
        rows = self._connection.execute(
            "select key, visitor_key, time, visitor, action from staged_events "
            "order by visitor_key, time, action, key"
        )
        visits = self._visits(Event._make(row) for row in rows)
        while some := list(islice(visits, KEYS_AT_ONCE)):
            self._connection.executemany(
                "insert into planned_things values (?, ?)",
                [
                    (event.key, number)
                    for number, events in enumerate(some, writer.line_count)
                    for event in events
                ],
            )
            writer.add(
                visit_of((e.visitor for e in events), (e.action for e in events)) for events in some
            )

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

    def _add_updates(
        self, updates: Sequence[ProfileUpdate], set_aside: list[SetAside], writer: BatchWriter
    ) -> int:
        return self._plan_updates(self._first_of_visitors(updates, set_aside), None, writer)

    def _add_earlier_updates(self, writer: BatchWriter) -> None:
        """Add the updates of other runs that were never sent or may not have arrived.

        To have an update twice does no harm; but one is left out if this result has another of its
        visitor, or a newer one was accepted.
        """
        batches = [
            batch
            for batch in self._ledger.batches(self._source, State.PLANNED, State.UNKNOWN)
            if batch.shape is Shape.PROFILES and not batch.is_asked_for
        ]
        self._unknown = [batch for batch in batches if batch.state is State.UNKNOWN]
        for batch in sorted(batches, key=lambda batch: -batch.file_id):
            lines = read_lines(self._ledger.directory, batch.file)[batch.lines]
            updates = [self._reader.profile_update(orjson.loads(line)) for line in lines]
            first = self._first_of_visitors(updates, [])
            self._plan_updates(first, batch.file_id, writer)

    def _first_of_visitors(
        self, updates: Sequence[ProfileUpdate], set_aside: list[SetAside]
    ) -> dict[bytes, ProfileUpdate]:
        """Those of the updates that are the first of their visitors in this result, by visitor.

        What differs from an earlier one of its visitor is set aside.
        """
        seen = {
            key: content
            for some in _some_at_once([update.visitor_key for update in updates])
            for key, content in self._connection.execute(
                f"select key, content from visitors_so_far where key in ({_marks(some)})", some
            )
        }
        first: dict[bytes, ProfileUpdate] = {}
        for update in updates:
            if update.visitor_key not in seen:
                seen[update.visitor_key] = update.content
                first[update.visitor_key] = update
            elif seen[update.visitor_key] != update.content:
                set_aside.append(SetAside(update.line.decode(), TWO_UPDATES))
        return first

    def _plan_updates(
        self, first: Mapping[bytes, ProfileUpdate], planned_in: int | None, writer: BatchWriter
    ) -> int:
        """Plan those of the updates, by visitor, that are new, or were planned in that file."""
        settled = self._settled_updates(list(first))
        numbers = count(writer.line_count)
        new = {
            key: (update.line, next(numbers))
            for key, update in first.items()
            if not settled.get(key, _NOTHING_SETTLED).makes_void(update.content, planned_in)
        }
        self._connection.executemany(
            "insert into visitors_so_far values (?, ?, ?)",
            [
                (key, update.content, new[key][1] if key in new else None)
                for key, update in first.items()
            ],
        )
        writer.add(line for line, _ in new.values())
        return len(new)

    def _own_keys(self, keys: list[bytes]) -> list[bytes]:
        """The keys, where identical rows are counted each with its number."""
        if self._settings.identical_rows == "distinct":
            return keys
        count = (
            "insert into rows_so_far values (?, 0) "
            "on conflict do update set count = count + 1 returning count"
        )
        return [
            numbered(key, number)
            for key in keys
            for (number,) in self._connection.execute(count, (key,)).fetchall()
        ]

    def _known_things(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys that are in the ledger and will not be withdrawn."""
        if not self._has_things:
            return set()
        return {
            key
            for some in _some_at_once(keys)
            for key, file_id, line in self._connection.execute(
                "select key, file_id, line from things "
                f"where source_id = {self._source_id} and key in ({_marks(some)})",
                some,
            )
            if (file_id, line) not in self._withdrawn
        }

    def _planned_things(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys that earlier rows of this result have."""
        return {
            key
            for some in _some_at_once(keys)
            for (key,) in self._connection.execute(
                f"select key from planned_things where key in ({_marks(some)})", some
            )
        }

    def _settled_updates(self, visitor_keys: Sequence[bytes]) -> "dict[bytes, _Settled]":
        """What became of the updates of those of the visitors that had any."""
        settled: dict[bytes, _Settled] = {}
        for some in _some_at_once(visitor_keys):
            for visitor_key, *update in self._connection.execute(
                "select visitor_key, content, state, last_request, u.file_id "
                "from profile_updates as u join batches as b on b.file_id = u.file_id "
                "and line >= b.first_line and line < b.first_line + b.line_count "
                "where state in ('accepted', 'rejected', 'unknown') "
                f"and source_id = {self._source_id} and visitor_key in ({_marks(some)})",
                some,
            ):
                settled.setdefault(visitor_key, _Settled()).add(*update)
        return settled

    def commit(self, plan: Plan, planned_at: str) -> None:
        """Withdraw what was planned before and enter the plan, in one transaction."""
        with self._ledger.transaction():
            self._withdrawn.remove(plans=not self._dry_run)
            self._enter(plan, planned_at)
            if self._shape is Shape.EVENTS and not self._dry_run:
                self._connection.execute(
                    "update sources set identifiers = ? where source_id = ?",
                    [orjson.dumps(self._settings.identifiers).decode(), self._source_id],
                )
            self._connection.execute(
                "insert or ignore into set_aside select ?, ?, key, ?, ?, ?, reason, row "
                "from planned_set_aside",
                [
                    self._source_id,
                    self._log_day.isoformat(),
                    plan.shape,
                    self._dry_run,
                    planned_at,
                ],
            )

    def _enter(self, plan: Plan, planned_at: str) -> None:
        first_number = 0
        for file in plan.files:
            file_id = self._connection.execute(
                "insert into files (source_id, shape, log_day, path, line_count, byte_count, "
                "is_dry_run, planned_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    self._source_id,
                    plan.shape,
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
            self._connection.execute("insert into places values (?, ?)", [first_number, file_id])
            first_number += file.line_count
        if not self._dry_run:
            place = (
                "join places on first_number = "
                "(select max(first_number) from places where first_number <= number)"
            )
            self._connection.execute(
                "insert into things select ?, key, file_id, number - first_number "
                f"from planned_things {place} order by key",
                [self._source_id],
            )
            self._connection.execute(
                "insert into profile_updates "
                "select ?, key, file_id, number - first_number, content "
                f"from visitors_so_far {place} order by key",
                [self._source_id],
            )
            self._connection.executemany(
                "update batches set state = 'superseded', "
                "reason = 'sent again, or made void by a newer update' where batch_id = ?",
                [(batch.batch_id,) for batch in self._unknown],
            )
        self._ledger.count_change()


@dataclass
class _Settled:
    """What became of a visitor's profile updates so far."""

    latest: bytes | None = None
    """The content of the latest one, if it is there for sure."""
    accepted_file: int = 0
    """The latest file with one that is there for sure."""
    rejected: set[bytes] = field(default_factory=set)
    _latest_request: int = -1

    def add(self, content: bytes, state: str, last_request: int, file_id: int) -> None:
        """Take one more into account."""
        if state == State.REJECTED:
            self.rejected.add(content)
            return
        if last_request > self._latest_request:
            self._latest_request = last_request
            self.latest = content if state == State.ACCEPTED else None
        if state == State.ACCEPTED:
            self.accepted_file = max(self.accepted_file, file_id)

    def makes_void(self, content: bytes, planned_in: int | None = None) -> bool:
        """Whether an update, new or planned in that file, need not or must not be sent."""
        is_outdated = planned_in is not None and planned_in < self.accepted_file
        return is_outdated or content == self.latest or content in self.rejected


_NOTHING_SETTLED = _Settled()


class _Withdrawn:
    """What is planned for a source's day: nothing of it was taken, and it will be planned anew.

    Profile updates of all days are; what was asked for by name stays planned. Dry runs always go.
    """

    def __init__(self, ledger: Ledger, source_id: int, log_day: date, shape: Shape) -> None:
        self._ledger = ledger
        self._source_id = source_id
        self._shape = shape
        self._log_day = log_day.isoformat()
        self._places: dict[int, list[range]] = {}
        for file_id, first, line_count in ledger.connection.execute(
            f"select file_id, first_line, batches.line_count {self._plans()}",
            [source_id, self._log_day],
        ):
            self._places.setdefault(file_id, []).append(range(first, first + line_count))

    def _plans(self) -> str:
        also = "or shape = 'profiles'" if self._shape is Shape.PROFILES else ""
        return f"{self._PLANNED} and (log_day = ? {also}) and not is_dry_run and not is_asked_for"

    _PLANNED = "from batches join files using (file_id) where state = 'planned' and source_id = ?"

    def __contains__(self, place: tuple[int, int]) -> bool:
        file_id, line = place
        return any(line in lines for lines in self._places.get(file_id, ()))

    def remove(self, *, plans: bool) -> None:
        """Remove it from the ledger, within a transaction: dry runs, and what is planned."""
        connection = self._ledger.connection
        day = [self._source_id, self._log_day]
        condition = "true" if plans else "is_dry_run"
        connection.execute(
            f"delete from set_aside where source_id = ? and log_day = ? and {condition}", day
        )
        gone = connection.execute(
            f"select file_id, batch_id {self._PLANNED} and log_day = ? and is_dry_run", day
        ).fetchall()
        if plans:
            gone += connection.execute(f"select file_id, batch_id {self._plans()}", day).fetchall()
            for file_id, stretches in self._places.items():
                for lines in stretches:
                    for table in ("things", "profile_updates"):
                        connection.execute(
                            f"delete from {table} where source_id = ? and file_id = ? "
                            "and line >= ? and line < ?",
                            [self._source_id, file_id, lines.start, lines.stop],
                        )
        connection.executemany(
            "delete from batches where batch_id = ?", [(batch_id,) for _, batch_id in gone]
        )
        files = {file_id for file_id, _ in gone}
        connection.executemany(
            "delete from files where file_id = ? "
            "and not exists (select 1 from batches where batches.file_id = files.file_id)",
            [(file_id,) for file_id in files],
        )


@contextmanager
def _temporary_tables(ledger: Ledger) -> Iterator[None]:
    """Empty temporary tables while the block runs."""
    for name, columns in _TEMPORARY_TABLES.items():
        ledger.connection.execute(f"create temp table {name} {columns}")
    try:
        yield
    finally:
        for name in _TEMPORARY_TABLES:
            ledger.connection.execute(f"drop table temp.{name}")


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Rows have no cycles, and to look for some takes longer than all else."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _some_at_once(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]


def _marks(values: Sequence[bytes]) -> str:
    return ",".join("?" * len(values))
