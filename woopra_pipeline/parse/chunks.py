"""Many lines at once into Arrow tables: the same rows as from `parse_line`, but faster.

Ordinary lines are read by structs and turned into columns. Lines that these refuse are taken out,
all of a chunk together, and read by structs of their own; what is left then goes to `parse_line`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import date
from itertools import chain, compress
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Raw

from woopra_pipeline.garbage_collection import paused_garbage_collection
from woopra_pipeline.parse import json_text
from woopra_pipeline.parse.lines import (
    REFERRER_KEY,
    BlankLine,
    DeleteLine,
    ErasedLine,
    RejectedLine,
    VisitLine,
    column_value,
    parse_line,
    split_chunk,
)
from woopra_pipeline.parse.shapes import ABSENT, UNREADABLE, LineShapes, Shape, line_shapes
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    FLAT_REFERRER_KEYS,
    LOG_DAY,
    LOG_LINE,
    PARSED_TABLES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
    ColumnType,
    Table,
)

BATCH_BYTES = 1 << 20
"""How many bytes of lines are turned into columns at once: what the processor's cache can hold."""

RARE_SHARE = 0.05
"""Up to this share of lines with a value that its column cannot take, these lines are odd ones.

To look at every value of the column by itself would cost more than to look at these lines again.
"""

WORTH_SHAPES = 10
"""So many odd lines are read faster with shapes of their own than before these are made."""

_SURELY_EXACT = 15
"""A decimal of so many digits is the shortest of its double, if that is not a tiny one."""

Columns = dict[str, Any]
Extras = defaultdict[int, dict[str, Any]]
Integers = npt.NDArray[np.signedinteger[Any]]

_MILLISECONDS = pa.timestamp("ms", tz="UTC")
_SCHEMAS = {table.name: table.arrow_schema for table in PARSED_TABLES}

_decode_doubles = msgspec.json.Decoder(list[float | None]).decode
_encode_lines = msgspec.json.Encoder().encode_lines
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True)
class ParsedChunk:
    """What some lines became: the `PARSED_TABLES` by name, in log order, and what is in none."""

    tables: Mapping[str, pa.Table]
    line_count: int
    blank_count: int
    erased_count: int = 0


def parse_chunk(chunk: bytes, log_day: date, first_line: int) -> ParsedChunk:
    """Read whole lines of `log_day`'s file, the first of which is its `first_line`-th (1-based)."""
    batches = []
    odd_lines: dict[int, bytes] = {}
    line_count = 0
    with paused_garbage_collection():
        shapes = line_shapes(chunk, tolerated_share=RARE_SHARE)
        for batch in _batches(chunk):
            log_lines, records, others = _records(batch, first_line + line_count, shapes)
            line_count += len(records) + len(others)
            batches.append(_ordinary_tables(records, shapes, log_day, log_lines))
            odd_lines |= others
        ordinary = {
            name: pa.concat_tables([schema.empty_table(), *(tables[name] for tables in batches)])
            for name, schema in _SCHEMAS.items()
        }
        odd = _parse_odd_lines(odd_lines, log_day)
    return ParsedChunk(
        tables={name: _in_log_order(ordinary[name], odd.tables[name]) for name in _SCHEMAS},
        line_count=line_count,
        blank_count=odd.blank_count,
        erased_count=odd.erased_count,
    )


def count_readable_lines(chunk: bytes) -> tuple[int, int]:
    """How many of these whole lines `parse_chunk` would read, and how many it would reject.

    A line that was erased could be read when it came.
    """
    readable = 0
    with paused_garbage_collection():
        shapes = line_shapes(chunk, tolerated_share=RARE_SHARE)
        odd_lines: dict[int, bytes] = {}
        for batch in _batches(chunk):
            _, records, others = _records(batch, readable + len(odd_lines), shapes)
            readable += len(records)
            odd_lines |= others
        _, records, _, others = _odd_records(odd_lines)
        lines = Counter(type(parse_line(line)) for line in others.values())
    readable += len(records) + lines[VisitLine] + lines[DeleteLine] + lines[ErasedLine]
    return readable, lines[RejectedLine]


