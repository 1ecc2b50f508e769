"""Visits: each row is a whole line. Visits are the same if their whole content is."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from woopra_pipeline.imports.batch_files import BatchWriter
from woopra_pipeline.imports.lines import Chunk, digests, read_chunk, texts
from woopra_pipeline.imports.planning.planner import Planner
from woopra_pipeline.imports.planning.staging import key_array
from woopra_pipeline.imports.sources import Shape


class Visits(Planner):
    """Plans visits; `staged` has a key for each line that was written."""

    shape = Shape.VISITS
    columns = "number bigint, key blob"

    def _read(self, rows: pa.RecordBatch) -> Chunk:
        return read_chunk(rows, self._reader.visit, read_plain_visits)

    def _stage(self, columns: Sequence[Sequence[Any]], writer: BatchWriter) -> None:
        keys, lines = columns
        self._staging.insert("staged", {"number": self._numbers(len(keys)), "key": key_array(keys)})
        writer.add(lines)

    def make_files(self, writer: BatchWriter) -> None:
        """When all rows were added, find the new ones, and make their files."""
        new_count = self._keep_new_records()
        self._write_new(writer, new_count)
        self.plan.known_count = self._staged_count - new_count


def read_plain_visits(rows: pa.RecordBatch) -> Sequence[Sequence[Any]]:
    """The fields of `Visit`, of plain rows."""
    lines = texts(rows.column("row"))
    return digests(lines), lines
