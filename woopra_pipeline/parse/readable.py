"""Whether bytes are a log at all: which lines could be read, and whether there is one.

A line is readable if it is a visit, an identify or a delete that would not be rejected (R8). The
parser itself is asked; what the lines say is of no interest here.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, zip_longest
from typing import BinaryIO, NamedTuple

import msgspec

from woopra_pipeline.parse.chunks import count_readable_lines
from woopra_pipeline.parse.lines import (
    BYTE_ORDER_MARK,
    WHITE_SPACE,
    DeleteLine,
    VisitLine,
    parse_line,
    whole_lines,
)

CHUNK_BYTES = 8 << 20
KNOWN_TYPES = {"visit", "identify", "delete", "system"}
LONGEST_JUDGED_LINE = 64 << 20
"""A longer line counts as one that cannot be read, so that it is never held in memory."""


class LineCounts(NamedTuple):
    """How many lines of a file can be read, and how many are rejected; the others are blank."""

    readable: int
    rejected: int

    @property
    def mostly_rejected(self) -> bool:
        """Whether more lines are rejected than can be read."""
        return self.rejected > self.readable


def count_lines(file: BinaryIO) -> LineCounts:
    """Count the lines of a whole file, open for reading."""
    return _count(_whole_file(file))


def count_different_lines(one: BinaryIO, other: BinaryIO) -> tuple[LineCounts, LineCounts]:
    """Count the lines of two whole files, from their first difference to their ends.

    Neither file's count has the lines of some whole chunks with which both begin alike.
    """
    chunks, others = _whole_file(one), _whole_file(other)
    for chunk, another in zip_longest(chunks, others, fillvalue=b""):
        if chunk != another:
            return _count(chain([chunk], chunks)), _count(chain([another], others))
    return LineCounts(0, 0), LineCounts(0, 0)


def _whole_file(file: BinaryIO) -> Iterator[bytes]:
    """A whole file in pieces of whole lines."""
    chunks = whole_lines(file, CHUNK_BYTES)
    yield next(chunks, b"").removeprefix(BYTE_ORDER_MARK)
    yield from chunks


def _count(chunks: Iterable[bytes]) -> LineCounts:
    counts = [count_readable_lines(chunk) for chunk in chunks if chunk]
    return LineCounts(sum(count[0] for count in counts), sum(count[1] for count in counts))


class _Typed(msgspec.Struct):
    type: str = ""


_decode_typed = msgspec.json.Decoder(_Typed).decode


def is_readable(line: bytes) -> bool:
    r"""Whether one physical line, given without its `\n`, can be read."""
    # Lines of an unknown type are told ten times faster without reading all there is in them.
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if _decode_typed(line).type not in KNOWN_TYPES:
            return False
    return isinstance(parse_line(line), VisitLine | DeleteLine)


class FirstReadableLine:
    """Looks for the first readable line in the bytes of a file as they pass, in any pieces.

    After it is found, the rest is not looked at. In a real log it is the first line.
    """

    def __init__(self) -> None:
        self.is_blank = True
        """Whether nothing but white space has passed."""
        self._found = False
        self._at_start = True
        self._line = bytearray()

    def add(self, piece: bytes) -> None:
        """Look at the next bytes of the file."""
        if self._found:
            return
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._take(end)
            self._judge()
            if self._found:
                return
        self._take(rest)

    def found(self) -> bool:
        """Whether a readable line has passed; the bytes after the last newline count as one."""
        if not self._found:
            self._judge()
        return self._found

    def _take(self, piece: bytes) -> None:
        if len(self._line) <= LONGEST_JUDGED_LINE:
            self._line += piece

    def _judge(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(BYTE_ORDER_MARK)
            self._at_start = False
        if line.strip(WHITE_SPACE):
            self.is_blank = False
            self._found = len(line) <= LONGEST_JUDGED_LINE and is_readable(line)
