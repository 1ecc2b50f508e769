"""The tables of the lake from the parsed days: the queries of `model.sql`, run on an engine."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from woopra_pipeline.lake.engine import Engine, layout_of
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.script import queries
from woopra_pipeline.model.merge_forest import number_forest
from woopra_pipeline.model.update import SWEEP_FACTOR
from woopra_pipeline.parse.parsed_days import ParsedDay
from woopra_pipeline.tables import LAKE_TABLES, LOG_DAYS, PARSED_TABLES, ModelTable

BEFORE_FOREST, FOREST = "merge_steps", "forest"


def compute_tables(
    engine: Engine,
    lake: Lake,
    days: Sequence[ParsedDay],
    folder_of: Callable[[ModelTable], str],
    *,
    applied_at: datetime,
    sweep_factor: int = SWEEP_FACTOR,
) -> None:
    """Write every public table, made from `days` alone (R7), as Parquet files.

    The folder of a day is a name in the lake, and so is what `folder_of` returns, where nothing may
    be yet. `applied_at` becomes that of all days. `sweep_factor` says which way of the audit is
    taken (`model.sql`); it changes nothing in the tables.

    The steps of all merges are in this process's memory for a moment, some 200 bytes for each.
    """
    for table in PARSED_TABLES:
        files = [path.as_posix() for day in days for path in day.parquet_files(table)]
        if files:
            engine.read(table.name, [lake.uri(file) for file in files], table)
        else:
            engine.give(table.name, table.arrow_schema.empty_table())
    engine.give("day_ledger", _ledger(days, applied_at))
    phrases = {**engine.phrases, "sweep_factor": str(sweep_factor)}
    for query in queries():
        (engine.keep if query.is_kept else engine.define)(query.name, query.filled(phrases))
        if query.name == BEFORE_FOREST:
            engine.give(FOREST, follow(engine.fetch(f"select * from {BEFORE_FOREST}")))
    for table in LAKE_TABLES:
        engine.write(engine.public_query(table), folder_of(table), layout_of(table))


def _ledger(days: Sequence[ParsedDay], applied_at: datetime) -> pa.Table:
    rows = [dataclasses.asdict(day) | {"applied_at": applied_at} for day in days]
    names = LOG_DAYS.column_names
    return pa.Table.from_pylist(
        [{name: row[name] for name in names} for row in rows], LOG_DAYS.arrow_schema
    )


def follow(steps: pa.Table) -> pa.Table:
    """The forest of all merges (R4), from the next step of each.

    In and out as `model.sql` says: `merge_steps` and `forest`, one row for each delete line.
    """
    position = steps["log_position"].to_numpy()
    onward, end = (
        steps[name].fill_null(-1).to_numpy() for name in ("onward_position", "end_position")
    )
    order = np.argsort(position)
    position, onward, end = position[order], onward[order], end[order]
    # A path that ends at a pid has a node for that pid as its last one, behind all deletes.
    end_positions = np.unique(end[end >= 0])
    parent = np.full(len(position) + len(end_positions), -1, dtype=np.int64)
    steps_on, ends = np.flatnonzero(onward >= 0), np.flatnonzero(end >= 0)
    parent[steps_on] = np.searchsorted(position, onward[steps_on])
    parent[ends] = len(position) + np.searchsorted(end_positions, end[ends])
    forest = number_forest(parent)
    count = len(position)
    return pa.table(
        {
            "log_position": position,
            "last_position": np.concatenate([position, end_positions])[forest.root[:count]],
            "hops": forest.depth[:count].astype(np.int32),
            "path_first": forest.first[:count],
            "path_last": forest.last[:count],
        }
    )
