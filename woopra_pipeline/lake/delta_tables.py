"""The lake's tables as Delta tables: Parquet files of any engine, committed by delta-rs.

    tables/TABLE/_delta_log/                 what delta-rs commits
    tables/TABLE/<revision>/*.parquet        the files of one revision, large tables by month
    tables/events/TABLE/…                    the same for the typed tables of events

An engine need not know Delta. A commit replaces all files of a table by those of a revision, and
contains its name. Earlier versions can be read as long as their files are kept.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from woopra_pipeline.errors import LakeError
from woopra_pipeline.lake.engine import MONTH, layout_of
from woopra_pipeline.lake.lake_tables import LakeTable
from woopra_pipeline.lake.location import Entry, Lake, missing_extra
from woopra_pipeline.sql_text import literal
from woopra_pipeline.tables import Column, ColumnType

try:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
    from deltalake.schema import Field, PrimitiveType, Schema
    from deltalake.transaction import AddAction, create_table_with_add_actions
except ModuleNotFoundError:
    raise missing_extra() from None

DELTA_TYPES: Mapping[ColumnType, str] = {
    ColumnType.BIGINT: "long",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.DOUBLE: "double",
    ColumnType.INTEGER: "integer",
    ColumnType.JSON: "string",
    ColumnType.TIMESTAMPTZ: "timestamp",
    ColumnType.VARCHAR: "string",
}

MONTH_COLUMN = Column(
    MONTH, ColumnType.DATE, "First day of the month of log_day: the table is partitioned by it"
)

ROW_COUNTS = """
    select file_name, any_value(num_rows) from parquet_file_metadata([{files}]) group by file_name
"""
LOG_DAYS = """
    select
        file_name,
        min(stats_min_value::date)::varchar,
        max(stats_max_value::date)::varchar,
        sum(stats_null_count),
        bool_and(stats_min_value is not null)
    from parquet_metadata([{files}])
    where path_in_schema = 'log_day'
    group by file_name
"""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table: its path below the table, and what a commit says about it."""

    path: str
    size: int
    modified_ms: int
    """When it was written, in UNIX milliseconds."""
    month: str | None
    """The month of its rows, if the table is partitioned."""
    row_count: int
    log_days: tuple[str, str] | None
    """The first and the last log day in it, if the file says so."""


def data_files(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: LakeTable, revision: str
) -> list[DataFile]:
    """The files of a revision that have rows; `connection` can reach the lake."""
    entries = [
        entry
        for entry in lake.entries(table.data_folder(revision))
        if entry.name.endswith(".parquet")
    ]
    if not entries:
        return []
    files = ", ".join(literal(lake.uri(entry.name)) for entry in entries)
    row_counts = dict(connection.execute(ROW_COUNTS.format(files=files)).fetchall())
    log_days = {
        name: (first, last)
        for name, first, last, _, is_known in connection.execute(
            LOG_DAYS.format(files=files)
        ).fetchall()
        if is_known
    }
    return [
        DataFile(
            path=entry.name.removeprefix(f"{table.folder}/"),
            size=entry.size,
            modified_ms=int(entry.modified_at.timestamp() * 1000),
            month=_month_of(entry.name),
            row_count=row_counts[lake.uri(entry.name)],
            log_days=log_days.get(lake.uri(entry.name)),
        )
        for entry in sorted(entries, key=lambda entry: entry.name)
        if row_counts[lake.uri(entry.name)]
    ]


def _month_of(name: str) -> str | None:
    prefix = f"{MONTH}="
    return next(
        (part.removeprefix(prefix) for part in name.split("/") if part.startswith(prefix)), None
    )


def open_table(lake: Lake, folder: str, version: int | None = None) -> DeltaTable | None:
    """The table in a folder at its latest version, or at this one; None if there is none yet."""
    address = lake.uri(folder)
    try:
        return DeltaTable(address, version=version, storage_options=lake.storage_options)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError):
        raise LakeError(
            f"{address} cannot be read as a Delta table: remove that folder, "
            "then `woopra-pipeline lake update` makes it again"
        ) from None