def _batches(chunk: bytes) -> Iterator[bytes]:
    """The lines of a chunk, some `BATCH_BYTES` at a time."""
    start = 0
    while start < len(chunk):
        end = chunk.find(b"\n", start + BATCH_BYTES) + 1 or len(chunk)
        yield chunk[start:end]
        start = end


def _is_utf8(text: bytes) -> bool:
    """Whether all of `text` is UTF-8; faster than decoding it, which builds a string."""
    if text.isascii():
        return True
    offsets = np.array([0, len(text)])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    try:
        pa.Array.from_buffers(pa.large_string(), 1, buffers).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _records(
    batch: bytes, first_line: int, shapes: LineShapes
) -> tuple[Integers, list[Any], dict[int, bytes]]:
    """The numbers and the structs of the lines that have one; by number, the lines without."""
    line_count = len(_newlines(batch)) + (not batch.endswith(b"\n"))
    is_utf8 = _is_utf8(batch)
    records = _decode_batch(batch, shapes) if is_utf8 else []
    if len(records) == line_count:
        return np.arange(first_line, first_line + line_count, dtype=np.int32), records, {}
    return _decode_each(dict(enumerate(split_chunk(batch), first_line)), shapes, is_utf8)


def _decode_batch(batch: bytes, shapes: LineShapes) -> list[Any]:
    """The structs of whole lines of UTF-8, one for each of them; otherwise fewer.

    The decoder sees values, not lines. A blank line has no value, and lines can share one. The
    decoder refuses two values on one line. So if there are as many structs as lines, each line has
    its own.
    """
    try:
        records: list[Any] = shapes.decoder.decode_lines(batch)
    except UNREADABLE:
        return []
    return records


def _decode_each(
    lines: Mapping[int, bytes], shapes: LineShapes, is_utf8: bool
) -> tuple[Integers, list[Any], dict[int, bytes]]:
    """The numbers and the structs of those lines that have one, and the lines that have none."""
    records = {}
    others = {}
    for log_line, line in lines.items():
        try:
            if not is_utf8:
                line.decode()
            records[log_line] = shapes.decoder.decode(line)
        except UNREADABLE:
            others[log_line] = line
    return np.fromiter(records, np.int32, len(records)), list(records.values()), others


def _odd_records(
    lines: Mapping[int, bytes],
) -> tuple[Integers, list[Any], LineShapes | None, dict[int, bytes]]:
    """The numbers, the structs and the shapes of odd lines, and those that have none even so.

    A line that is odd among all lines may be ordinary among the odd ones.
    """
    if len(lines) < WORTH_SHAPES:
        return np.empty(0, np.int32), [], None, dict(lines)
    shapes = line_shapes(b"\n".join(lines.values()))
    log_lines, records, others = _decode_each(lines, shapes, is_utf8=False)
    return log_lines, records, shapes, others


def _parse_odd_lines(lines: Mapping[int, bytes], log_day: date) -> ParsedChunk:
    """Read lines, given by their numbers, that the shapes of all lines do not fit."""
    log_lines, records, shapes, others = _odd_records(lines)
    parsed = _parse_lines(others, log_day)
    if shapes is None or not records:
        return parsed
    shaped = _ordinary_tables(records, shapes, log_day, log_lines)
    return ParsedChunk(
        {name: _in_log_order(shaped[name], parsed.tables[name]) for name in shaped},
        len(lines),
        parsed.blank_count,
        parsed.erased_count,
    )


def _ordinary_tables(
    records: Sequence[Any], shapes: LineShapes, log_day: date, log_lines: Integers
) -> dict[str, pa.Table]:
    """All tables of the lines with these structs and numbers."""
    delete_structs = {shapes.delete.struct, shapes.old_delete.struct}
    is_delete = np.array([type(record) in delete_structs for record in records], np.bool_)
    visits = list(compress(records, ~is_delete))
    deletes = list(compress(records, is_delete))
    return {
        **_visit_tables(visits, shapes, log_day, log_lines[~is_delete]),
        DELETES_LOG.name: _deletes_table(deletes, shapes, log_day, log_lines[is_delete]),
        REJECTED_LINES_LOG.name: _SCHEMAS[REJECTED_LINES_LOG.name].empty_table(),
    }


