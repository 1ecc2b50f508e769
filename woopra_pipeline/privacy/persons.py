"""Which lines an erasure takes (R10), and the bytes of a file without them.

A line that is taken is overwritten by a tombstone of the same length: every other line keeps its
number, and every byte its place.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import BinaryIO

import msgspec

from woopra_pipeline.parse.lines import (
    BYTE_ORDER_MARK,
    EPOCH,
    TOMBSTONE,
    VisitLine,
    parse_line,
    whole_lines,
)
from woopra_pipeline.woopra.log_days import log_day_at

CHUNK_BYTES = 8 << 20

FOR_EVER = datetime.max.replace(tzinfo=UTC)
"""The moment of an erasure that takes what is still to come as well."""


class _Owned(msgspec.Struct):
    pid: str = ""


_decode_owned = msgspec.json.Decoder(_Owned).decode


class ErasedPersons:
    """All persons who were erased, as the pids that are theirs; true if there are any.

    `moments` says of each pid before which moment its lines are taken.
    """

    def __init__(self, moments: Mapping[str, datetime]) -> None:
        self.moments = moments
        self._last_days = {
            moment: date.max if moment == FOR_EVER else log_day_at(moment)
            for moment in set(moments.values())
        }

    def __bool__(self) -> bool:
        return bool(self.moments)

    def take(self, line: VisitLine, log_day: date) -> bool:
        """Whether a visit or identify line of `log_day`'s file is erased (R10)."""
        times = [line.columns["started_at"], *(action["occurred_at"] for action in line.actions)]
        return self.take_times(line.pid, times, log_day)

    def take_times(self, pid: str, times: Iterable[object], log_day: date) -> bool:
        """Whether a line of `log_day` under `pid` is erased that has these times, or None for one.

        What it tells of happened at the latest of its times above 0. A line without one counts as
        logged before the moment up to the end of the log day in which that lies.
        """
        moment = self.moments.get(pid)
        if moment is None:
            return False
        latest = max((t for t in times if isinstance(t, datetime) and t > EPOCH), default=None)
        if latest is None:
            return log_day <= self._last_days[moment]
        return latest < moment or moment == FOR_EVER

    def overwritten(self, chunk: bytes, log_day: date) -> tuple[bytes, int]:
        """Whole lines of `log_day`'s file with tombstones for those that are erased; their number.

        A byte order mark at the start of a file must not be in them.
        """
        lines = chunk.split(b"\n")
        count = 0
        for place, line in enumerate(lines):
            if self._may_take(line):
                parsed = parse_line(line)
                if isinstance(parsed, VisitLine) and self.take(parsed, log_day):
                    lines[place] = TOMBSTONE.ljust(len(line))
                    count += 1
        return (b"\n".join(lines), count) if count else (chunk, 0)

    def overwritten_file(
        self, stream: BinaryIO, log_day: date, *, is_start: bool = True
    ) -> Iterator[tuple[bytes, int]]:
        """The rest of a file of `log_day` in pieces, as `overwritten` gives them.

        `is_start` says that it is all of the file, which may begin with a byte order mark.
        """
        for chunk in whole_lines(stream, CHUNK_BYTES):
            mark = BYTE_ORDER_MARK if is_start and chunk.startswith(BYTE_ORDER_MARK) else b""
            lines, count = self.overwritten(chunk[len(mark) :], log_day)
            yield mark + lines, count
            is_start = False

    def count(self, stream: BinaryIO, log_day: date) -> int:
        """How many lines of a whole file of `log_day` are erased and not yet overwritten."""
        return sum(count for _, count in self.overwritten_file(stream, log_day))

    def _may_take(self, line: bytes) -> bool:
        """Whether a line may be one of theirs; a line that is not read here may be anyone's."""
        try:
            return _decode_owned(line).pid in self.moments
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return True


NOBODY = ErasedPersons({})
