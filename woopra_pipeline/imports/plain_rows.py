"""The SQL with which DuckDB itself writes most lines: those of plain rows.

It is a second way to write the same lines, and exists only because it is fast. In processor time,
two cores plan 485,000 visits of three actions a second with it, 198,000 events and 649,000 profile
updates; without it 117,000, 112,000 and 235,000. Python cannot reach 150,000 visits a second: it
takes 8.5 µs for one. To decode it and to write it with sorted keys takes 5.3 µs of that, and 6.4 µs
with all checks in one function.

`lines.Reader` is the reference. But most rows are plain: from the types of their columns and a few
conditions on their values it follows that nothing is wrong with them, and that DuckDB's JSON, with
sorted keys, has the same bytes as canonical JSON. A row that is not plain may be right or wrong:
`Reader` decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson
from duckdb.sqltypes import DuckDBPyType

from woopra_pipeline.imports.lines import EARLIEST_TIME, EMPTY_VISIT, LATEST_TIME
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.sql_text import literal, quoted

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
"""A double can always hold so many decimal digits."""


@dataclass(frozen=True)
class PlainRows:
    """SQL over the columns of a source.

    `condition` is true for a plain row, and never NULL. `columns` are the results that `Reader`
    would give, by name, and `texts` names those that are JSON.
    """

    condition: str
    columns: Mapping[str, str]
    texts: Sequence[str]

    def is_canonical(self, names: Mapping[str, str], settings: ImportSettings) -> str:
        """The conditions on the columns called `names`: no escapes, and the size."""
        texts = [names[name] for name in self.texts]
        size = " + ".join(f"strlen({text})" for text in texts)
        if len(texts) > 1:
            size += f" + {len(EMPTY_VISIT)}"
        # Control characters are written in another way.
        escapes = [f"not contains({text}, '\\u00')" for text in texts]
        return _all([*escapes, f"{size} <= {settings.largest_line}"])


class NeverPlainError(Exception):
    """No row with a column of such a type is plain."""


def plain_visits(columns: Columns, settings: ImportSettings) -> PlainRows:
    """Of shape visits: the column `row`, the line. Raises `NeverPlainError`."""
    identifiers = _identifiers(columns["visitor"], settings)
    fields = {name: kind for name, kind in columns.items() if name not in {"actions", "time"}}
    conditions = [
        *_actions(columns["actions"]),
        *(_time(columns["time"], quoted("time")) if "time" in columns else ()),
        *(each for name, kind in fields.items() for each in _conditions(kind, quoted(name))),
        _any([is_one for _, _, is_one in identifiers]),
    ]
    return PlainRows(_all(conditions), {"row": _object(columns)}, ["row"])


def plain_profiles(columns: Columns, settings: ImportSettings) -> PlainRows:
    """Of shape profiles: `row`, the line, and `identity`. Raises `NeverPlainError`."""
    identity, conditions = _identity(columns["visitor"], settings)
    return PlainRows(
        _all([*_conditions(columns["visitor"], "visitor"), *conditions]),
        {"row": _object(columns), "identity": identity},
        ["row"],
    )


def plain_events(columns: Columns, settings: ImportSettings) -> PlainRows:
    """Of shape events: `visitor`, `action`, `time`, `identity`. Raises `NeverPlainError`."""
    identity, conditions = _identity(columns["visitor"], settings)
    visitor = columns["visitor"]
    action = {name: kind for name, kind in columns.items() if name != "visitor"}
    conditions = [
        *("name is not null", '"time" is not null'),
        *_name(columns["name"], "name"),
        *_time(columns["time"], '"time"'),
        *_conditions(visitor, "visitor"),
        *conditions,
    ]
    if "properties" in columns:
        conditions += _properties(columns["properties"], "properties")
    return PlainRows(
        _all(conditions),
        {
            "visitor": f"to_json({_canonical(visitor, 'visitor')})::varchar",
            "action": _object(action),
            "time": '"time"',
            "identity": identity,
        },
        ["visitor", "action"],
    )


def _identity(visitor: DuckDBPyType, settings: ImportSettings) -> tuple[str, Sequence[str]]:
    """The result of `Reader.identity`, joined by a zero byte, and its conditions."""
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
            # For nearly every identifier the regular expression decides, in a tenth of the time.
            is_simple = f"regexp_full_match({value}, '[!-~]+')"
            found.append((key, value, f"case when {is_simple} then true else {ends} end"))
        elif fields[key].id not in {"boolean", "double", "float", "decimal", "struct", "list"}:
            raise NeverPlainError
    if not found:
        raise NeverPlainError
    return found


def _actions(kind: DuckDBPyType) -> list[str]:
    if kind.id != "list":
        raise NeverPlainError
    action = _fields(kind)["child"]
    fields = _fields(action) if action.id == "struct" else {}
    if not fields.keys() >= {"name", "time"}:
        raise NeverPlainError
    conditions = [
        "action['name'] is not null",
        "action['time'] is not null",
        *_name(fields["name"], "action['name']"),
        *_time(fields["time"], "action['time']"),
        *_conditions(action, "action"),
    ]
    if "properties" in fields:
        _properties(fields["properties"], "action['properties']")
        conditions.append("action['properties'] is not null")
    return [_of_each("actions", "action", conditions)]


def _name(kind: DuckDBPyType, value: str) -> list[str]:
    if str(kind) != "VARCHAR":
        raise NeverPlainError
    return [_is_graphic(value)]


def _time(kind: DuckDBPyType, value: str) -> list[str]:
    if kind.id not in INTEGERS:
        raise NeverPlainError
    return [f"{value} between {EARLIEST_TIME} and {LATEST_TIME - 1}"]


def _properties(kind: DuckDBPyType, value: str) -> list[str]:
    if kind.id != "struct":
        raise NeverPlainError
    return _conditions(kind, value)


def _is_graphic(text: str) -> str:
    """Whether a text certainly begins with neither a space nor a control character."""
    ranges = (("!", "\x7f"), ("\xa1", "\u1680"), ("\u3001", None))
    return _one_of(
        f"{text} >= {literal(first)}" + (f" and {text} < {literal(end)}" if end else "")
        for first, end in ranges
    )


def _conditions(kind: DuckDBPyType, sql: str, depth: int = 0) -> list[str]:
    """Conditions. If none is false, the JSON of a value with sorted keys is canonical."""
    name = kind.id
    if name in ALWAYS_CANONICAL or name.startswith("timestamp") or str(kind) == "VARCHAR":
        return []
    if name in {"hugeint", "uhugeint"}:
        return [f"{sql} between {-(2**63)} and {2**64 - 1}"]
    if name in {"double", "float"}:
        return [f"({sql} = 0 or abs({sql}) between 1e-4 and 1e15)"]
    if name == "decimal":
        return _decimal_conditions(kind, sql)
    if name == "struct":
        fields = _fields(kind)
        if "" in fields:
            raise NeverPlainError
        return [
            condition
            for field, child in fields.items()
            for condition in _conditions(child, f"{sql}[{literal(field)}]", depth)
        ]
    if name == "list":
        element = f"element_{depth}"
        conditions = _conditions(_fields(kind)["child"], element, depth + 1)
        return [_of_each(sql, element, conditions)] if conditions else []
    raise NeverPlainError


def _decimal_conditions(kind: DuckDBPyType, sql: str) -> list[str]:
    precision, scale = _digits(kind)
    conditions = []
    if precision > DOUBLE_DIGITS:
        conditions.append(f"abs({sql}) < 1e{DOUBLE_DIGITS - scale}")
    if scale > 4:
        conditions.append(f"({sql} = 0 or abs({sql}) >= 1e-4)")
    return conditions


def _digits(kind: DuckDBPyType) -> tuple[int, int]:
    """The precision of a decimal type, and its scale."""
    (_, precision), (_, scale) = cast(list[tuple[str, int]], kind.children)
    return precision, scale


def _of_each(sql: str, element: str, conditions: Sequence[str]) -> str:
    # NULL, where a condition does not apply, is skipped.
    condition = " and ".join(conditions)
    return f"list_bool_and(list_transform({sql}, lambda {element}: {condition}))"


def _canonical(kind: DuckDBPyType, sql: str) -> str:
    """A value of the type whose JSON is canonical; such a cast takes almost no time."""
    canonical = _canonical_type(kind)
    return sql if canonical == str(kind) else f"{sql}::{canonical}"


def _canonical_type(kind: DuckDBPyType) -> str:
    """A type with sorted keys, and with doubles in place of decimals, which may end in zeros."""
    if kind.id == "list":
        return f"{_canonical_type(_fields(kind)['child'])}[]"
    if kind.id == "struct":
        fields = _fields(kind)
        members = (f"{quoted(name)} {_canonical_type(fields[name])}" for name in _sorted(fields))
        return f"STRUCT({', '.join(members)})"
    return "DOUBLE" if kind.id == "decimal" and _digits(kind)[1] else str(kind)


def _object(columns: Columns) -> str:
    """The canonical JSON of an object of columns, without those that are NULL."""
    values = {name: _canonical(columns[name], quoted(name)) for name in _sorted(columns)}
    packed = ", ".join(f"{literal(name)}: {value}" for name, value in values.items())
    members = ", ".join(
        f"{literal(json_text(name) + ':')} || to_json({value})::varchar"
        for name, value in values.items()
    )
    no_null = " and ".join(f"{quoted(name)} is not null" for name in values)
    return (
        f"case when {no_null} then to_json({{{packed}}})::varchar "
        f"else '{{' || concat_ws(',', {members}) || '}}' end"
    )


def _sorted(names: Iterable[str]) -> list[str]:
    """Names in the order of canonical JSON."""
    return sorted(names, key=str.encode)


def _fields(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The fields of a struct; a list has one, `child`."""
    return dict(cast(list[tuple[str, DuckDBPyType]], kind.children))


def _all(conditions: Sequence[str]) -> str:
    """That no condition is false: one that is NULL does not apply."""
    return f"(({' and '.join(conditions)}) is distinct from false)"


def _any(conditions: Sequence[str]) -> str:
    return f"({_one_of(conditions)} is true)"


def _one_of(conditions: Iterable[str]) -> str:
    return f"({' or '.join(conditions)})"


def json_text(text: str) -> str:
    """A text as JSON."""
    return orjson.dumps(text).decode()
