"""The SQL by which DuckDB itself writes most lines: those of plain rows.

What `lines.Reader` makes of a row is the rule. Most rows, though, are plain: from the types of
their columns and a few conditions on their values it follows that nothing is wrong with them, and
that DuckDB's JSON of them, with its keys in order, is canonical to the byte. A row that is not
plain may be right or wrong: `Reader` says which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson
from duckdb.sqltypes import DuckDBPyType

from woopra_pipeline.imports.lines import EARLIEST_TIME, EMPTY_VISIT, LATEST_TIME
from woopra_pipeline.imports.settings import ImportSettings

Columns: TypeAlias = Mapping[str, DuckDBPyType]

INTEGERS = {
    *("tinyint", "smallint", "integer", "bigint"),
    *("utinyint", "usmallint", "uinteger", "ubigint"),
}
ALWAYS_CANONICAL = {
    *(*INTEGERS, "boolean"),
    *("blob", "bit", "date", "enum", "interval", "time", "time with time zone", "uuid"),
}
DOUBLE_DIGITS = 15
"""As many decimal digits a double always carries."""


@dataclass(frozen=True)
class PlainRows:
    """SQL over the columns of a source.

    `condition` is true of a plain row, and never NULL; `columns` are what `Reader` would make of
    one, by name, and `texts` names those of them that are JSON.
    """

    condition: str
    columns: Mapping[str, str]
    texts: Sequence[str]

    def is_canonical(self, names: Mapping[str, str], settings: ImportSettings) -> str:
        """What must hold of the columns, which are called `names`: no escapes, and the size."""
        texts = [names[name] for name in self.texts]
        size = " + ".join(f"strlen({text})" for text in texts)
        if len(texts) > 1:
            size += f" + {len(EMPTY_VISIT)}"
        # Control characters are written in another way.
        escapes = [f"not contains({text}, '\\u00')" for text in texts]
        return _all([*escapes, f"{size} <= {settings.largest_line}"])


class NeverPlainError(Exception):
    """No row with a column of such a type is plain."""


@dataclass(frozen=True)
class _Value:
    """SQL of a value whose JSON is canonical, unless one of the conditions is false."""

    sql: str
    conditions: Sequence[str] = ()


def plain_visits(columns: Columns, settings: ImportSettings) -> PlainRows:
    """Of shape visits: the column `row`, the line. Raises `NeverPlainError`."""
    identifiers = _identifiers(columns["visitor"], settings)
    values = {name: _value(kind, quoted(name)) for name, kind in columns.items()}
    values["actions"] = _actions(columns["actions"])
    if "time" in columns:
        values["time"] = _time(columns["time"], quoted("time"))
    conditions = [*_conditions(values), _any([is_one for _, _, is_one in identifiers])]
    return PlainRows(_all(conditions), {"row": _object(values)}, ["row"])


def plain_profiles(columns: Columns, settings: ImportSettings) -> PlainRows:
    """Of shape profiles: `row`, the line, and `identity`. Raises `NeverPlainError`."""
    identity, conditions = _identity(columns["visitor"], settings)
    values = {"visitor": _value(columns["visitor"], "visitor")}
    return PlainRows(
        _all([*_conditions(values), *conditions]),
        {"row": _object(values), "identity": identity},
        ["row"],
    )


def plain_events(columns: Columns, settings: ImportSettings) -> PlainRows:
    """Of shape events: `visitor`, `action`, `time`, `identity`. Raises `NeverPlainError`."""
    identity, conditions = _identity(columns["visitor"], settings)
    visitor = _value(columns["visitor"], "visitor")
    action = {"name": _name(columns["name"], "name"), "time": _time(columns["time"], '"time"')}
    required = ["name is not null", '"time" is not null']
    if "properties" in columns:
        action["properties"] = _properties(columns["properties"], "properties")
    return PlainRows(
        _all([*required, *_conditions(action), *visitor.conditions, *conditions]),
        {
            "visitor": f"to_json({visitor.sql})::varchar",
            "action": _object(action),
            "time": '"time"',
            "identity": identity,
        },
        ["visitor", "action"],
    )


def _identity(visitor: DuckDBPyType, settings: ImportSettings) -> tuple[str, Sequence[str]]:
    """What `Reader.identity` says, joined by a zero byte, and on what conditions."""
    identifiers = _identifiers(visitor, settings)
    cases = [
        f"when {value} is not null and {value}::varchar <> '' "
        f"then {literal(key)} || chr(0) || {value}"
        for key, value, _ in identifiers
    ]
    conditions = [
        f"({value} is null or {value}::varchar = '' or {is_one})"
        for _, value, is_one in identifiers
    ]
    found = _any([is_one for _, _, is_one in identifiers])
    return f"case {' '.join(cases)} end", [*conditions, found]


def _identifiers(visitor: DuckDBPyType, settings: ImportSettings) -> list[tuple[str, str, str]]:
    """The key of each identifier, its value, and a condition that it is one and has no space."""
    fields = _fields(visitor) if visitor.id == "struct" else {}
    found = []
    for key in settings.identifiers:
        value = f"visitor[{literal(key)}]"
        if key not in fields:
            continue
        if fields[key].id in INTEGERS:
            found.append((key, value, f"{value} is not null"))
        elif str(fields[key]) == "VARCHAR":
            ends = f"({_is_graphic(value)} and {_is_graphic(f'right({value}, 1)')})"
            found.append((key, value, ends))
        elif fields[key].id not in {"boolean", "double", "float", "decimal", "struct", "list"}:
            raise NeverPlainError
    if not found:
        raise NeverPlainError
    return found


def _actions(kind: DuckDBPyType) -> _Value:
    if kind.id != "list":
        raise NeverPlainError
    action = _fields(kind)["child"]
    fields = _fields(action) if action.id == "struct" else {}
    if not fields.keys() >= {"name", "time"}:
        raise NeverPlainError
    element = _value(action, "action")
    conditions = [
        "action is not null",
        "action['name'] is not null",
        "action['time'] is not null",
        *_name(fields["name"], "action['name']").conditions,
        *_time(fields["time"], "action['time']").conditions,
        *element.conditions,
    ]
    if "properties" in fields:
        _properties(fields["properties"], "action['properties']")
        conditions.append("action['properties'] is not null")
    return _list("actions", "action", _Value(element.sql, conditions))


def _name(kind: DuckDBPyType, value: str) -> _Value:
    if str(kind) != "VARCHAR":
        raise NeverPlainError
    return _Value(value, [_is_graphic(value)])


def _time(kind: DuckDBPyType, value: str) -> _Value:
    if kind.id not in INTEGERS:
        raise NeverPlainError
    return _Value(value, [f"{value} between {EARLIEST_TIME} and {LATEST_TIME - 1}"])


def _properties(kind: DuckDBPyType, value: str) -> _Value:
    if kind.id != "struct":
        raise NeverPlainError
    return _value(kind, value)


def _is_graphic(text: str) -> str:
    """Whether a text begins with what is certainly neither space nor a control character."""
    first = f"unicode({text})"
    return f"({first} between 33 and 126 or {first} between 161 and 5759 or {first} > 12288)"


def _value(kind: DuckDBPyType, sql: str, depth: int = 0) -> _Value:
    name = kind.id
    if name in ALWAYS_CANONICAL or name.startswith("timestamp") or str(kind) == "VARCHAR":
        return _Value(sql)
    if name in {"hugeint", "uhugeint"}:
        return _Value(sql, [f"{sql} between {-(2**63)} and {2**64 - 1}"])
    if name in {"double", "float"}:
        return _Value(sql, [f"({sql} = 0 or abs({sql}) between 1e-4 and 1e15)"])
    if name == "decimal":
        return _Value(sql, _decimal_conditions(kind, sql))
    if name == "struct":
        return _struct(kind, sql, depth)
    if name == "list":
        element = f"element_{depth}"
        return _list(sql, element, _value(_fields(kind)["child"], element, depth + 1))
    raise NeverPlainError


def _decimal_conditions(kind: DuckDBPyType, sql: str) -> list[str]:
    (_, precision), (_, scale) = cast(list[tuple[str, int]], kind.children)
    conditions = []
    if precision > DOUBLE_DIGITS:
        conditions.append(f"abs({sql}) < 1e{DOUBLE_DIGITS - scale}")
    if scale > 4:
        conditions.append(f"({sql} = 0 or abs({sql}) >= 1e-4)")
    return conditions


def _struct(kind: DuckDBPyType, sql: str, depth: int) -> _Value:
    fields = _fields(kind)
    if "" in fields:
        raise NeverPlainError
    values = {
        name: _value(child, f"{sql}[{literal(name)}]", depth) for name, child in fields.items()
    }
    names = sorted(values, key=str.encode)
    conditions = _conditions(values)
    if names == list(fields) and all(
        values[name].sql == f"{sql}[{literal(name)}]" for name in names
    ):
        return _Value(sql, conditions)
    # NULL would become an object of NULLs.
    return _Value(_packed(values), [f"{sql} is not null", *conditions])


def _list(sql: str, element: str, value: _Value) -> _Value:
    each = f"lambda {element}: "
    lists = sql if value.sql == element else f"list_transform({sql}, {each}{value.sql})"
    if not value.conditions:
        return _Value(lists)
    # NULL, where a condition does not apply, is skipped.
    holds = f"list_bool_and(list_transform({sql}, {each}{' and '.join(value.conditions)}))"
    return _Value(lists, [holds])


def _packed(values: Mapping[str, _Value]) -> str:
    names = sorted(values, key=str.encode)
    return "{" + ", ".join(f"{literal(name)}: {values[name].sql}" for name in names) + "}"


def _object(values: Mapping[str, _Value]) -> str:
    """The canonical JSON of an object of columns, those that are NULL left out."""
    whole = f"to_json({_packed(values)})::varchar"
    members = ", ".join(
        f"{literal(json_text(name) + ':')} || to_json({values[name].sql})::varchar"
        for name in sorted(values, key=str.encode)
    )
    no_null = " and ".join(f"{quoted(name)} is not null" for name in values)
    return f"case when {no_null} then {whole} else '{{' || concat_ws(',', {members}) || '}}' end"


def _fields(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The fields of a struct; a list has one, `child`."""
    return dict(cast(list[tuple[str, DuckDBPyType]], kind.children))


def _conditions(values: Mapping[str, _Value]) -> list[str]:
    return [condition for value in values.values() for condition in value.conditions]


def _all(conditions: Sequence[str]) -> str:
    """That no condition is false: one that is NULL does not apply."""
    return f"(({' and '.join(conditions)}) is distinct from false)"


def _any(conditions: Sequence[str]) -> str:
    return f"(({' or '.join(conditions)}) is true)"


def quoted(name: str) -> str:
    """A column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def json_text(text: str) -> str:
    """A text as JSON."""
    return orjson.dumps(text).decode()
