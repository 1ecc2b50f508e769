"""The typed relations: one for each action name in the schema `events`, and `people` (R11).

A type follows from the values of all living rows. So the values of each property are counted by
kind. An update adds the new values and subtracts those that are voided or removed. The type follows
from the sums. The rows of a relation are stored in a table of the schema `log`. Columns are only
added to it. Users see a view of it; its names and their order depend only on the days. Each update
adds and removes rows. A table is made again only if a column gets another type, or if a property
gets a column that the limits had left out.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb

from woopra_pipeline.control_characters import visible
from woopra_pipeline.model.database import statements
from woopra_pipeline.model.stages import Stage
from woopra_pipeline.model.typed_settings import (
    DEFAULT_SETTINGS,
    KEYS_VARIABLE,
    NAMES_VARIABLE,
    Property,
    TypedSettings,
)
from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.tables import EVENT_COLUMNS, PEOPLE, Column
from woopra_pipeline.woopra.log_days import log_position

ACTIONS_AT_ONCE = 1_000_000
"""How many actions are counted at a time if all are counted."""
MOST_DISTINCT = 100
"""How many different values are counted at most; also in `model/sql/views/property_types.sql`."""
MOST_NAMED = 5
"""How many of the left-out names and keys a message names."""
MOST_UNUSED = 50
"""How many unused stored columns a table may have before it is made again."""
LONGEST_SHOWN = 80
PEOPLE_NUMBER = 0
"""The number of the relation of the profiles."""

KINDS = {
    "BOOLEAN": ("boolean", "boolean_text"),
    "BIGINT": ("integer", "integer_text"),
    "DOUBLE": ("integer", "number", "integer_text", "number_text"),
    "TIMESTAMPTZ": ("time_text",),
}
"""The kinds of values that a type can take; JSON and VARCHAR take all."""
TEXTS = ("boolean_text", "integer_text", "number_text", "time_text", "text")


@dataclass(frozen=True)
class TypedColumn:
    """A column of a typed relation."""

    key: str
    name: str
    type: str
    is_pinned: bool

    @property
    def comment(self) -> str:
        """What users are told of it."""
        return f"Property {_shown(self.key)}"


@dataclass
class TypedRelation:
    """One event, or the profiles (`event` is None): its number, its view's name, its columns."""

    number: int
    event: str | None
    name: str
    columns: tuple[TypedColumn, ...]
    places: dict[str, str] = field(default_factory=dict)
    """The stored columns, by key."""

    @property
    def table(self) -> str:
        """The stored table."""
        return "log.people" if self.event is None else f"log.event_{self.number}"

    @property
    def view(self) -> str:
        """The view of it that users see, as SQL."""
        return "people" if self.event is None else f"events.{quoted(self.name)}"

    @property
    def living(self) -> str:
        """Its living rows with their `properties`, as SQL that may use `$event`."""
        if self.event is None:
            return "profiles"
        return "log.actions where name = $event and voided_by is null"

    @property
    def comment(self) -> str:
        """What users are told of it."""
        if self.event is None:
            return PEOPLE.comment
        return f"Living actions with the name {_shown(self.event)}"

    @property
    def own_columns(self) -> tuple[Column, ...]:
        """The columns that it has besides those of its properties."""
        return PEOPLE.columns if self.event is None else EVENT_COLUMNS


Types = Mapping[Property, str]


@dataclass(frozen=True)
class TypedChoice:
    """The settings that decide, besides the rows, which columns there are."""

    settings: TypedSettings = DEFAULT_SETTINGS
    pinned: Types = field(default_factory=dict)

    def fingerprint(self, connection: duckdb.DuckDBPyConnection) -> str:
        """A fingerprint that changes with any setting, and with the way DuckDB digests values."""
        ((digest,),) = connection.sql("select hash('a value')::varchar").fetchall()
        return hashlib.sha256(json.dumps([*self.content, digest]).encode()).hexdigest()

    @property
    def content(self) -> list[object]:
        """All settings, in a form that is the same for equal settings."""
        pinned = sorted(
            [event is None, event or "", *rest] for (event, *rest) in _flat(self.pinned)
        )
        return [vars(self.settings), pinned]


