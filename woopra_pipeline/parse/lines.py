"""What one line of a day file means: R8 in plain Python, the reference for everything faster.

A line is a visit, an identify, a delete, rejected, blank, or what an erasure left. Values that a
column cannot take, and fields without a column, go to `extra`, so nothing of a line is lost.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Literal, TypeAlias

from woopra_pipeline.parse.json_text import (
    NotStrictJSONError,
    array_elements,
    compact,
    object_members,
    object_text,
    replace_lone_surrogates,
    string_value,
)
from woopra_pipeline.tables import (
    ACTION_FIELDS,
    FLAT_REFERRER_KEYS,
    VISIT_FIELDS,
    Column,
    ColumnType,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WHITE_SPACE = b" \t\r"
TOMBSTONE = b'{"type":"erased"}'
"""What stands in the place of an erased line, with spaces up to its length (R10).

It is shorter than any line that names a pid.
"""

SHORT_TOMBSTONE = b"\x7f"
"""What stands in the place of each byte of an erased line that is shorter than that."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_MILLISECOND = -62_135_596_800_000
LATEST_MILLISECOND = 253_402_300_799_999
"""The first and the last UNIX millisecond of the years 1 to 9999 in UTC."""

SMALLEST_BIGINT = -(2**63)
LARGEST_BIGINT = 2**63 - 1

REFERRER_KEY = "referrer"
_REFERRER_PREFIX = f"{REFERRER_KEY}."
_FIELDS = {column.key: column for column in VISIT_FIELDS if column.key is not None}

VISIT_COLUMNS = {
    key: column for key, column in _FIELDS.items() if not key.startswith(_REFERRER_PREFIX)
}
"""The columns read from the line itself, by their key there."""

REFERRER_COLUMNS = {
    key.removeprefix(_REFERRER_PREFIX): column
    for key, column in _FIELDS.items()
    if key.startswith(_REFERRER_PREFIX)
}
"""The columns read from the line's `referrer` object, by their key in it."""

ACTION_COLUMNS = {
    column.key: column
    for column in ACTION_FIELDS
    if column.key is not None and column.type is not ColumnType.JSON
}
"""The columns read from an action, by their key in it; `properties` is read as an object."""

_INTEGER = re.compile(r"-?[0-9]+")
_ZERO = re.compile(r"-?0(?:\.0*)?(?:[eE].*)?")
_LONGEST_BIGINT = len(str(SMALLEST_BIGINT))
_NULL = "null"


@dataclass(frozen=True)
class VisitLine:
    """A visit or identify line.

    `columns` holds every column of `VISIT_FIELDS`, then `visitor`, `action_count` and `extra`;
    each of `actions` every column of `ACTION_FIELDS`, then `extra`. Timestamps are aware
    datetimes in UTC, JSON columns compact JSON texts. `properties` are the members of `visitor`,
    their values as JSON texts. An identify line has no actions (R3).
    """

    type: Literal["visit", "identify"]
    pid: str
    columns: dict[str, object]
    properties: dict[str, str]
    actions: tuple[dict[str, object], ...]


@dataclass(frozen=True)
class DeleteLine:
    """A delete line: the profile was merged into `new_id`, or is gone if there is none."""

    pid: str
    new_id: str | None
    extra: str | None


@dataclass(frozen=True)
class RejectedLine:
    """A line that cannot be read: the reason and its text."""

    reason: str
    raw: str


@dataclass(frozen=True)
class BlankLine:
    """A line of white space only."""


@dataclass(frozen=True)
class ErasedLine:
    """What replaces a line of a person who was erased (R10)."""


Line: TypeAlias = VisitLine | DeleteLine | RejectedLine | BlankLine | ErasedLine


class _RejectedError(Exception):
    """The reason why a line is rejected."""


def split_lines(file: bytes) -> list[bytes]:
    r"""The physical lines of a day file: the bytes up to each `\n`, and what follows the last one.

    A byte order mark at the start of the file belongs to no line.
    """
    return split_chunk(file.removeprefix(BYTE_ORDER_MARK))


