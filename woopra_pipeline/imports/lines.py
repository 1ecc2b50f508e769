"""Makes lines from rows: checked, in canonical JSON, with a key that identifies equal lines.

A line is canonical JSON: sorted keys, no insignificant space, so that equal content has equal
bytes. Visits are the same if their content is the same; events, if visitor, name, time and
properties are; profile updates, if visitor and content are. If a row cannot become a line, it is
set aside with the reason.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_digest

from woopra_pipeline.imports.settings import ImportSettings

EARLIEST_TIME = 100_000_000_000
LATEST_TIME = 4_102_444_800_000
"""The years 1973 to 2099 in UNIX milliseconds: plausible times that cannot be seconds."""
_PLAUSIBLE = range(EARLIEST_TIME, LATEST_TIME)
_SECONDS = range(100_000_000, LATEST_TIME // 1000)

KEY_BYTES = 16
EMPTY_VISIT = b'{"actions":[%b],"visitor":%b}'

Object: TypeAlias = dict[str, Any]


class BadRowError(Exception):
    """The reason why a row cannot become a line."""


@dataclass(frozen=True)
class SetAside:
    """A row that cannot become a line: its JSON text, and why."""

    row: str
    reason: str


class Visit(NamedTuple):
    """A visit: the whole line."""

    key: bytes
    line: bytes


class Event(NamedTuple):
    """An event that is not on the line of a visit yet; `visitor` and `action` are JSON."""

    key: bytes
    visitor_key: bytes
    time: int
    visitor: bytes
    action: bytes


class ProfileUpdate(NamedTuple):
    """A profile update: the whole line, and a digest of it."""

    visitor_key: bytes
    content: bytes
    line: bytes


Record: TypeAlias = Visit | Event | ProfileUpdate
"""The result of one row."""


@dataclass(frozen=True)
class Chunk:
    """The results of some rows, in their order.

    `columns` are the fields of the records, each with a value for each record; none if there are no
    records.
    """

    columns: Sequence[Sequence[Any]]
    set_aside: Sequence[SetAside]


def read_chunk(
    rows: pa.RecordBatch,
    read: Callable[[Object], Record],
    read_plain: Callable[[pa.RecordBatch], Sequence[Sequence[Any]]],
) -> Chunk:
    """Apply `read` to each row of a source, or set the row aside.

    `read_plain` does the same for rows that are plain.
    """
    is_plain = rows.column("is_plain")
    odd_count = len(rows) - is_plain.true_count
    if not odd_count:
        return Chunk(read_plain(rows), ())
    odd, set_aside = _read_odd(texts(rows.filter(pc.invert(is_plain)).column("row")), read)
    plain: Iterator[tuple[Any, ...]] = iter(())
    if odd_count < len(rows):
        plain = zip(*read_plain(rows.filter(is_plain)), strict=True)
    others = iter(odd)
    in_order = (next(plain if each else others) for each in is_plain.to_pylist())
    records = [record for record in in_order if record is not None]
    return Chunk(list(zip(*records, strict=True)), set_aside)


def _read_odd(
    rows: Sequence[bytes], read: Callable[[Object], Record]
) -> tuple[list[Record | None], list[SetAside]]:
    records: list[Record | None] = []
    set_aside = []
    for text, row in zip(rows, _objects(rows), strict=True):
        try:
            if row is None:
                raise BadRowError("it has a value that JSON cannot have, such as NaN or infinity")
            records.append(read(row))
        except BadRowError as reason:
            records.append(None)
            set_aside.append(SetAside(text.decode(), str(reason)))
    return records, set_aside


def _objects(rows: Sequence[bytes]) -> Iterable[Object | None]:
    """The rows as objects; None for one that is no JSON."""
    try:
        # All at once is much faster, and rarely fails.
        objects: list[Object] = msgspec.json.decode(b"[%b]" % b",".join(rows))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _objects_one_by_one(rows)
    return objects


def _objects_one_by_one(rows: Sequence[bytes]) -> Iterator[Object | None]:
    for text in rows:
        try:
            yield msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield None


def texts(column: pa.StringArray | pa.BinaryArray) -> list[bytes]:
    """The texts of a column without NULLs, in UTF-8, or its blobs."""
    _, places, characters = column.buffers()
    is_large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    offsets = memoryview(places).cast("q" if is_large else "i")
    own = offsets[column.offset : column.offset + len(column) + 1].tolist()
    content = memoryview(characters)[: own[-1]].tobytes() if characters else b""
    return [content[start:end] for start, end in pairwise(own)]


def digests(contents: Iterable[bytes]) -> list[bytes]:
    """The digest of each of the contents for the ledger: XXH3, 128 bits, big-endian.

    The probability that any two of a thousand million contents have the same digest is 1.5e-21. It
    is not a cryptographic digest, which takes six times as long: see docs/imports.md.
    """
    return list(map(xxh3_128_digest, contents))


@dataclass(frozen=True)
class Reader:
    """Reads decoded rows of each shape; all methods raise `BadRowError`."""

    settings: ImportSettings

    def visit(self, row: Object) -> Visit:
        """A row of shape visits."""
        self.identity(row)
        if "time" in row:
            _check_time(row["time"], "time of the visit")
        actions = row.get("actions")
        if actions is not None:
            if type(actions) is not list:
                raise BadRowError("actions is not a JSON array")
            for action in actions:
                _check_action(action)
        line = self._canonical(row)
        return Visit(digest(line), line)

    def event(self, row: Object) -> Event:
        """A row of shape events."""
        visitor_key = self._visitor_key(row)
        _check_action(row)
        visitor = canonical(row.pop("visitor"))
        if not row.get("properties"):
            row.pop("properties", None)
        action = canonical(row)
        self._check_size(len(EMPTY_VISIT) + len(visitor) + len(action))
        return Event(digest(visitor_key + action), visitor_key, row["time"], visitor, action)

    def profile_update(self, row: Object) -> ProfileUpdate:
        """A row of shape profiles."""
        visitor_key = self._visitor_key(row)
        line = self._canonical(row)
        return ProfileUpdate(visitor_key, digest(line), line)

    def _visitor_key(self, row: Object) -> bytes:
        return digest("\0".join(self.identity(row)).encode())

    def update_key(self, line: Object) -> bytes:
        """The key of the visitor of a profile update, from its line."""
        return self._visitor_key(line)

    def event_keys(self, line: Object) -> list[bytes]:
        """The keys of the events that were put on the line of a visit."""
        visitor_key = self._visitor_key(line)
        return [digest(visitor_key + canonical(action)) for action in line["actions"]]

    def identity(self, row: Object) -> tuple[str, str]:
        """The visitor of a row or line: the key of an identifier, and its value as text."""
        visitor = row.get("visitor")
        if type(visitor) is not dict:
            raise BadRowError("visitor is not a JSON object")
        for key in self.settings.identifiers:
            text = identifier_text(visitor.get(key))
            if text:
                return key, text
        raise BadRowError(
            f"visitor has no identifier: it needs one of {', '.join(self.settings.identifiers)}"
        )

    def _canonical(self, row: Object) -> bytes:
        line = canonical(row)
        self._check_size(len(line))
        return line

    def _check_size(self, size: int) -> None:
        if size > self.settings.largest_line:
            raise BadRowError(
                f"the line has {size:,} bytes, more than the {self.settings.largest_line:,} "
                "a line may have"
            )


def visit_of(visitors: Sequence[bytes], actions: Sequence[bytes]) -> bytes:
    """The line of a visit made from events: the last value of each property counts."""
    visitor = visitors[0]
    if any(other != visitor for other in visitors):
        merged: dict[str, object] = {}
        for each in visitors:
            merged |= orjson.loads(each)
        visitor = canonical(merged)
    return EMPTY_VISIT % (b",".join(actions), visitor)


def identifier_text(value: object) -> str:
    """An identifier's value as text; empty if it identifies nobody."""
    if type(value) is str:
        return value.strip()
    return str(value) if type(value) is int else ""