def commit(
    lake: Lake,
    table: LakeTable,
    before: DeltaTable | None,
    files: Sequence[DataFile],
    revision: str,
) -> int | None:
    """Replace the files of a table by these; returns the new version.

    `before` is the table as it was opened. If it has another version by then, nothing is committed,
    and None is returned.
    """
    schema = delta_schema(table)
    partition_by = [MONTH] if layout_of(table.table).by_month else None
    properties = CommitProperties(custom_metadata={"revision": revision}, max_commit_retries=0)
    actions: list[Any] = [_add_action(file) for file in files]
    try:
        if before is not None and before.schema() == schema:
            before.create_write_transaction(
                actions,
                mode="overwrite",
                schema=schema,
                partition_by=partition_by,
                commit_properties=properties,
            )
            return before.version() + 1
        create_table_with_add_actions(
            lake.uri(table.folder),
            schema,
            actions,
            mode="error" if before is None else "overwrite",
            partition_by=partition_by,
            name=table.name,
            description=table.table.comment,
            storage_options=lake.storage_options,
            commit_properties=properties,
        )
    except CommitFailedError:
        return None
    except DeltaError:
        if before is None and open_table(lake, table.folder) is not None:
            return None
        raise
    return 0 if before is None else before.version() + 1


def _add_action(file: DataFile) -> AddAction:
    statistics: dict[str, object] = {"numRecords": file.row_count}
    if file.log_days is not None:
        first, last = file.log_days
        statistics |= {
            "minValues": {"log_day": first},
            "maxValues": {"log_day": last},
            "nullCount": {"log_day": 0},
        }
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values={} if file.month is None else {MONTH: file.month},
        modification_time=file.modified_ms,
        data_change=True,
        stats=json.dumps(statistics),
    )


def delta_schema(table: LakeTable) -> Schema:
    """The schema of a table, with what its columns mean."""
    columns = [
        *zip(table.stored_names, table.table.columns, strict=True),
        *([(MONTH, MONTH_COLUMN)] if layout_of(table.table).by_month else []),
    ]
    return Schema(
        [
            Field(
                name,
                PrimitiveType(DELTA_TYPES[column.type]),
                nullable=column.nullable,
                metadata={"comment": column.comment},
            )
            for name, column in columns
        ]
    )


def files_of(lake: Lake, table: LakeTable, version: int) -> list[str]:
    """The addresses of the files of a version of a table."""
    delta = open_table(lake, table.folder, version)
    if delta is None:
        raise LakeError(
            f"{lake.uri(table.folder)} is missing: `woopra-pipeline lake update` makes it"
        )
    actions = pa.table(delta.get_add_actions())
    paths = actions["path"].to_pylist() if actions.num_rows else []
    return [lake.uri(f"{table.folder}/{path}") for path in paths]


def vacuum(lake: Lake, folder: str, version: int, kept_for: timedelta) -> None:
    """Remove files of a table that have belonged to no version for longer than `kept_for`.

    None of `version` is removed.
    """
    delta = open_table(lake, folder)
    if delta is not None:
        delta.vacuum(
            retention_hours=int(kept_for / timedelta(hours=1)),
            dry_run=False,
            enforce_retention_duration=False,
            full=True,
            keep_versions=[version],
        )


def remove_table(lake: Lake, entries: Sequence[Entry]) -> None:
    """Remove a whole table, of which these are all files.

    The latest commits are removed first, one by one. So even if the process is killed, there is a
    readable table or none.
    """
    commits = [entry.name for entry in entries if "_delta_log" in Path(entry.name).parts]
    for name in sorted(commits, reverse=True):
        lake.remove([name])
    lake.remove([entry.name for entry in entries if entry.name not in commits])
