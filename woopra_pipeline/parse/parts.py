"""A piece of a day file as Parquet files of its own: the unit of work of a parse."""

from datetime import date
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from woopra_pipeline.files import make_file, sync
from woopra_pipeline.parse.chunks import parse_chunk
from woopra_pipeline.parse.parsed_days import checksum
from woopra_pipeline.parse.pseudonyms import Pseudonyms
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    PARSED_TABLES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
)


class Part(msgspec.Struct, frozen=True):
    """Where a piece of a day file is, and where its Parquet files belong.

    `number` counts the pieces of the file from 0; `first_line` is the 1-based number of the
    piece's first line in the file. `pseudonyms` says what is replaced on the way, if anything.
    """

    log_day: date
    number: int
    first_line: int
    folder: str
    pseudonyms: Pseudonyms | None = None


class WrittenPart(msgspec.Struct, frozen=True):
    """What a piece of a day file held, and its Parquet files: their sizes in bytes, checksums."""

    line_count: int
    visit_count: int
    identify_count: int
    delete_count: int
    action_count: int
    property_count: int
    rejected_count: int
    blank_count: int
    erased_count: int
    files: dict[str, int]
    checksums: dict[str, str]


def write_part(part: Part, chunk: bytes) -> WrittenPart:
    """Parse `chunk` and write its tables, durably; only the first part writes empty ones too.

    Raises `OSError` if the files cannot be written.
    """
    written = make_part(part, chunk)
    sync_part(part, written)
    return written


def sync_part(part: Part, written: WrittenPart) -> None:
    """Wait until the files of a part are on disk."""
    for name in written.files:
        sync(Path(part.folder) / name)


def write_table(rows: pa.Table, path: Path) -> tuple[int, str]:
    """Write a Parquet file of a parsed day; returns its size in bytes and its checksum."""
    # In memory first: a checksum of what was read back would be that of any damage, too.
    content = pa.BufferOutputStream()
    pq.write_table(rows, content, compression="zstd", use_dictionary=False, write_statistics=False)
    buffer = memoryview(content.getvalue())
    make_file(path)
    path.write_bytes(buffer)
    return len(buffer), checksum(buffer)


def make_part(part: Part, chunk: bytes) -> WrittenPart:
    """What `write_part` does, before it waits for the disk."""
    if part.pseudonyms is not None:
        chunk = part.pseudonyms.lines(chunk)
    parsed = parse_chunk(chunk, part.log_day, part.first_line)
    files, checksums = {}, {}
    for table in PARSED_TABLES:
        rows = parsed.tables[table.name]
        if table is REJECTED_LINES_LOG and part.pseudonyms is not None:
            # What cannot be read cannot be replaced in part either.
            digests = [part.pseudonyms.digest(text) for text in rows["raw"].to_pylist()]
            raw = pa.array(digests, pa.string())
            rows = rows.set_column(
                rows.schema.get_field_index("raw"), rows.schema.field("raw"), raw
            )
        if rows.num_rows or part.number == 0:
            path = Path(part.folder) / f"{table.name}-{part.number:05}.parquet"
            files[path.name], checksums[path.name] = write_table(rows, path)
    counts = {name: rows.num_rows for name, rows in parsed.tables.items()}
    identify_count = pc.sum(pc.equal(parsed.tables[VISITS_LOG.name]["type"], "identify")).as_py()
    return WrittenPart(
        line_count=parsed.line_count,
        visit_count=counts[VISITS_LOG.name] - (identify_count or 0),
        identify_count=identify_count or 0,
        delete_count=counts[DELETES_LOG.name],
        action_count=counts[ACTIONS_LOG.name],
        property_count=counts[PROPERTIES_LOG.name],
        rejected_count=counts[REJECTED_LINES_LOG.name],
        blank_count=parsed.blank_count,
        erased_count=parsed.erased_count,
        files=files,
        checksums=checksums,
    )