def _flat(pinned: Types) -> Iterable[tuple[str | None, str, str]]:
    return ((event, key, kind) for (event, key), kind in pinned.items())


def read_earlier_types(connection: duckdb.DuckDBPyConnection, choice: TypedChoice) -> Types:
    """The types with which changes are compared, by event and key.

    None if they come from other settings.
    """
    if not is_of_choice(connection, choice):
        return {}
    rows = connection.sql("select event, key, type from log.earlier_types").fetchall()
    return {(event, key): kind for event, key, kind in rows}


def is_of_choice(connection: duckdb.DuckDBPyConnection, choice: TypedChoice) -> bool:
    """Whether the typed relations were made with this choice."""
    return _read_fingerprint(connection) == choice.fingerprint(connection)


def _read_fingerprint(connection: duckdb.DuckDBPyConnection) -> str | None:
    rows = connection.sql("select fingerprint from log.typed_state").fetchall()
    return str(rows[0][0]) if rows else None


def update_typed_relations(
    connection: duckdb.DuckDBPyConnection,
    choice: TypedChoice,
    earlier_types: Types,
    notify: Callable[[str], None],
    *,
    is_day_over: bool,
) -> None:
    """Update the typed relations to the living rows, within the update's transaction.

    The working tables of the update have the added and removed rows. If the relations were made
    with another choice, or with none, they are made again from all rows. Types that differ from
    `earlier_types` are written to `log.type_changes`. While a day is followed (not `is_day_over`),
    later changes are compared with the same types, so that the check at night sees the changes of
    the whole day.
    """
    _set(connection, "most_distinct", MOST_DISTINCT)
    is_whole = not is_of_choice(connection, choice)
    if is_whole:
        _clear(connection, choice)
        _count_whole(connection, choice.settings)
    else:
        _run(connection, Stage.TYPED_CHANGES)
        _count(connection, choice.settings)
    wanted = wanted_relations(connection, choice)
    _Making(connection, wanted, is_whole=is_whole).run()
    _note_changes(connection, earlier_types, wanted.values())
    if is_day_over or is_whole:
        connection.execute(
            "delete from log.earlier_types; insert into log.earlier_types "
            "select event, key, type from property_types "
            "where type is not null and not is_pinned and value_count > 0"
        )
    _tell_what_is_left_out(connection, choice.settings, notify)


def _clear(connection: duckdb.DuckDBPyConnection, choice: TypedChoice) -> None:
    for relation in _present(connection).values():
        if relation.event is not None:
            connection.execute(f"drop view {relation.view}; drop table {relation.table}")
    for table in ("relations", "properties", "values", "columns", "state"):
        connection.execute(f"delete from log.typed_{table}")
    connection.execute("insert into log.typed_relations values (0, null, 0, false, null)")
    connection.execute("insert into log.typed_state values (?)", [choice.fingerprint(connection)])
    connection.execute("delete from log.identifier_keys")
    connection.execute(
        "insert into log.identifier_keys select distinct unnest(?::varchar[])",
        [list(choice.settings.identifiers)],
    )


def _count_whole(connection: duckdb.DuckDBPyConnection, settings: TypedSettings) -> None:
    """Count the values of all living rows, some days at a time."""
    days = connection.sql("select log_day, action_count from log.days order by log_day").fetchall()
    bounds: list[tuple[date, date]] = []
    count = 0
    for log_day, action_count in days:
        if bounds and count + action_count <= ACTIONS_AT_ONCE:
            bounds[-1] = (bounds[-1][0], log_day)
            count += action_count
        else:
            bounds.append((log_day, log_day))
            count = action_count
    for number, (first, last) in enumerate(bounds):
        _set(connection, "first_position", log_position(first, 0))
        _set(connection, "next_position", log_position(last + timedelta(days=1), 0))
        _set(connection, "with_profiles", number == 0)
        _run(connection, Stage.TYPED_WHOLE)
        _count(connection, settings)


