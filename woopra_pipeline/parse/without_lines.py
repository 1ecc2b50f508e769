"""A parsed day without some of its lines, made of its own files: its raw file is gone."""

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from woopra_pipeline.files import make_folder, remove, sync
from woopra_pipeline.parse.parsed_days import ParsedDay, write_manifest
from woopra_pipeline.parse.parts import write_table
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    PARSED_TABLES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
)

FOLDER_NAME_LENGTH = 16


def leave_out(day: ParsedDay, log_lines: AbstractSet[int]) -> ParsedDay:
    """Make the parsed day again without these lines, which count as erased (R10).

    None of them is a delete line.
    It becomes current whole or not at all (R9), and the earlier folder is removed. Whoever calls
    it holds the lock of the day's folder.
    """
    wanted = pa.array(sorted(log_lines), pa.int32())
    text = f"{day.fingerprint} without {sorted(log_lines)}"
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    folder = day.folder.with_name(fingerprint[:FOLDER_NAME_LENGTH])
    remove(folder)
    make_folder(folder)
    files, checksums = {}, {}
    counts = dict.fromkeys(("visit", "identify", "action", "property", "rejected"), 0)
    for table in PARSED_TABLES:
        for path in day.parquet_files(table):
            rows = pq.read_table(path)
            rows = rows.filter(pc.invert(pc.is_in(rows["log_line"], value_set=wanted)))
            files[path.name], checksums[path.name] = write_table(rows, folder / path.name)
            sync(folder / path.name)
            if table is VISITS_LOG:
                identifies = pc.sum(pc.equal(rows["type"], "identify")).as_py() or 0
                counts["identify"] += identifies
                counts["visit"] += rows.num_rows - identifies
            elif table is ACTIONS_LOG:
                counts["action"] += rows.num_rows
            elif table is PROPERTIES_LOG:
                counts["property"] += rows.num_rows
            elif table is REJECTED_LINES_LOG:
                counts["rejected"] += rows.num_rows
    sync(folder)
    sync(folder.parent)
    made = replace(
        day,
        fingerprint=fingerprint,
        folder=folder,
        erased_count=day.erased_count + len(log_lines),
        files=files,
        checksums=checksums,
        visit_count=counts["visit"],
        identify_count=counts["identify"],
        action_count=counts["action"],
        property_count=counts["property"],
        rejected_count=counts["rejected"],
    )
    write_manifest(made)
    remove(day.folder)
    return made
