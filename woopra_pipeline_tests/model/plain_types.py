"""The reference of the typed tables (R11): the rules as they are told, in plain Python."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from woopra_pipeline.parse.json_text import object_members, string_value

Row = dict[str, object]
Pinned = Mapping[tuple[str | None, str], str]

NOTHING_PINNED: Pinned = {}
EVENT_COLUMNS = ("pid", "log_day", "log_line", "action_index", "occurred_at")
PEOPLE_COLUMNS = (
    *("pid", "first_seen_at", "last_seen_at", "visit_count", "action_count", "is_provisional"),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(:[0-9]{2})?(\.[0-9]+)?"
    r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)"
)


def json_type(value: str) -> str:
    if value[0] in '"{[':
        return {'"': "string", "{": "object", "[": "array"}[value[0]]
    return {"null": "null", "true": "boolean", "false": "boolean"}.get(value, "number")


def as_text(value: str) -> str | None:
    """What DuckDB's `->>` makes of a JSON value."""
    match json_type(value):
        case "null":
            return None
        case "string":
            return string_value(value)
        case "number" if not re.fullmatch("-?[0-9]+", value):
            return value if abs(float(value)) == float("inf") else repr(float(value))
        case "object" | "array":
            return json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"))
    return "0" if value == "-0" else value


def boolean(value: str) -> object:
    return {"true": True, "false": False}.get(as_text(value) or "")


def bigint(value: str) -> object:
    text = as_text(value) or ""
    if json_type(value) in ("number", "string") and re.fullmatch("-?(0|[1-9][0-9]*)", text):
        return int(text) if -(2**63) <= int(text) < 2**63 else None
    return None


def double(value: str) -> object:
    text = as_text(value) or ""
    is_number = json_type(value) in ("number", "string") and NUMBER.fullmatch(text)
    return float(text) if is_number else None


def timestamptz(value: str) -> object:
    match = TIME.fullmatch(as_text(value) or "") if json_type(value) == "string" else None
    if match is None:
        return None
    minutes, seconds, fraction, offset = match.group(1, 2, 3, 4)
    if fraction and not seconds:
        return None
    try:
        time = datetime.fromisoformat(f"{minutes}{seconds or ':00'}{(fraction or '')[:7]}{offset}")
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_json(value: str) -> object:
    return repr(json.loads(value))


READERS: dict[str, Callable[[str], object]] = {
    "BOOLEAN": boolean,
    "BIGINT": bigint,
    "DOUBLE": double,
    "TIMESTAMPTZ": timestamptz,
    "JSON": as_json,
    "VARCHAR": as_text,
}


def column_type(values: Iterable[str]) -> str:
    """The first type that holds for all of them."""
    values = list(values)
    types = {json_type(value) for value in values}
    for name in ("BOOLEAN", "BIGINT", "DOUBLE", "TIMESTAMPTZ"):
        if all(READERS[name](value) is not None for value in values):
            return name
    return "JSON" if types & {"object", "array"} and "string" not in types else "VARCHAR"


def names_of(wanted: Sequence[str], reserved: Iterable[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    taken = set(reserved)
    bare = {text: text.replace("\0", "\ufffd") or "_" for text in wanted}
    for is_suffixed in (False, True):
        for text in wanted:
            candidates = [f"{bare[text]}_{number}" for number in range(2, 100)]
            name = next(
                name
                for name in (candidates if is_suffixed else [bare[text]])
                if is_suffixed is False or name.lower() not in taken
            )
            if text not in names and name.lower() not in taken:
                names[text] = name
                taken.add(name.lower())
    return names


def typed_tables(
    actions: Sequence[Row],
    profiles: Sequence[Row],
    pinned: Pinned = NOTHING_PINNED,
    most_names: int = 200,
    most_keys: int = 200,
) -> dict[str, list[Row]]:
    """`people`, `property_types`, and each relation of `events` as `events.NAME`."""
    events: dict[str, list[Row]] = {}
    for row in actions:
        if row["name"] is not None:
            events.setdefault(str(row["name"]), []).append(row)
    by_count = sorted(events, key=lambda name: (-len(events[name]), name))
    names = names_of(by_count[:most_names], ())
    tables: dict[str, list[Row]] = {"property_types": []}
    for event, rows in [*events.items(), (None, list(profiles))]:
        relation = "people" if event is None else names.get(event)
        fixed = PEOPLE_COLUMNS if event is None else EVENT_COLUMNS
        typed = typed_relation(event, rows, fixed, pinned, most_keys if relation else 0)
        if relation is not None:
            tables["people" if event is None else f"events.{relation}"] = typed[0]
        tables["property_types"] += [
            row | {"relation_name": relation if row["column_name"] else None} for row in typed[1]
        ]
    return tables


def typed_relation(
    event: str | None, rows: list[Row], fixed: Iterable[str], pinned: Pinned, most_keys: int
) -> tuple[list[Row], list[Row]]:
    """The rows of a relation, and what `property_types` says of it."""
    properties = [properties_of(row) for row in rows]
    values: dict[str, list[str]] = {}
    for members in properties:
        for key, value in members.items():
            values.setdefault(key, []).append(value)
    present = {key: [v for v in values[key] if v != "null"] for key in values}
    by_count = sorted(present, key=lambda key: (-len(present[key]), key))
    names = names_of(by_count[:most_keys], fixed)
    types = {key: pinned.get((event, key)) or column_type(present[key]) for key in names}
    typed = [
        {column: row[column] for column in fixed}
        | {
            names[key]: READERS[types[key]](members[key])
            if members.get(key, "null") != "null"
            else None
            for key in names
        }
        for row, members in zip(rows, properties, strict=True)
    ]
    told = []
    for key, written in values.items():
        counts = Counter(json_type(value) for value in written)
        is_pinned = key in names and (event, key) in pinned
        row: Row = {
            "event": event,
            "key": key,
            "column_name": names.get(key),
            "type": types.get(key),
            "is_pinned": is_pinned,
            "value_count": len(present[key]),
            "misfit_count": sum(READERS[types[key]](value) is None for value in present[key])
            if is_pinned
            else 0,
            "distinct_count": None,
            "first_seen_at": None,
            "last_seen_at": None,
        }
        for name in ("null", "boolean", "number", "string", "object", "array"):
            row[f"{name}_count"] = counts[name]
        if key in names:
            holders = [
                row
                for row, members in zip(rows, properties, strict=True)
                if members.get(key, "null") != "null"
            ]
            first, last = (
                ("occurred_at",) * 2 if event is not None else ("first_seen_at", "last_seen_at")
            )
            row["first_seen_at"] = min(seen(holders, first), default=None)
            row["last_seen_at"] = max(seen(holders, last), default=None)
            row["distinct_count"] = min(len({as_text(value) for value in present[key]}), 100)
        told.append(row)
    return typed, told


def seen(rows: Iterable[Row], column: str) -> list[datetime]:
    times = [row[column] for row in rows]
    return [time for time in times if isinstance(time, datetime) and time > EPOCH]


def properties_of(row: Row) -> dict[str, str]:
    properties = row["properties"]
    if isinstance(properties, dict):
        return properties
    return object_members(str(properties)) if properties is not None else {}
