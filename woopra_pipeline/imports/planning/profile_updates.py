"""Profile updates: the first one of each visitor in a result, if it changes something."""

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from woopra_pipeline.imports.batch_files import BatchWriter, is_erased, read_lines
from woopra_pipeline.imports.journals import PlanHeader
from woopra_pipeline.imports.ledger import Batch, State
from woopra_pipeline.imports.lines import Chunk, SetAside, digests, read_chunk, texts
from woopra_pipeline.imports.planning.planner import Planner
from woopra_pipeline.imports.planning.staging import key_array
from woopra_pipeline.imports.sources import Shape

TWO_UPDATES = "the result has another update of this visitor: return one row for each visitor"


class ProfileUpdates(Planner):
    """Plans profile updates: one for each visitor, and only if it changes something."""

    shape = Shape.PROFILES
    columns = "number bigint, key blob, content blob, planned_in bigint"

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._unknown: list[Batch] = []

    def _read(self, rows: pa.RecordBatch) -> Chunk:
        return read_chunk(rows, self._reader.profile_update, read_plain_profile_updates)

    def _stage(
        self,
        columns: Sequence[Sequence[Any]],
        writer: BatchWriter,
        planned_in: int | None = None,
    ) -> None:
        keys, contents, lines = columns
        self._staging.insert(
            "staged",
            {
                "number": self._numbers(len(keys)),
                "key": key_array(keys),
                "content": key_array(contents),
                "planned_in": pa.repeat(pa.scalar(planned_in, pa.int64()), len(keys)),
            },
        )
        writer.add(lines)

    def make_files(self, writer: BatchWriter) -> None:
        """When all rows were added, find the new ones, and make their files."""
        row_count = self._staged_count
        self._stage_earlier_updates(writer)
        self._load_known()
        self._staging.execute(_FIRST_UPDATES)
        other_count = 0
        for lines in self._lines(writer.finish(), _OTHER_UPDATES):
            self._set_aside([SetAside(line.decode(), TWO_UPDATES) for line in lines])
            other_count += len(lines)
        self._write_new(writer, self._keep_new(_NEW_UPDATES))
        new_count = self._staging.count(f"select count(*) from staged where number < {row_count}")
        self.plan.known_count = row_count - new_count - other_count

    def _stage_earlier_updates(self, writer: BatchWriter) -> None:
        """Stage the updates of other runs that were never sent or may not have arrived.

        It does no harm to send an update twice. But one is left out if this result has another one
        of its visitor, or if a newer one was accepted.
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

    def _enter(self, header: PlanHeader) -> None:
        super()._enter(header)
        if not self._dry_run:
            self._ledger.supersede(self._unknown)


def read_plain_profile_updates(rows: pa.RecordBatch) -> Sequence[Sequence[Any]]:
    """The fields of `ProfileUpdate`, of plain rows."""
    lines = texts(rows.column("row"))
    return digests(texts(rows.column("identity"))), digests(lines), lines


# A struct, because `arg_min` skips NULL, and an update of this result has no file yet.
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

# The first update of each visitor counts. It is not sent in three cases: it equals the latest
# update that is in Woopra for sure (or may be there, if the ledger was lost); it was rejected; or
# it was planned before one that was accepted. A superseded update was unknown, so it may be in
# Woopra.
_NEW_UPDATES = """
    with
        settled as (
            select
                key,
                arg_max({'state': state, 'content': content}, request)
                    filter (state <> 'rejected') as latest,
                max(file_id) filter (state = 'accepted') as accepted_file
            from known
            where state in ('accepted', 'rejected', 'unknown', 'superseded', 'presumed')
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