def _parse_lines(lines: Mapping[int, bytes], log_day: date) -> ParsedChunk:
    """Read lines, given by their numbers, with `parse_line`."""
    rows: dict[str, list[dict[str, object]]] = {table.name: [] for table in PARSED_TABLES}
    blank_count = erased_count = 0
    for log_line, line in lines.items():
        place: dict[str, object] = {"log_day": log_day, "log_line": log_line}
        match parse_line(line):
            case VisitLine() as visit:
                place["pid"] = visit.pid
                rows[VISITS_LOG.name].append(place | {"type": visit.type} | visit.columns)
                rows[ACTIONS_LOG.name] += [
                    place | {"action_index": index} | action
                    for index, action in enumerate(visit.actions)
                ]
                rows[PROPERTIES_LOG.name] += [
                    place | {"key": key, "value": value} for key, value in visit.properties.items()
                ]
            case DeleteLine() as delete:
                rows[DELETES_LOG.name].append(place | vars(delete))
            case RejectedLine() as rejected:
                rows[REJECTED_LINES_LOG.name].append(place | vars(rejected))
            case BlankLine():
                blank_count += 1
            case ErasedLine():
                erased_count += 1
    tables = {
        name: pa.Table.from_pylist(rows[name], schema=schema)
        if rows[name]
        else schema.empty_table()
        for name, schema in _SCHEMAS.items()
    }
    return ParsedChunk(tables, len(lines), blank_count, erased_count)


def _in_log_order(some: pa.Table, others: pa.Table) -> pa.Table:
    """The rows of both tables; all rows of one line are in one of them, in order."""
    if not others.num_rows:
        return some
    rows = pa.concat_tables([some, others]).combine_chunks()
    return rows.take(pa.array(np.argsort(rows["log_line"].to_numpy(), kind="stable")))


def _visit_tables(
    visits: Sequence[Any], shapes: LineShapes, log_day: date, log_lines: Integers
) -> dict[str, pa.Table]:
    types = {shapes.visit.struct: "visit", shapes.identify.struct: "identify"}
    fields = _fields(visits, shapes.visit)
    pids = pa.array(fields["pid"], pa.string())
    visitors, action_lists = fields["visitor"], fields["actions"]
    columns, extras = _columns(fields, shapes.visit)
    columns |= _referrer_columns(fields[REFERRER_KEY], shapes.referrer, extras)
    columns |= _flat_referrer_columns(columns, extras)
    columns |= {
        "type": [types[type(visit)] for visit in visits],
        "pid": pids,
        "visitor": _object_texts(visitors),
        "action_count": _lengths(action_lists),
        "extra": _extra_texts(extras, len(visits)),
    }
    return {
        VISITS_LOG.name: _table(VISITS_LOG, log_day, log_lines, columns),
        ACTIONS_LOG.name: _actions_table(action_lists, shapes.action, log_day, log_lines, pids),
        PROPERTIES_LOG.name: _properties_table(visitors, log_day, log_lines, pids),
    }


def _actions_table(
    action_lists: Sequence[Sequence[Any] | None],
    shape: Shape,
    log_day: date,
    log_lines: Integers,
    pids: pa.Array,
) -> pa.Table:
    """One row per action of the lines with these numbers and pids."""
    counts = _lengths(action_lists)
    line_of_row = np.repeat(np.arange(len(counts)), counts)
    first_row_of_line = np.cumsum(counts) - counts
    fields = _fields(chain.from_iterable(filter(None, action_lists)), shape)
    columns, extras = _columns(fields, shape)
    columns |= {
        "action_index": np.arange(len(line_of_row)) - first_row_of_line[line_of_row],
        "pid": pids.take(pa.array(line_of_row)),
        "properties": _object_texts(fields["properties"]),
        "extra": _extra_texts(extras, len(line_of_row)),
    }
    return _table(ACTIONS_LOG, log_day, log_lines[line_of_row], columns)


