"""Which lines an erasure removes (R10), and the bytes of a file without them.

An erased line is overwritten by a tombstone of the same length. So every other line keeps its
number, and every other byte its place.

Nobody can know when a line without a time happened. If it was logged after the erasure, it is
erased if it repeats a value of erased lines, unless an earlier line of the same file, with a time,
has the same value. So the decision about a line depends only on the register and on the lines
before it in its own file. The same lines are erased in whatever order the days come.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, BinaryIO, Literal

import msgspec
from msgspec import Raw

from woopra_pipeline.parse.json_text import string_value
from woopra_pipeline.parse.lines import (
    BYTE_ORDER_MARK,
    EPOCH,
    SHORT_TOMBSTONE,
    TOMBSTONE,
    RejectedLine,
    VisitLine,
    parse_line,
    whole_lines,
)
from woopra_pipeline.privacy.digests import VALUE_DIGITS, Digests
from woopra_pipeline.privacy.rejected import named_in
from woopra_pipeline.woopra.log_days import log_day_at

CHUNK_BYTES = 8 << 20

FOR_EVER = datetime.max.replace(tzinfo=UTC)
"""The moment of an erasure that also includes the future."""

NO_TEXTS = ("null", '""')
"""Values, as JSON, that identify nobody."""


class _Action(msgspec.Struct):
    time: int | None = None
    properties: dict[str, Raw] | None = None


class _Line(msgspec.Struct):
    """The fields of a line; a line that does not fit is given to `parse_line`."""

    type: Literal["visit", "identify", "delete"]
    pid: Annotated[str, msgspec.Meta(min_length=1)]
    time: int | None = None
    visitor: dict[str, Raw] | None = None
    actions: list[_Action] | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Statement:
    """The content of a visit or identify line that R10 needs; `properties` are JSON texts."""

    type: str
    pid: str
    times: tuple[object, ...]
    properties: Mapping[str, str]

    @property
    def happened_at(self) -> datetime | None:
        """When it happened: the latest of its times above 0; None if it has none."""
        return max((t for t in self.times if isinstance(t, datetime) and t > EPOCH), default=None)

    @staticmethod
    def of(line: VisitLine) -> "Statement":
        """What a line says."""
        times = (line.columns["started_at"], *(action["occurred_at"] for action in line.actions))
        return Statement(line.type, line.pid, times, line.properties)


@dataclass
class Remembered:
    """What the register keeps of one erasure: its pids, and keyed digests of the rest.

    Only this person had the `identifiers`. `values` are the properties that erased lines had. Those
    in `new` were found since then, and are not in the register yet.
    """

    name: str
    moment: datetime
    pids: frozenset[str]
    identifiers: frozenset[str]
    values: set[str]
    new: set[str] = field(default_factory=set)


Said = defaultdict[str, set[str]]
"""By pid, digests of the values of lines with a time since the erasure."""


class ErasedPersons:
    """All persons who were erased, as the pids that are theirs; true if there are any.

    `moments` has the moment of each pid before which its lines are erased. `remembered` belongs to
    these erasures; `keys` are the properties that identify somebody.
    """

    def __init__(
        self,
        moments: Mapping[str, datetime],
        remembered: Sequence[Remembered] = (),
        digests: Digests | None = None,
        keys: Iterable[str] = (),
        keep: Callable[[Mapping[str, set[str]]], None] = lambda values: None,
    ) -> None:
        """`keep` writes newly found values into the register, by the name of the erasure."""
        self.moments = moments
        self.remembered = remembered
        self._digests = digests
        self._keep = keep
        self._of_pid: dict[str, list[Remembered]] = defaultdict(list)
        self._identified: dict[str, datetime] = {}
        for one in remembered:
            for pid in one.pids:
                self._of_pid[pid].append(one)
            for text in one.identifiers:
                self._identified[text] = max(one.moment, self._identified.get(text, one.moment))
        self._keys = frozenset(keys) if self._identified else frozenset()
        self._last_days = {
            moment: date.max if moment == FOR_EVER else log_day_at(moment)
            for moment in {*moments.values(), *(one.moment for one in remembered)}
        }

    def and_all_of(self, pids: Iterable[str]) -> "ErasedPersons":
        """These persons, and every line of more pids, whenever it happened."""
        return ErasedPersons(
            dict.fromkeys(pids, FOR_EVER) | dict(self.moments),
            self.remembered,
            self._digests,
            self._keys,
        )

    def __bool__(self) -> bool:
        return bool(self.moments)

    def take(self, line: Statement, log_day: date, said: Said) -> bool:
        """Whether a visit or identify line of `log_day`'s file is erased (R10).

        `said` has the values of the lines before it in that file; the values of this line are
        added.
        """
        moment = self.moments.get(line.pid)
        happened_at = line.happened_at
        if moment is not None and self._is_before(happened_at, log_day, moment):
            self._remember(line, happened_at, log_day)
            return True
        known = self._known(line)
        if any(
            self._is_before(happened_at, log_day, self._identified[text])
            for text in known & self._identified.keys()
        ):
            return True
        if happened_at is not None:
            if known or line.pid in self._of_pid:
                said[line.pid] |= known | self._values(line)
            return False
        is_visit_of_theirs = moment is not None and line.type == "visit"
        return is_visit_of_theirs or not known <= said[line.pid]

    def takes_rejected(self, text: str) -> bool:
        """Whether a line that could not be read is erased, because it names one of them (R10)."""
        for key, value in named_in(text):
            if key in {None, "pid"} and value in self.moments:
                return True
            keys = self._keys if key is None else self._keys & {key}
            if any(self._identified.keys() & set(self._of(one, value)) for one in keys):
                return True
        return False

    def is_identifier(self, key: str, value: str) -> bool:
        """Whether a property, with its value as text, identified only one of them."""
        return key in self._keys and not self._identified.keys().isdisjoint(self._of(key, value))

    @property
    def keys(self) -> frozenset[str]:
        """The properties that identify some of them; none if there are none."""
        return self._keys

    def overwritten(self, chunk: bytes, log_day: date) -> tuple[bytes, int]:
        """A whole file of `log_day` with tombstones for the lines that are erased; their number.

        A byte order mark at its start must not be in it.
        """
        return Sieve(self, log_day).overwritten(chunk)

    def overwritten_file(
        self, stream: BinaryIO, log_day: date, *, sieve: "Sieve | None" = None
    ) -> Iterator[tuple[bytes, int]]:
        """A file of `log_day` in pieces, with tombstones for the lines that are erased.

        Each piece comes with the number of its erased lines. If a `sieve` is given that has read
        the beginning of the file, the pieces are the rest of that file.
        """
        is_start = sieve is None
        sieve = sieve or Sieve(self, log_day)
        for chunk in whole_lines(stream, CHUNK_BYTES):
            mark = BYTE_ORDER_MARK if is_start and chunk.startswith(BYTE_ORDER_MARK) else b""
            lines, count = sieve.overwritten(chunk[len(mark) :])
            yield mark + lines, count
            is_start = False

    def count(self, stream: BinaryIO, log_day: date) -> int:
        """How many lines of a whole file of `log_day` are erased and not yet overwritten."""
        return sum(count for _, count in self.overwritten_file(stream, log_day))

    def new_values(self) -> dict[str, set[str]]:
        """Values of erased lines that are not in the register yet, by erasure."""
        return {one.name: one.new for one in self.remembered if one.new}

    def keep_new_values(self) -> None:
        """Write the values that were found into the register, before the lines are overwritten."""
        new = self.new_values()
        if new:
            self._keep(new)
            for one in self.remembered:
                one.values |= one.new
                one.new = set()

    def may_take(self, line: bytes) -> bool:
        """Whether a line may be one of theirs; a line that cannot be read here may be."""
        try:
            read = _decode_line(line)
            if read.pid in self.moments:
                return True
            return bool(self._keys and read.visitor) and any(
                _is_rewritten(bytes(value))
                or self.is_identifier(key, as_text(bytes(value).decode()))
                for key, value in (read.visitor or {}).items()
                if key in self._keys
            )
        except _UNREADABLE:
            return True

    def _is_before(self, happened_at: datetime | None, log_day: date, moment: datetime) -> bool:
        """Whether a line happened before the moment of an erasure.

        A line without a time counts as before the moment if it was logged on the log day of the
        moment or earlier.
        """
        if moment == FOR_EVER:
            return True
        if happened_at is None:
            return log_day <= self._last_days[moment]
        return happened_at < moment

    def _remember(self, line: Statement, happened_at: datetime | None, log_day: date) -> None:
        """Remember the values of an erased line, for lines without a time that repeat them."""
        for one in self._of_pid.get(line.pid, ()):
            if one.moment != FOR_EVER and self._is_before(happened_at, log_day, one.moment):
                one.new |= self._values(line) - one.values

    def _known(self, line: Statement) -> set[str]:
        """Digests of values of a line that erased lines had too, or that identified somebody."""
        known = {
            text
            for key, value in line.properties.items()
            if key in self._keys
            for text in self._of(key, as_text(value))
            if text in self._identified
        }
        remembered = self._of_pid.get(line.pid, ())
        if any(one.values or one.new for one in remembered):
            values = self._values(line)
            for one in remembered:
                known |= values & (one.values | one.new)
        return known

    def _values(self, line: Statement) -> set[str]:
        return {
            text[:VALUE_DIGITS]
            for key, value in line.properties.items()
            if value not in NO_TEXTS
            for text in self._of(key, as_text(value))
        }

    def _of(self, key: str, value: str) -> Iterator[str]:
        return iter(()) if self._digests is None else self._digests.of(key, value)


class Sieve:
    """Reads one file of a log day, from start to end, and overwrites the erased lines."""

    def __init__(self, persons: ErasedPersons, log_day: date) -> None:
        self._persons = persons
        self._log_day = log_day
        self._said: Said = defaultdict(set)

    def overwritten(self, chunk: bytes) -> tuple[bytes, int]:
        """The next whole lines, with tombstones for those that are erased; their number."""
        lines = chunk.split(b"\n")
        count = 0
        for place, line in enumerate(lines):
            if self._persons.may_take(line) and self._takes(line):
                lines[place] = tombstone(len(line))
                count += 1
        return (b"\n".join(lines), count) if count else (chunk, 0)

    def _takes(self, line: bytes) -> bool:
        match parse_line(line):
            case VisitLine() as read:
                return self._persons.take(Statement.of(read), self._log_day, self._said)
            case RejectedLine(_, text):
                return self._persons.takes_rejected(text)
            case _:
                return False


def tombstone(length: int) -> bytes:
    """The text that replaces an erased line of so many bytes."""
    if length < len(TOMBSTONE):
        return SHORT_TOMBSTONE * length
    return TOMBSTONE.ljust(length)


def _is_rewritten(value: bytes) -> bool:
    """Whether a logged value may have another text after its line is parsed."""
    return value[:1] in (b"{", b"[") or b"\\u" in value


def as_text(value: str) -> str:
    """A property's value, given as JSON, as text."""
    return string_value(value) if value.startswith('"') else value


NOBODY = ErasedPersons({})