def split_chunk(chunk: bytes) -> list[bytes]:
    """The physical lines of a piece of a file that begins where a line begins."""
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def whole_lines(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The rest of `stream` in pieces of some `size` bytes, or more, that end where a line ends."""
    pieces: list[bytes] = []
    while block := stream.read(size):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*pieces, memoryview(block)[:end]])
            pieces.clear()
        pieces.append(block[end:])
    if rest := b"".join(pieces):
        yield rest


def parse_line(line: bytes) -> Line:
    r"""Read one physical line, given without its `\n`."""
    if not line.strip(WHITE_SPACE):
        return BlankLine()
    if line.rstrip(WHITE_SPACE) == TOMBSTONE or not line.strip(SHORT_TOMBSTONE):
        return ErasedLine()
    text = line.decode("utf-8", "replace")
    try:
        return _read_line(text)
    except _RejectedError as rejection:
        return RejectedLine(str(rejection), text)


def _read_line(text: str) -> VisitLine | DeleteLine:
    try:
        line = compact(replace_lone_surrogates(text))
    except NotStrictJSONError:
        raise _RejectedError("not strict JSON") from None
    if not line.startswith("{"):
        raise _RejectedError("not a JSON object")
    fields = object_members(line)
    line_type = _take_type(fields)
    pid = _string(fields.pop("pid", _NULL))
    if not pid:
        raise _RejectedError("pid is missing, empty or not a string")
    if line_type == "delete":
        return _read_delete(pid, fields)
    return _read_visit(line_type, pid, fields)


def _take_type(fields: dict[str, str]) -> Literal["visit", "identify", "delete"]:
    match _string(fields.pop("type", _NULL)):
        case "visit" | "identify" | "delete" as line_type:
            return line_type
        case "system" if _string(fields.get("method", _NULL)) == "delete":
            del fields["method"]
            return "delete"
        case _:
            raise _RejectedError("type is missing or not one of visit, identify and delete")


def _read_delete(pid: str, fields: dict[str, str]) -> DeleteLine:
    new_id = _string(fields.get("new_id", _NULL)) or None
    if new_id is not None or fields.get("new_id") == _NULL:
        del fields["new_id"]
    return DeleteLine(pid, new_id, _extra(fields))


def _read_visit(
    line_type: Literal["visit", "identify"], pid: str, fields: dict[str, str]
) -> VisitLine:
    _require_integer_time(fields, "time is not an integer")
    visitor = _take_object(fields, "visitor", "visitor is not an object")
    logged_actions = fields.pop("actions", _NULL)
    actions = tuple(_read_action(action) for action in _action_objects(logged_actions))
    if line_type == "identify" and actions:
        fields["actions"] = logged_actions
        actions = ()
    columns = _take_visit_fields(fields)
    columns["visitor"] = None if visitor is None else object_text(visitor)
    columns["action_count"] = len(actions)
    columns["extra"] = _extra(fields)
    return VisitLine(line_type, pid, columns, visitor or {}, actions)


def _take_visit_fields(fields: dict[str, str]) -> dict[str, object]:
    referrer: dict[str, str] = {}
    if fields.get(REFERRER_KEY, "").startswith("{"):
        referrer = object_members(fields.pop(REFERRER_KEY))
    elif fields.get(REFERRER_KEY) == _NULL:
        del fields[REFERRER_KEY]

    columns = _take_fields(fields, VISIT_COLUMNS) | _take_fields(referrer, REFERRER_COLUMNS)
    for key, name in FLAT_REFERRER_KEYS.items():
        if columns[name] is None:
            columns[name] = _take_field(fields, key, ColumnType.VARCHAR)
        elif fields.get(key) == _NULL:
            del fields[key]

    if referrer:
        fields[REFERRER_KEY] = object_text(dict(sorted(referrer.items())))
    return columns


def _action_objects(actions: str) -> list[dict[str, str]]:
    if actions == _NULL:
        return []
    if not actions.startswith("["):
        raise _RejectedError("actions is not an array")
    elements = array_elements(actions)
    if not all(element.startswith("{") for element in elements):
        raise _RejectedError("an action is not an object")
    return [object_members(element) for element in elements]


def _read_action(fields: dict[str, str]) -> dict[str, object]:
    _require_integer_time(fields, "time of an action is not an integer")
    properties = _take_object(fields, "properties", "properties of an action is not an object")
    columns = _take_fields(fields, ACTION_COLUMNS)
    columns["properties"] = None if properties is None else object_text(properties)
    columns["extra"] = _extra(fields)
    return columns


def _require_integer_time(fields: dict[str, str], reason: str) -> None:
    time = fields.get("time", _NULL)
    if time != _NULL and not _INTEGER.fullmatch(time):
        raise _RejectedError(reason)


def _take_object(fields: dict[str, str], key: str, reason: str) -> dict[str, str] | None:
    text = fields.pop(key, _NULL)
    if text == _NULL:
        return None
    if not text.startswith("{"):
        raise _RejectedError(reason)
    return object_members(text)


def _take_fields(fields: dict[str, str], columns: Mapping[str, Column]) -> dict[str, object]:
    return {column.name: _take_field(fields, key, column.type) for key, column in columns.items()}


def _take_field(fields: dict[str, str], key: str, column_type: ColumnType) -> object:
    """Take a field out of `fields` for a column; what the column cannot take stays there."""
    text = fields.get(key, _NULL)
    value = None if text == _NULL else column_value(text, column_type)
    if value is not None or text == _NULL:
        fields.pop(key, None)
    return value


def column_value(text: str, column_type: ColumnType) -> object:
    """What a column of this type holds for a value other than null, given as compact JSON text.

    None if the column cannot take the value exactly. Text columns take any value.
    """
    return _COLUMN_VALUES[column_type](text)


def _varchar(text: str) -> str:
    return string_value(text) if text.startswith('"') else text


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _bigint(text: str) -> int | None:
    if not _INTEGER.fullmatch(text) or len(text) > _LONGEST_BIGINT:
        return None
    number = int(text)
    return number if SMALLEST_BIGINT <= number <= LARGEST_BIGINT else None


def _double(text: str) -> float | None:
    """The double that is the integer, or that is the decimal when written as short as it can be.

    Which of the many decimals that round to a double was meant can be told for the shortest alone.
    """
    if text[0] not in "-0123456789":
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    if _INTEGER.fullmatch(text):
        # A finite double has at most 309 digits before the point: far below the limit of int().
        integer = int(text)
        return float(integer) if integer == number else None
    if number == 0:
        return number if _ZERO.fullmatch(text) else None
    return number if Decimal(text) == Decimal(repr(number)) else None


def _timestamp(text: str) -> datetime | None:
    milliseconds = _bigint(text)
    if milliseconds is None or not EARLIEST_MILLISECOND <= milliseconds <= LATEST_MILLISECOND:
        return None
    return EPOCH + timedelta(milliseconds=milliseconds)


_COLUMN_VALUES: dict[ColumnType, Callable[[str], object]] = {
    ColumnType.BIGINT: _bigint,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DOUBLE: _double,
    ColumnType.TIMESTAMPTZ: _timestamp,
    ColumnType.VARCHAR: _varchar,
}


def _string(text: str) -> str | None:
    return string_value(text) if text.startswith('"') else None


def _extra(fields: dict[str, str]) -> str | None:
    """The fields that no column took, as compact JSON with sorted keys; None if there are none."""
    return object_text(dict(sorted(fields.items()))) if fields else None