def _count(connection: duckdb.DuckDBPyConnection, settings: TypedSettings) -> None:
    _run(connection, Stage.TYPED_RELATIONS)
    new = connection.sql(
        "select relation, event from log.typed_relations where is_left_out is null"
    ).fetchall()
    left_out = [number for number, event in new if event is not None and settings.leaves_out(event)]
    connection.execute(
        "update log.typed_relations set is_left_out = relation in (select unnest(?::bigint[])) "
        "where is_left_out is null",
        [left_out],
    )
    _run(connection, Stage.TYPED_PROPERTIES)
    _run(connection, Stage.TYPED_LEVELS)
    connection.execute(
        "delete from log.typed_relations where row_count = 0 and name is null and event is not null"
    )


_TYPE = f"""
    case
        when value_count = {" + ".join(f"{kind}_count" for kind in KINDS["BOOLEAN"])} then 'BOOLEAN'
        when value_count = {" + ".join(f"{kind}_count" for kind in KINDS["BIGINT"])} then 'BIGINT'
        when value_count = {" + ".join(f"{kind}_count" for kind in KINDS["DOUBLE"])} then 'DOUBLE'
        when value_count = time_text_count then 'TIMESTAMPTZ'
        when object_count + array_count > 0 and {" + ".join(f"{kind}_count" for kind in TEXTS)} = 0
            then 'JSON'
        else 'VARCHAR'
    end
"""


def wanted_relations(
    connection: duckdb.DuckDBPyConnection, choice: TypedChoice
) -> dict[int, TypedRelation]:
    """The relations that follow from the counts and the choice, by number.

    Reads log.typed_relations and log.typed_properties.
    """
    settings = choice.settings
    chosen = connection.execute(
        "select relation, event from log.typed_relations "
        "where event is not null and row_count > 0 and not is_left_out "
        "order by row_count desc, event limit ?",
        [settings.most_names],
    ).fetchall()
    names = distinct_names([event for _, event in chosen], ())
    numbers: dict[int, str | None] = {PEOPLE_NUMBER: None, **dict(chosen)}
    keys: dict[int, list[tuple[str, str]]] = {number: [] for number in numbers}
    rows = connection.execute(
        f"select relation, key, {_TYPE} as type "
        "from (select *, row_count - null_count as value_count from log.typed_properties) "
        "where relation in (select unnest(?::bigint[])) "
        "qualify row_number() over (partition by relation order by value_count desc, key) <= ? "
        "order by relation, value_count desc, key",
        [list(numbers), settings.most_keys],
    ).fetchall()
    for number, key, kind in rows:
        keys[number].append((key, kind))
    return {
        number: TypedRelation(
            number,
            event,
            "people" if event is None else names[event],
            _columns(choice, event, keys[number]),
        )
        for number, event in numbers.items()
    }


def _columns(
    choice: TypedChoice, event: str | None, keys: Sequence[tuple[str, str]]
) -> tuple[TypedColumn, ...]:
    """The columns of a relation in the order of their keys.

    `keys` come in the order of precedence.
    """
    reserved = [column.name for column in (PEOPLE.columns if event is None else EVENT_COLUMNS)]
    names = distinct_names([key for key, _ in keys], reserved)
    return tuple(
        TypedColumn(
            key,
            names[key],
            choice.pinned.get((event, key), kind),
            (event, key) in choice.pinned,
        )
        for key, kind in sorted(keys)
    )


def name_for_duckdb(text: str) -> str:
    """The text as a name that DuckDB accepts: with U+FFFD for each NUL, and `_` if it is empty."""
    return text.replace("\0", "\ufffd") or "_"