def canonical(content: object) -> bytes:
    """Canonical JSON; raises `BadRowError` for values that JSON cannot have."""
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise BadRowError(f"it has a value that JSON cannot have: {error}") from error


def digest(content: bytes) -> bytes:
    """The digest of `content` for the ledger."""
    return xxh3_128_digest(content)


def numbered(key: bytes, number: int) -> bytes:
    """The key of the `number`-th (0-based) of several identical rows of one result."""
    return digest(key + number.to_bytes(8)) if number else key


def _check_action(action: object) -> None:
    if type(action) is not dict:
        raise BadRowError("an action is not a JSON object")
    name = action.get("name")
    if type(name) is not str or not name or name.isspace():
        raise BadRowError("the name of an action is missing, empty or not a string")
    time = action.get("time")
    if type(time) is not int or not EARLIEST_TIME <= time < LATEST_TIME:
        _check_time(time, f"time of the action {name!r}")
    properties = action.get("properties")
    if type(properties) is not dict:
        if properties is not None:
            raise BadRowError(f"properties of the action {name!r} is not a JSON object")
        action.pop("properties", None)


def _check_time(time: object, what: str) -> None:
    if time is None:
        raise BadRowError(f"{what} is missing")
    if type(time) is not int:
        raise BadRowError(f"{what} is {_shown(time)}, not an integer of UNIX milliseconds")
    if time in _PLAUSIBLE:
        return
    if time in _SECONDS:
        raise BadRowError(f"{what} is {time}, which looks like seconds: multiply it by 1000")
    raise BadRowError(f"{what} is {time}, not within the years 1973 to 2099 in UNIX milliseconds")


def _shown(value: object) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 40 else f"{text[:40]}…"
