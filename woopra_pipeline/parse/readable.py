"""Whether bytes are a log at all: which lines could be read, and whether there is one.

A line is readable if it is a visit, an identify or a delete that would not be rejected (R8). The
parser itself is asked; what the lines say is of no interest here.
"""

from contextlib import suppress
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
    readable = rejected = 0
    for number, chunk in enumerate(whole_lines(file, CHUNK_BYTES)):
        lines = chunk if number else chunk.removeprefix(BYTE_ORDER_MARK)
        if lines:
            counts = count_readable_lines(lines)
            readable += counts[0]
            rejected += counts[1]
    return LineCounts(readable, rejected)


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

    Once it is found, nothing more is looked at: in a true log that is the first line.
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
        """Whether a readable line has passed; what stands after the last newline counts as one."""
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
