"""Computes the lake's tables from the parsed days: runs `model.sql` and `typed.sql`."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from woopra_pipeline.lake import readings
from woopra_pipeline.lake.dictionary import Dictionary, make_dictionary, number_events
from woopra_pipeline.lake.engine import Engine, layout_of
from woopra_pipeline.lake.lake_tables import LakeTable, declared_tables, typed_table
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.script import queries
from woopra_pipeline.lake.typed_tables import query_of
from woopra_pipeline.model.merge_forest import number_forest
from woopra_pipeline.model.typed_tables import TypedChoice
from woopra_pipeline.model.update import SWEEP_FACTOR
from woopra_pipeline.parse.parsed_days import ParsedDay
from woopra_pipeline.tables import LOG_DAYS, PARSED_TABLES

BEFORE_FOREST, FOREST = "merge_steps", "forest"
BEFORE_EVENTS, EVENTS = "named_actions", "typed_events"
BEFORE_DICTIONARY, DICTIONARY = "typed_sums", "dictionary"


def compute_tables(
    engine: Engine,
    lake: Lake,
    days: Sequence[ParsedDay],
    folder_of: Callable[[LakeTable], str],
    *,
    applied_at: datetime,
    choice: TypedChoice | None = None,
    sweep_factor: int = SWEEP_FACTOR,
) -> list[LakeTable]:
    """Write every public table, made from `days` alone (R7), as Parquet files; returns which.

    The folder of a day is a name in the lake. So is what `folder_of` returns; that folder must be
    empty. All days get this `applied_at`. `choice` has the users' settings of the typed tables.
    `sweep_factor` selects one of two ways of the audit (`model.sql`); the tables are the same
    either way.

    The steps of all merges are in this process's memory for a moment, some 200 bytes for each, and
    so are the names of all actions and properties.
    """
    choice = choice or TypedChoice()
    for table in PARSED_TABLES:
        files = [path.as_posix() for day in days for path in day.parquet_files(table)]
        if files:
            engine.read(table.name, [lake.uri(file) for file in files], table)
        else:
            engine.give(table.name, table.arrow_schema.empty_table())
    engine.give("day_ledger", _ledger(days, applied_at))
    engine.give("identifier_keys", pa.table({"key": _texts(choice.settings.identifiers)}))
    dictionary = _run_script(engine, choice, sweep_factor)
    written = declared_tables()
    for lake_table in written:
        public = lake_table.table
        engine.write(engine.public_query(public), folder_of(lake_table), layout_of(public))
    for relation in dictionary.relations:
        lake_table = typed_table(relation)
        query = query_of(engine, relation, lake_table)
        engine.write(query, folder_of(lake_table), layout_of(lake_table.table))
        written.append(lake_table)
    return written


def _run_script(engine: Engine, choice: TypedChoice, sweep_factor: int) -> Dictionary:
    """Run all queries, and what Python does between them."""
    phrases = {
        **engine.phrases,
        "sweep_factor": str(sweep_factor),
        "tagged_members": engine.tagged_members("properties"),
        "integer": readings.integer("plain"),
        "double": readings.double("plain"),
        "moment": readings.moment("plain"),
    }
    named_actions = sums = pa.table({})
    for query in queries():
        (engine.keep if query.is_kept else engine.define)(query.name, query.filled(phrases))
        if query.name == BEFORE_FOREST:
            engine.give(FOREST, follow(engine.fetch(f"select * from {BEFORE_FOREST}")))
        if query.name == BEFORE_EVENTS:
            named_actions = engine.fetch(f"select * from {BEFORE_EVENTS}")
            engine.give(EVENTS, number_events(named_actions, choice))
        if query.name == BEFORE_DICTIONARY:
            sums = engine.fetch(f"select * from {BEFORE_DICTIONARY}")
            dictionary = make_dictionary(named_actions, sums, choice)
            engine.give(DICTIONARY, dictionary.property_types)
    return dictionary


def _texts(texts: Sequence[str]) -> pa.Array:
    return pa.array(sorted(set(texts)), pa.string())


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
    # The last node of a path that ends at a pid is a node for that pid, numbered after all deletes.
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
