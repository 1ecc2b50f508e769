"""The queries of the typed tables, whose columns follow from the dictionary (R11).

Each table is made from one of two templates, over what `typed.sql` makes.
"""

from woopra_pipeline.lake import readings
from woopra_pipeline.lake.engine import Engine
from woopra_pipeline.lake.lake_tables import LakeTable
from woopra_pipeline.model.typed_tables import TypedColumn, TypedRelation

EVENT = """
    select {columns}
    from (
        select {own}{values}
        from event_rows
        where relation = {relation}
    ) as placed
"""
EVENT_VALUE = ", members[{key}] as v{place}"

PEOPLE = """
    select {columns}
    from (
        select {own}{values}
        from seen_profiles
        left join people_values on seen_profiles.pid = people_values.pid
        group by {own}
    ) as placed
"""
PEOPLE_VALUE = ", max(case when people_values.key = {key} then people_values.value end) as v{place}"


def query_of(engine: Engine, relation: TypedRelation, table: LakeTable) -> str:
    """The query for the rows of a typed table, with the names its columns have in the lake."""
    is_of_event = relation.event is not None
    own = [column.name for column in relation.own_columns]
    places = {column.key: place for place, column in enumerate(relation.columns, 1)}
    values = {name: name for name in own} | {
        column.name: _value(
            engine,
            column,
            f"v{places[column.key]}",
        )
        for column in relation.columns
    }
    columns = [
        engine.public_column(column, values[column.name], stored)
        for column, stored in zip(table.table.columns, table.stored_names, strict=True)
    ]
    value = EVENT_VALUE if is_of_event else PEOPLE_VALUE
    return (EVENT if is_of_event else PEOPLE).format(
        columns=", ".join(columns),
        own=", ".join(own if is_of_event else [f"seen_profiles.{name}" for name in own]),
        values="".join(
            value.format(key=engine.literal(column.key), place=places[column.key])
            for column in relation.columns
        ),
        relation=relation.number,
    )


def _value(engine: Engine, column: TypedColumn, value: str) -> str:
    """The SQL of a column's value, from a tagged value."""
    is_string, text = f"substr({value}, 1, 1) = '\"'", f"substr({value}, 2)"
    plain = f"case when {is_string} then {text} else {value} end"
    match column.type:
        case "BOOLEAN":
            return readings.boolean(plain)
        case "BIGINT":
            return readings.integer(plain)
        case "DOUBLE":
            return readings.double(plain)
        case "TIMESTAMPTZ":
            return readings.moment(plain)
        case "JSON" if column.is_pinned:
            return f"case when {is_string} then {engine.json_string(text)} else {value} end"
    return plain
