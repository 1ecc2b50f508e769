"""Derives from the counts which typed tables there are, and their columns (R11).

The model's own code does that, on tables of the model that are filled with the counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from woopra_pipeline.model.database import statements
from woopra_pipeline.model.schema import (
    TYPED_COLUMNS,
    TYPED_PROPERTIES,
    TYPED_RELATIONS,
    TYPED_VALUES,
    create_table,
)
from woopra_pipeline.model.typed_tables import (
    MOST_DISTINCT,
    PEOPLE_NUMBER,
    TypedChoice,
    TypedRelation,
    save_relations,
    wanted_relations,
)
from woopra_pipeline.tables import PROPERTY_TYPES

NUMBERED = pa.schema([("relation", pa.int32()), ("event", pa.string())])

FILL = (
    f"insert into log.typed_relations values ({PEOPLE_NUMBER}, null, 0, false, null)",
    "insert into log.typed_relations by name "
    "select relation, event, row_count, is_left_out from given_names",
    "insert into log.typed_properties by name "
    "select * exclude (distinct_count), 0 as level from given_sums",
    # The view only counts digests, so any numbers will do.
    "insert into log.typed_values select relation, key, "
    f"unnest(range(least(distinct_count::bigint, {MOST_DISTINCT}))), 1 from given_sums",
)


@dataclass(frozen=True)
class Dictionary:
    """The typed relations with their columns, and the rows of `property_types`."""

    relations: Sequence[TypedRelation]
    property_types: pa.Table


def number_events(named_actions: pa.Table, choice: TypedChoice) -> pa.Table:
    """The action names that may have a table, each with its number.

    `typed.sql` makes `named_actions`.
    """
    numbers = [
        {"relation": number, "event": event}
        for number, event in _numbered(named_actions)
        if not choice.settings.leaves_out(event)
    ]
    return pa.Table.from_pylist(numbers, NUMBERED)


def make_dictionary(named_actions: pa.Table, sums: pa.Table, choice: TypedChoice) -> Dictionary:
    """The dictionary from `named_actions` and `typed_sums`, which `typed.sql` makes."""
    counts = {row["event"]: row["row_count"] for row in named_actions.to_pylist()}
    names = [
        {
            "relation": number,
            "event": event,
            "row_count": int(counts[event]),
            "is_left_out": choice.settings.leaves_out(event),
        }
        for number, event in _numbered(named_actions)
    ]
    schema = pa.schema([*NUMBERED, ("row_count", pa.int64()), ("is_left_out", pa.bool_())])
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; create schema log")
        for table in (TYPED_RELATIONS, TYPED_PROPERTIES, TYPED_VALUES, TYPED_COLUMNS):
            connection.execute(create_table(table))
        connection.register("given_names", pa.Table.from_pylist(names, schema))
        connection.register("given_sums", sums)
        for statement in FILL:
            connection.execute(statement)
        relations = list(wanted_relations(connection, choice).values())
        for relation in relations:
            relation.places = {column.key: column.name for column in relation.columns}
        save_relations(connection, relations)
        connection.execute(statements("views/property_types"))
        property_types = connection.sql("from property_types").to_arrow_table()
    return Dictionary(relations, property_types.cast(PROPERTY_TYPES.arrow_schema))


def _numbered(named_actions: pa.Table) -> list[tuple[int, str]]:
    return list(enumerate(sorted(named_actions["event"].to_pylist()), PEOPLE_NUMBER + 1))
