"""Structs that read ordinary lines at C speed, made to measure for a sample of the lines at hand.

A struct refuses, in C, what R8 says must be looked at closely: an unknown key, a value its column
cannot take, an integer out of range, JSON that is not strict. What is common in the sample must not
be refused line by line. So unknown keys in it become fields that end in `extra`, and columns with
values that they cannot take are read as raw JSON, value by value. Doubles are always read as raw
JSON: a double alone does not say what was written.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import GenericAlias
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw

from woopra_pipeline.parse.lines import (
    ACTION_COLUMNS,
    EARLIEST_MILLISECOND,
    LARGEST_BIGINT,
    LATEST_MILLISECOND,
    REFERRER_COLUMNS,
    REFERRER_KEY,
    SMALLEST_BIGINT,
    VISIT_COLUMNS,
)
from woopra_pipeline.tables import Column, ColumnType

SAMPLED_LINES = 100
MOST_UNKNOWN_KEYS = 100

ABSENT = Raw(b"null")
"""What a raw field holds where the line does not have its key; compare by identity."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a line raises that is no ordinary line; such a line is for `parse_line`."""

_TYPES: Mapping[ColumnType, Any] = {
    ColumnType.BIGINT: Annotated[int, Meta(ge=SMALLEST_BIGINT, le=LARGEST_BIGINT)] | None,
    ColumnType.BOOLEAN: bool | None,
    ColumnType.TIMESTAMPTZ: (
        Annotated[int, Meta(ge=EARLIEST_MILLISECOND, le=LATEST_MILLISECOND)] | None
    ),
    ColumnType.VARCHAR: str | None,
}
_DELETE_TYPES = (b'"delete"', b'"system"')
_PID = Annotated[str, Meta(min_length=1)]
_DECODERS = {
    column_type: msgspec.json.Decoder(GenericAlias(list, type_))
    for column_type, type_ in _TYPES.items()
}
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])

# msgspec allows no such character in the name of a field.
_UNUSABLE_KEY = re.compile(r'["\\\x00-\x1f]')

_Decoded = TypeVar("_Decoded")


@dataclass(frozen=True)
class Shape:
    """One kind of object: the struct that reads it, and what its attributes stand for.

    The attribute of a column has the column's name; those in `raw_columns` hold raw JSON, the
    others a value the column can take. `unknown_keys` tells for the attributes that no column
    asks for, raw too, which key they hold. All other attributes are named for their key.
    """

    struct: type[msgspec.Struct]
    columns: Mapping[str, Column]
    raw_columns: frozenset[str]
    unknown_keys: Mapping[str, str]


@dataclass(frozen=True)
class LineShapes:
    """The shapes of the lines of a file, or of a piece of it; `decoder` reads all kinds of lines.

    Those of visit and identify differ in nothing but that an identify has no actions;
    `old_delete` is a delete as older logs have it.
    """

    visit: Shape
    identify: Shape
    referrer: Shape
    action: Shape
    delete: Shape
    old_delete: Shape
    decoder: msgspec.json.Decoder[Any]


def line_shapes(chunk: bytes, *, tolerated_share: float = 0) -> LineShapes:
    """The shapes that fit the lines of a piece of a file, judged by a sample of them.

    They may refuse lines for values that a column cannot take, if of the sample's values for this
    column these are no more than the `tolerated_share`.
    """
    sample = _decode_each(_sample_lines(chunk), _OBJECT)
    deletes = [line for line in sample if bytes(line.get("type", ABSENT)) in _DELETE_TYPES]
    visits = [line for line in sample if bytes(line.get("type", ABSENT)) not in _DELETE_TYPES]
    referrers = _decode_each(
        (line[REFERRER_KEY] for line in visits if REFERRER_KEY in line), _OBJECT
    )
    action_lists = _decode_each((line["actions"] for line in visits if "actions" in line), _OBJECTS)
    actions = [action for action_list in action_lists for action in action_list]

    shape = partial(_shape, tolerated_share=tolerated_share)
    referrer = shape("Referrer", REFERRER_COLUMNS, {}, referrers)
    action = shape("Action", ACTION_COLUMNS, {"properties": (dict[str, Raw] | None, None)}, actions)
    actions_type = GenericAlias(list, action.struct)
    fields: dict[str, tuple[Any, Any]] = {
        "pid": (_PID, msgspec.NODEFAULT),
        "visitor": (dict[str, Raw] | None, None),
        REFERRER_KEY: (referrer.struct | None, None),
        "actions": (actions_type | None, None),
    }
    no_actions = {"actions": (Annotated[actions_type, Meta(max_length=0)] | None, None)}
    visit = shape("Visit", VISIT_COLUMNS, fields, visits, tag="visit")
    identify = shape("Identify", VISIT_COLUMNS, fields | no_actions, visits, tag="identify")
    ids: dict[str, tuple[Any, Any]] = {
        "pid": (_PID, msgspec.NODEFAULT),
        "new_id": (_PID | None, None),
    }
    method = {"method": (Literal["delete"], msgspec.NODEFAULT)}
    delete = shape("Delete", {}, ids, deletes, tag="delete")
    old_delete = shape("OldDelete", {}, ids | method, deletes, tag="system")
    decoder = msgspec.json.Decoder(
        visit.struct | identify.struct | delete.struct | old_delete.struct
    )
    return LineShapes(visit, identify, referrer, action, delete, old_delete, decoder)