def _properties_table(
    visitors: Sequence[Mapping[str, Raw] | None],
    log_day: date,
    log_lines: Integers,
    pids: pa.Array,
) -> pa.Table:
    """One row per member of the `visitor` objects of the lines with these numbers and pids."""
    counts = _lengths(visitors)
    line_of_row = np.repeat(np.arange(len(counts)), counts)
    columns = {
        "pid": pids.take(pa.array(line_of_row)),
        "key": list(chain.from_iterable(filter(None, visitors))),
        "value": _texts([raw for visitor in visitors if visitor for raw in visitor.values()]),
    }
    return _table(PROPERTIES_LOG, log_day, log_lines[line_of_row], columns)


def _deletes_table(
    deletes: Sequence[Any], shapes: LineShapes, log_day: date, log_lines: Integers
) -> pa.Table:
    is_old = np.array([type(delete) is shapes.old_delete.struct for delete in deletes], np.bool_)
    tables = []
    for shape, mask in ((shapes.delete, ~is_old), (shapes.old_delete, is_old)):
        fields = _fields(compress(deletes, mask), shape)
        _, extras = _columns(fields, shape)
        columns = {
            "pid": fields["pid"],
            "new_id": fields["new_id"],
            "extra": _extra_texts(extras, len(fields["pid"])),
        }
        tables.append(_table(DELETES_LOG, log_day, log_lines[mask], columns))
    return _in_log_order(*tables)


def _fields(records: Iterable[Any], shape: Shape) -> Columns:
    """The attributes of the shape's structs, each with its values in all of `records`."""
    names = shape.struct.__struct_fields__
    values = list(zip(*map(msgspec.structs.astuple, records), strict=True))
    return dict(zip(names, values or [()] * len(names), strict=True))


def _columns(fields: Columns, shape: Shape) -> tuple[Columns, Extras]:
    """The shape's columns by name, and the members of the records that no column takes."""
    extras: Extras = defaultdict(dict)
    columns = {column.name: fields[column.name] for column in shape.columns.values()}
    for key, column in shape.columns.items():
        if column.type is ColumnType.DOUBLE:
            columns[column.name] = _doubles(columns[column.name], key, extras)
        elif column.name in shape.raw_columns:
            columns[column.name] = [
                _raw_value(raw, key, column.type, extras, row)
                for row, raw in enumerate(columns[column.name])
            ]
    for attribute, key in shape.unknown_keys.items():
        for row, raw in enumerate(fields[attribute]):
            if raw is not ABSENT:
                extras[row][key] = Raw(_compact(raw))
    return columns, extras


def _doubles(raws: Sequence[Raw], key: str, extras: Extras) -> list[Any]:
    """What a DOUBLE column holds for the values, as `_raw_value` says it of each of them.

    Without asking it a number is taken that is written as the encoder would, or in so few digits
    that no other double is as near.
    """
    text = b",".join(raws)
    try:
        numbers: list[Any] = _decode_doubles(b"[%b]" % text)
    except msgspec.DecodeError:
        return [
            _raw_value(raw, key, ColumnType.DOUBLE, extras, row) for row, raw in enumerate(raws)
        ]
    shortest = _encode(numbers)[1:-1]
    if shortest != text:
        pairs = zip(shortest.split(b","), text.split(b","), strict=True)
        for row, (short, written) in enumerate(pairs):
            if short != written and (len(written) > _SURELY_EXACT or b"e" in written.lower()):
                numbers[row] = _raw_value(raws[row], key, ColumnType.DOUBLE, extras, row)
    return numbers


def _raw_value(raw: Raw, key: str, column_type: ColumnType, extras: Extras, row: int) -> object:
    """What a column of this type holds for the value; a value it cannot take goes to `extras`."""
    if raw is ABSENT:
        return None
    text = _compact(raw)
    if text == b"null":
        return None
    value = column_value(text.decode(), column_type)
    if value is None:
        extras[row][key] = Raw(text)
    return value


def _referrer_columns(referrers: Sequence[Any], shape: Shape, extras: Extras) -> Columns:
    none = shape.struct()
    columns, referrer_extras = _columns(
        _fields([referrer or none for referrer in referrers], shape), shape
    )
    for row, referrer_extra in referrer_extras.items():
        extras[row][REFERRER_KEY] = referrer_extra
    return columns