def distinct_names(
    wanted: Sequence[str],
    reserved: Sequence[str],
    written: Callable[[str], str] = name_for_duckdb,
) -> dict[str, str]:
    """A name for each of the texts.

    No two names, and no name and a reserved one, differ only in case.

    The name of a text is its `written` form, unless an earlier text has that name already. Then the
    first of `_2`, `_3`, … that is free is added.
    """
    taken = {name.lower() for name in reserved}
    names = {}
    for text in wanted:
        name = written(text)
        if name.lower() not in taken:
            taken.add(name.lower())
            names[text] = name
    for text in wanted:
        if text not in names:
            number = 2
            while f"{written(text)}_{number}".lower() in taken:
                number += 1
            names[text] = f"{written(text)}_{number}"
            taken.add(names[text].lower())
    return names


def _present(connection: duckdb.DuckDBPyConnection) -> dict[int, TypedRelation]:
    """The relations as they are stored, by number."""
    relations = {
        number: TypedRelation(number, event, name, ())
        for number, event, name in connection.sql(
            "select relation, event, name from log.typed_relations where name is not null"
        ).fetchall()
    }
    columns: dict[int, list[TypedColumn]] = {number: [] for number in relations}
    for number, key, place, *rest in connection.sql(
        "select relation, key, place, name, type, is_pinned from log.typed_columns order by key"
    ).fetchall():
        columns[number].append(TypedColumn(key, *rest))
        relations[number].places[key] = place
    for number, relation in relations.items():
        relation.columns = tuple(columns[number])
    return relations


_STORED_PLACES = """
    select 'log.' || table_name, column_name[2:]::bigint
    from duckdb_columns()
    where schema_name = 'log' and regexp_full_match(column_name, 'p[0-9]+')
"""