def _sample_lines(chunk: bytes) -> Iterator[bytes]:
    """The lines at evenly spaced places of a piece of a file."""
    places = range(0, len(chunk), len(chunk) // SAMPLED_LINES + 1)
    for start in sorted({chunk.rfind(b"\n", 0, place) + 1 for place in places}):
        end = chunk.find(b"\n", start)
        yield chunk[start:] if end < 0 else chunk[start:end]


def _shape(
    name: str,
    columns: Mapping[str, Column],
    other_fields: Mapping[str, tuple[Any, Any]],
    sample: Sequence[Mapping[str, Raw]],
    *,
    tolerated_share: float,
    tag: str | None = None,
) -> Shape:
    """A shape of these columns and of other fields with these types and defaults, all by key.

    With a `tag` it is that of lines of this type.
    """
    counts = Counter(key for members in sample for key in members)
    known = columns.keys() | other_fields.keys() | ({"type"} if tag else set())
    unknown = [
        key for key, _ in counts.most_common() if key not in known and not _UNUSABLE_KEY.search(key)
    ][:MOST_UNKNOWN_KEYS]
    unknown_keys = {f"unknown_{number}": key for number, key in enumerate(unknown)}
    raw_columns = frozenset(
        column.name
        for key, column in columns.items()
        if column.type is ColumnType.DOUBLE
        or not _fit([members[key] for members in sample if key in members], column, tolerated_share)
    )

    fields: dict[str, tuple[str, Any, Any]] = {}
    for key, (field_type, default) in other_fields.items():
        fields[key] = (key, field_type, default)
    for key, column in columns.items():
        if column.name in raw_columns:
            fields[key] = (column.name, Raw, ABSENT)
        else:
            fields[key] = (column.name, _TYPES[column.type], None)
    for attribute, key in unknown_keys.items():
        fields[key] = (attribute, Raw, ABSENT)

    # msgspec looks for the next key next to the last one found: the order of the lines is fastest.
    in_order = [key for key in counts if key in fields]
    in_order += [key for key in fields if key not in counts]
    struct = msgspec.defstruct(
        name,
        [fields[key] for key in in_order],
        rename={fields[key][0]: key for key in in_order},
        tag=tag,
        tag_field="type" if tag else None,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
    return Shape(struct, columns, raw_columns, unknown_keys)


def _fit(raws: Sequence[Raw], column: Column, tolerated_share: float) -> bool:
    """Whether a typed attribute can hold the values, apart from the tolerated share of them.

    A time it cannot hold is judged by line.
    """
    if column.type is ColumnType.TIMESTAMPTZ:
        return True
    decoder = _DECODERS[column.type]
    try:
        decoder.decode(b"[%b]" % b",".join(raws))
    except UNREADABLE:
        fitting = _decode_each((b"[%b]" % raw for raw in raws), decoder)
        return len(raws) - len(fitting) <= tolerated_share * len(raws)
    return True


def _decode_each(
    texts: Iterable[bytes | Raw], decoder: msgspec.json.Decoder[_Decoded]
) -> list[_Decoded]:
    """What the decoder makes of the texts; those it refuses are left out."""
    decoded = []
    for text in texts:
        with suppress(*UNREADABLE):
            decoded.append(decoder.decode(text))
    return decoded
