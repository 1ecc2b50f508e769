"""Events: rows that are grouped into visits.

Equal visitor, name, time and properties: same event.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.imports.batch_files import BatchWriter
from woopra_pipeline.imports.journals import PlanHeader
from woopra_pipeline.imports.lines import (
    EMPTY_VISIT,
    KEY_BYTES,
    Chunk,
    Event,
    digests,
    read_chunk,
    texts,
    visit_of,
)
from woopra_pipeline.imports.planning.planner import Planner
from woopra_pipeline.imports.planning.staging import key_array
from woopra_pipeline.imports.sources import Shape

EVENTS_AT_ONCE = 2_048
VISITS_AT_ONCE = 2_048
SORTED_BYTES = 60_000_000
"""How many events are sorted at once, rounded to whole visitors.

DuckDB spills rows that it sorts to disk, but not if they are long: with the memory of a plan, 1.5.5
sorts twelve million rows of 170 bytes, and runs out of memory over 600,000 rows of 1.1 kB.
"""


class Events(Planner):
    """Plans events; no line is written before all of a visitor's events are known."""

    shape = Shape.EVENTS
    columns = "number bigint, key blob, visitor_key blob, time bigint, visitor blob, action blob"

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._require_same_identifiers()
        self._staged_bytes = 0
        self._staging.execute("create table events_of_lines (line bigint, key blob)")

    def _require_same_identifiers(self) -> None:
        """Raise `ConfigurationError` if known events would not be recognised."""
        known = self._ledger.event_identifiers(self._source)
        if list(self._settings.identifiers[: len(known)]) != known:
            raise ConfigurationError(
                f"The events of {self._source} are known by the identifiers {', '.join(known)}: "
                "add others after these, because in another order all events would be sent again"
            )

    def _read(self, rows: pa.RecordBatch) -> Chunk:
        return read_chunk(rows, self._reader.event, read_plain_events)

    def _stage(self, columns: Sequence[Sequence[Any]], writer: BatchWriter) -> None:
        keys, visitor_keys, times, visitors, actions = columns
        self._staged_bytes += sum(map(len, visitors)) + sum(map(len, actions))
        self._staging.insert(
            "staged",
            {
                "number": self._numbers(len(keys)),
                "key": key_array(keys),
                "visitor_key": key_array(visitor_keys),
                "time": pa.array(times, pa.int64()),
                "visitor": pa.array(visitors, pa.binary()),
                "action": pa.array(actions, pa.binary()),
            },
        )

    def make_files(self, writer: BatchWriter) -> None:
        """When all rows were added, find the new ones, and make their files."""
        self.plan.known_count = self._staged_count - self._keep_new_records()
        visits = self._visits(self._by_visitor())
        while some := list(islice(visits, VISITS_AT_ONCE)):
            first = writer.line_count
            self._staging.insert(
                "events_of_lines",
                {
                    "line": np.repeat(
                        np.arange(first, first + len(some)), [len(events) for events in some]
                    ),
                    "key": key_array([event.key for events in some for event in events]),
                },
            )
            writer.add(
                [visit_of([e.visitor for e in visit], [e.action for e in visit]) for visit in some]
            )
        self.plan.files = writer.finish()

    def _by_visitor(self) -> Iterator[Event]:
        """The staged events of one visitor after another, each in the order of their times."""
        part_count = self._staged_bytes // SORTED_BYTES + 1
        bounds = [(part << 32) // part_count for part in range(part_count + 1)]
        for first, end in pairwise(bounds):
            last = (end - 1).to_bytes(4) + b"\xff" * KEY_BYTES
            for rows in self._staging.read(_EVENTS, [first.to_bytes(4), last], EVENTS_AT_ONCE):
                keys, visitor_keys, times, visitors, actions = rows.columns
                yield from map(
                    Event,
                    texts(keys),
                    texts(visitor_keys),
                    times.to_pylist(),
                    texts(visitors),
                    texts(actions),
                )

    def _new_records(self) -> Iterator[pa.RecordBatch]:
        return self._staging.in_order("from events_of_lines")

    def _visits(self, events: Iterable[Event]) -> Iterator[list[Event]]:
        """The events of each visit, given those of each visitor in the order of their times."""
        gap = self._settings.visit_gap_minutes * 60_000
        visit: list[Event] = []
        size = 0
        for event in events:
            # The visitor of a line is at most as long as the visitors of all its events together.
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

    def _enter(self, header: PlanHeader) -> None:
        super()._enter(header)
        if not self._dry_run:
            self._ledger.note_identifiers(self._source, self._settings.identifiers)


def read_plain_events(rows: pa.RecordBatch) -> Sequence[Sequence[Any]]:
    """The fields of `Event`, of plain rows."""
    visitor_keys = digests(texts(rows.column("identity")))
    actions = texts(rows.column("action"))
    keys = digests([key + action for key, action in zip(visitor_keys, actions, strict=True)])
    times = rows.column("time").to_pylist()
    return keys, visitor_keys, times, texts(rows.column("visitor")), actions


_EVENTS = """
    select key, visitor_key, time, visitor, action
    from staged
    where visitor_key between ? and ?
    order by visitor_key, time, action, key
"""