class _Making:
    """Changes the stored relations to the wanted ones."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        wanted: Mapping[int, TypedRelation],
        *,
        is_whole: bool,
    ) -> None:
        self.connection = connection
        self.wanted = wanted
        self.present = _present(connection)
        self.is_whole = is_whole
        self.new: set[tuple[int, str]] = set()
        self.reseen: set[tuple[int, str]] = set()
        self.changed: set[str | None] = set()
        self.stored_places: dict[str, list[int]] = defaultdict(list)
        self.forgotten: list[int] = []
        self.made: list[TypedRelation] = []
        if not is_whole:
            for table, place in self._rows(_STORED_PLACES):
                self.stored_places[table].append(place)
            self.new = set(self._rows("from new_properties"))
            self.reseen = set(self._rows("from reseen_properties"))
            self.changed = {event for (event,) in self._rows("select event from changed_relations")}

    def run(self) -> None:
        for number, relation in self.present.items():
            if self._has_other_view(number) and number != PEOPLE_NUMBER:
                self.connection.execute(f"drop view {relation.view}")
            if number not in self.wanted:
                self._drop(relation)
        for number, relation in self.wanted.items():
            before = self.present.get(number)
            is_rebuilt = before is None or self._needs_another_table(before, relation)
            if is_rebuilt:
                self._rebuild(relation)
            elif before is not None:
                self._change(before, relation)
            if is_rebuilt or self._has_other_view(number):
                self._make_view(relation)
            if not self.is_whole:
                self._renew_seen(relation, is_rebuilt=is_rebuilt)
        self._save()
        self._renew_values()

    def _rows(self, sql: str, parameters: object = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()

    def _has_other_view(self, number: int) -> bool:
        before, after = self.present.get(number), self.wanted.get(number)
        return (
            before is None
            or after is None
            or (before.name, before.columns) != (after.name, after.columns)
        )

    def _needs_another_table(self, before: TypedRelation, after: TypedRelation) -> bool:
        types = {column.key: column.type for column in before.columns}
        stored = self.stored_places[after.table]
        return len(stored) > 2 * len(after.columns) + MOST_UNUSED or any(
            types[column.key] != column.type
            if column.key in types
            else (after.number, column.key) not in self.new
            for column in after.columns
        )

    def _drop(self, relation: TypedRelation) -> None:
        self.connection.execute(f"drop table {relation.table}")
        self.forgotten.append(relation.number)

    def _rebuild(self, relation: TypedRelation) -> None:
        relation.places = {
            column.key: f"p{number}" for number, column in enumerate(relation.columns, 1)
        }
        columns = [
            f"{quoted(column.name)} {column.type.value}" for column in relation.own_columns
        ] + [f"{relation.places[column.key]} {column.type}" for column in relation.columns]
        self.connection.execute(f"create or replace table {relation.table} ({', '.join(columns)})")
        self._insert(relation, relation.living)

    def _change(self, before: TypedRelation, relation: TypedRelation) -> None:
        relation.places = {
            column.key: before.places[column.key]
            for column in relation.columns
            if column.key in before.places
        }
        missing = [column for column in relation.columns if column.key not in relation.places]
        if missing:
            last = max(self.stored_places[relation.table], default=0)
            for place, column in enumerate(missing, last + 1):
                relation.places[column.key] = f"p{place}"
                self.connection.execute(
                    f"alter table {relation.table} add column p{place} {column.type}"
                )
        if relation.event is None:
            renewed = "pid in (from touched_pids union all from reconsidered_pids)"
            self.connection.execute(f"delete from log.people where {renewed}")
            self._insert(relation, f"profiles where {renewed}")
        elif relation.event in self.changed:
            self.connection.execute(
                f"delete from {relation.table} using departed_actions as departed "
                f"where {relation.table.removeprefix('log.')}.log_day = departed.log_day "
                f"and {relation.table.removeprefix('log.')}.log_line = departed.log_line "
                "and departed.event = ?",
                [relation.event],
            )
            self._insert(relation, "arrived_actions where event = $event")

    def _insert(self, relation: TypedRelation, source: str) -> None:
        """Insert rows of a source that has the columns of the relation and `properties`."""
        names = [quoted(column.name) for column in relation.own_columns]
        places = [relation.places[column.key] for column in relation.columns]
        values = [_value(column, place) for place, column in enumerate(relation.columns, 1)]
        parameters: dict[str, object] = {}
        if "$event" in source:
            parameters["event"] = relation.event
        if values:
            parameters["paths"] = [_path(column.key) for column in relation.columns]
        texts = ", json_extract_string(properties, $paths) as texts" if values else ""
        if any("jsons[" in value for value in values):
            texts += ", json_extract(properties, $paths) as jsons"
        self.connection.execute(
            f"insert into {relation.table} ({', '.join([*names, *places])}) "
            f"select {', '.join([*names, *values])} "
            f"from (select {', '.join(names)}{texts} from {source})",
            parameters,
        )

    def _make_view(self, relation: TypedRelation) -> None:
        own = [quoted(column.name) for column in relation.own_columns]
        more = [
            f"{relation.places[column.key]} as {quoted(column.name)}" for column in relation.columns
        ]
        comments = {column.name: column.comment for column in relation.own_columns}
        comments |= {column.name: column.comment for column in relation.columns}
        made = [
            f"create or replace view {relation.view} as "
            f"select {', '.join([*own, *more])} from {relation.table}",
            f"comment on view {relation.view} is {literal(relation.comment)}",
            *(
                f"comment on column {relation.view}.{quoted(name)} is {literal(text)}"
                for name, text in comments.items()
            ),
        ]
        self.connection.execute("; ".join(made))
        self.made.append(relation)

    def _save(self) -> None:
        """Write down the present columns of all relations."""
        if not self.made and not self.forgotten:
            return
        save_relations(self.connection, self.made, self.forgotten)
        self.connection.execute(
            "delete from log.typed_relations where row_count = 0 and event is not null"
        )

    def _renew_seen(self, relation: TypedRelation, *, is_rebuilt: bool) -> None:
        """Find the first and the last value of properties whose first or last value was removed."""
        due = [
            column
            for column in relation.columns
            if is_rebuilt or (relation.number, column.key) in self.reseen
        ]
        if not due:
            return
        first, last = ("first_seen_at", "last_seen_at")
        if relation.event is not None:
            first = last = "seen_time(occurred_at)"
        parameters: dict[str, object] = {}
        source, present = (
            relation.table,
            [f"{relation.places[column.key]} is not null" for column in due],
        )
        # A pinned column is also NULL where a value does not fit.
        if any(column.is_pinned for column in due):
            texts = "json_extract_string(properties, $paths) as texts"
            source = f"(select *, {texts} from {relation.living})"
            present = [f"texts[{place}] is not null" for place in range(1, len(due) + 1)]
            parameters["paths"] = [_path(column.key) for column in due]
            if "$event" in relation.living:
                parameters["event"] = relation.event
        bounds = ", ".join(
            f"min({first}) filter ({condition}), max({last}) filter ({condition})"
            for condition in present
        )
        (found,) = self._rows(f"select {bounds} from {source}", parameters)
        self.connection.execute(
            "update log.typed_properties as known "
            "set first_seen_at = found.first_seen_at, last_seen_at = found.last_seen_at "
            "from (select unnest($keys::varchar[]) as key, "
            "unnest($firsts::timestamptz[]) as first_seen_at, "
            "unnest($lasts::timestamptz[]) as last_seen_at) as found "
            "where known.relation = $relation and known.key = found.key",
            {
                "keys": [column.key for column in due],
                "firsts": list(found[::2]),
                "lasts": list(found[1::2]),
                "relation": relation.number,
            },
        )

    def _renew_values(self) -> None:
        """Count different values again for properties of which too few digests are kept."""
        due = self._rows(
            "select relation, key from log.typed_properties "
            "semi join log.typed_columns using (relation, key) "
            "left join (select relation, key, count(*) as kept_count from log.typed_values "
            "group by relation, key) using (relation, key) "
            "where level > 0 and coalesce(kept_count, 0) < ?",
            [MOST_DISTINCT],
        )
        for number, key in due:
            relation = self.wanted[number]
            self.connection.execute(
                "delete from log.typed_values where relation = ? and key = ?", [number, key]
            )
            self.connection.execute(
                "update log.typed_properties set level = 0 where relation = ? and key = ?",
                [number, key],
            )
            parameters = {"relation": number, "key": key, "path": _path(key)}
            if "$event" in relation.living:
                parameters["event"] = relation.event
            self.connection.execute(
                "insert into log.typed_values "
                "select $relation, $key, hash(text), count(*) "
                "from (select json_extract_string(properties, $path) as text "
                f"from {relation.living}) where text is not null group by all",
                parameters,
            )
        if due:
            _run(self.connection, Stage.TYPED_LEVELS)


def save_relations(
    connection: duckdb.DuckDBPyConnection,
    made: Sequence[TypedRelation],
    forgotten: Sequence[int] = (),
) -> None:
    """Write down the names and columns of relations, and the numbers of relations that have none.

    Writes log.typed_columns and log.typed_relations.
    """
    numbers = [*forgotten, *(relation.number for relation in made)]
    columns = [(relation, column) for relation in made for column in relation.columns]
    connection.execute(
        "delete from log.typed_columns where relation in (select unnest(?::bigint[]))",
        [numbers],
    )
    connection.execute(
        "insert into log.typed_columns select unnest(?::bigint[]), unnest(?::varchar[]), "
        "unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::varchar[]), "
        "unnest(?::boolean[])",
        [
            [relation.number for relation, _ in columns],
            [column.key for _, column in columns],
            [relation.places[column.key] for relation, column in columns],
            [column.name for _, column in columns],
            [column.type for _, column in columns],
            [column.is_pinned for _, column in columns],
        ],
    )
    connection.execute(
        "update log.typed_relations as known set name = changed.name from "
        "(select unnest(?::bigint[]) as relation, unnest(?::varchar[]) as name) as changed "
        "where known.relation = changed.relation",
        [numbers, [*([None] * len(forgotten)), *(made.name for made in made)]],
    )


def _value(column: TypedColumn, place: int) -> str:
    """The SQL of a column's value, from the list `texts` and, if it needs it, `jsons`."""
    value = {
        "BOOLEAN": f"texts[{place}]::boolean",
        "BIGINT": f"texts[{place}]::bigint",
        "DOUBLE": f"texts[{place}]::double",
        "TIMESTAMPTZ": f"time_of_text(texts[{place}])",
        "JSON": f"case when texts[{place}] is not null then jsons[{place}] end",
        "VARCHAR": f"texts[{place}]",
    }[column.type]
    if column.is_pinned and column.type in KINDS:
        kinds = ", ".join(map(literal, KINDS[column.type]))
        return f"case when value_kind(jsons[{place}]) in ({kinds}) then {value} end"
    return value