def _flat_referrer_columns(columns: Columns, extras: Extras) -> Columns:
    """The referrer columns, filled where they are empty from the flat fields in `extras`."""
    filled = {name: list(columns[name]) for name in FLAT_REFERRER_KEYS.values()}
    for row, extra in extras.items():
        for key in FLAT_REFERRER_KEYS.keys() & extra.keys():
            values = filled[FLAT_REFERRER_KEYS[key]]
            if values[row] is None:
                raw = extra.pop(key)
                values[row] = _raw_value(raw, key, ColumnType.VARCHAR, extras, row)
            elif bytes(extra[key]) == b"null":
                del extra[key]
    return filled


def _texts(values: Sequence[Raw]) -> pa.Array:
    """The values as compact JSON."""
    lines = _encode_lines(values)
    return _string_array(lines, may_have_space=b"{" in lines or b"[" in lines)


def _object_texts(objects: Sequence[Mapping[str, Raw] | None]) -> pa.Array:
    """The objects as compact JSON, or NULL for None."""
    lines = _encode_lines(objects)
    texts = _string_array(lines, may_have_space=b":{" in lines or b"[" in lines)
    present = pa.array([each is not None for each in objects], pa.bool_())
    _, *text_buffers = texts.buffers()
    return pa.StringArray.from_buffers(len(texts), *text_buffers, present.buffers()[1])


def _string_array(lines: bytes, may_have_space: bool) -> pa.Array:
    """The JSON values, one a line, as compact texts.

    The encoder writes no white space itself; values that were arrays or objects can bring it in.
    """
    if may_have_space and not _is_compact(lines):
        lines = b"".join(_compact(text) + b"\n" for text in lines.split(b"\n")[:-1])
    ends = _newlines(lines)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    buffers = map(pa.py_buffer, (offsets, lines.replace(b"\n", b"")))
    return pa.StringArray.from_buffers(len(ends), *buffers)


def _newlines(text: bytes) -> Integers:
    return np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))


def _is_compact(lines: bytes) -> bool:
    text = b"[%b]" % lines[:-1].replace(b"\n", b",")
    try:
        return bool(msgspec.json.format(text, indent=-1) == text)
    except RecursionError:
        return False


def _extra_texts(extras: Extras, count: int) -> list[bytes | None]:
    """The `extra` column of so many records."""
    texts: list[bytes | None] = [None] * count
    for row, extra in extras.items():
        if extra:
            texts[row] = _encode_sorted(extra)
    return texts


def _compact(text: bytes | Raw) -> bytes:
    """JSON without insignificant white space, however deep it is."""
    try:
        compact: bytes = msgspec.json.format(text, indent=-1)
    except RecursionError:
        compact = json_text.compact(bytes(text).decode()).encode()
    return compact


def _lengths(collections: Sequence[Sized | None]) -> Integers:
    return np.array([len(collection or ()) for collection in collections], np.int64)


def _table(table: Table, log_day: date, log_lines: Integers, columns: Columns) -> pa.Table:
    schema = _SCHEMAS[table.name]
    arrays = []
    for column, arrow_type in zip(table.columns, schema.types, strict=True):
        if column is LOG_DAY:
            arrays.append(pa.repeat(pa.scalar(log_day, arrow_type), len(log_lines)))
        elif column is LOG_LINE:
            arrays.append(pa.array(log_lines, arrow_type))
        elif column.type is ColumnType.TIMESTAMPTZ:
            milliseconds = pa.array(columns[column.name], _MILLISECONDS)
            arrays.append(milliseconds.cast(arrow_type))
        elif _is_empty(columns[column.name]):
            arrays.append(pa.nulls(len(log_lines), arrow_type))
        else:
            arrays.append(pa.array(columns[column.name], arrow_type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _is_empty(values: Sequence[Any]) -> bool:
    """Whether a list or tuple, not an array, holds nothing but None; fast where it does not."""
    if isinstance(values, list | tuple) and values and values[0] is None:
        return values.count(None) == len(values)
    return False
