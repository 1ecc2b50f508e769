"""Parsed days written straight from `parse_line`: the model's input without archive and speed."""

import hashlib
from datetime import UTC, date, datetime

import pyarrow as pa
from pyarrow import parquet

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline.parse.lines import (
    BlankLine,
    DeleteLine,
    RejectedLine,
    VisitLine,
    parse_line,
    split_lines,
)
from woopra_pipeline.parse.parsed_days import ParsedDay, write_manifest
from woopra_pipeline.tables import PARSED_TABLES

FETCHED_AT = datetime(2026, 4, 1, tzinfo=UTC)


def put_day(directory: DataDirectory, log_day: date, file: bytes, *, is_open: bool = False) -> None:
    """Make `file` the parsed day `log_day`, as a whole or so far."""
    rows: dict[str, list[dict[str, object]]] = {table.name: [] for table in PARSED_TABLES}
    blank_count = 0
    lines = split_lines(file)
    for log_line, line in enumerate(lines, start=1):
        where = {"log_day": log_day, "log_line": log_line}
        match parse_line(line):
            case VisitLine() as visit:
                where["pid"] = visit.pid
                rows["visits_log"].append(where | {"type": visit.type} | visit.columns)
                rows["actions_log"] += [
                    where | {"action_index": index} | action
                    for index, action in enumerate(visit.actions)
                ]
                rows["properties_log"] += [
                    where | {"key": key, "value": value} for key, value in visit.properties.items()
                ]
            case DeleteLine(pid, new_id, extra):
                rows["deletes_log"].append(where | {"pid": pid, "new_id": new_id, "extra": extra})
            case RejectedLine(reason, raw):
                rows["rejected_lines_log"].append(where | {"reason": reason, "raw": raw})
            case BlankLine():
                blank_count += 1
    sha256 = hashlib.sha256(file).hexdigest()
    folder = directory.parsed / log_day.isoformat() / sha256[:16]
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for table in PARSED_TABLES:
        path = folder / f"{table.name}-00000.parquet"
        parquet.write_table(pa.Table.from_pylist(rows[table.name], table.arrow_schema), path)
        files[path.name] = path.stat().st_size
    types = [row["type"] for row in rows["visits_log"]]
    write_manifest(
        ParsedDay(
            log_day=log_day,
            fingerprint=f"{sha256} so far" if is_open else sha256,
            folder=folder,
            raw_sha256=sha256,
            raw_bytes=len(file),
            fetched_at=FETCHED_AT,
            parser_version=1,
            line_count=len(lines),
            visit_count=types.count("visit"),
            identify_count=types.count("identify"),
            delete_count=len(rows["deletes_log"]),
            action_count=len(rows["actions_log"]),
            property_count=len(rows["properties_log"]),
            rejected_count=len(rows["rejected_lines_log"]),
            blank_count=blank_count,
            files=files,
            is_open=is_open,
        )
    )


def remove_day(directory: DataDirectory, log_day: date) -> None:
    """Forget the parsed day `log_day`."""
    remove(directory.parsed / log_day.isoformat())