def _path(key: str) -> str:
    """The JSON pointer of a key: unlike a JSON path, it can contain any key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _shown(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def _note_changes(
    connection: duckdb.DuckDBPyConnection, earlier: Types, relations: Iterable[TypedRelation]
) -> None:
    """Write down changed types, each with the first living line that has such a value."""
    connection.execute("delete from log.type_changes")
    for relation in relations:
        for column in relation.columns:
            before = earlier.get((relation.event, column.key), column.type)
            if before != column.type and not column.is_pinned:
                connection.execute(
                    "insert into log.type_changes values (?, ?, ?, ?, ?, ?)",
                    [
                        *(relation.event, column.key, before, column.type),
                        *_first_at_fault(connection, relation, column, before),
                    ],
                )


def _first_at_fault(
    connection: duckdb.DuckDBPyConnection, relation: TypedRelation, column: TypedColumn, before: str
) -> tuple[date | None, int | None]:
    """The line of the first living value that the earlier type cannot take, if there is one."""
    kinds = KINDS.get(before) or (("object", "array", "boolean", "integer", "number"))
    if before == "VARCHAR":
        return None, None
    if relation.event is None:
        found = connection.execute(
            "select log_day(log_position), log_line(log_position) from log.last_writes "
            "where key = $key and not list_contains($kinds, value_kind(value)) "
            "order by log_position limit 1",
            {"key": column.key, "kinds": ["null", *kinds]},
        ).fetchall()
    else:
        found = connection.execute(
            f"select log_day, log_line from {relation.living} "
            "and not list_contains($kinds, value_kind(json_extract(properties, $path))) "
            "order by log_position limit 1",
            {"event": relation.event, "path": _path(column.key), "kinds": ["null", *kinds]},
        ).fetchall()
    return found[0] if found else (None, None)


def _tell_what_is_left_out(
    connection: duckdb.DuckDBPyConnection,
    settings: TypedSettings,
    notify: Callable[[str], None],
) -> None:
    names = connection.sql(
        "select event from log.typed_relations "
        "where event is not null and name is null and row_count > 0 and not is_left_out "
        "order by row_count desc, event"
    ).fetchall()
    keys = connection.sql(
        "select coalesce(event || ': ', '') || key from log.typed_properties as properties "
        "join log.typed_relations as relations using (relation) "
        "anti join log.typed_columns using (relation, key) "
        "where relations.name is not null order by properties.row_count desc, event, key"
    ).fetchall()
    for what, left_out, variable, limit in (
        ("action names have no relation in `events`", names, NAMES_VARIABLE, settings.most_names),
        ("properties have no typed column", keys, KEYS_VARIABLE, settings.most_keys),
    ):
        if left_out:
            named = ", ".join(_shown(text) for (text,) in left_out[:MOST_NAMED])
            more = ", …" if len(left_out) > MOST_NAMED else ""
            notify(f"{len(left_out)} {what}, because {variable} is {limit}: {named}{more}")


def _run(connection: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    for name in stage.value:
        connection.execute(statements(name))


def _set(connection: duckdb.DuckDBPyConnection, variable: str, value: object) -> None:
    connection.execute(f"set variable {variable} = ?", [value])
