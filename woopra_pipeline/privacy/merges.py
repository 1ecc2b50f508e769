"""Which pids are one person, by the delete lines (R4, R10).

Every path of merges ends: at a pid that no later delete line deletes, or at a delete line without a
target. Pids are one person if their paths end at the same place.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Delete:
    """A delete line: its log position, the deleted pid, and the target, if there is one."""

    log_position: int
    pid: str
    new_id: str | None


@dataclass(frozen=True)
class Life:
    """A pid at a place of the log: lines under it then follow the path that begins there.

    A pid can live several times. Its next delete line after that place counts, an earlier one does
    not.
    """

    pid: str
    log_position: int


End = str | int
"""Where a path ends: a pid, or the log position of a delete line without a target."""


class Merges:
    """The delete lines of a log, each with the end of its path."""

    def __init__(self, deletes: Iterable[Delete]) -> None:
        self._deletes: Sequence[Delete] = sorted(deletes, key=lambda one: one.log_position)
        self._positions: dict[str, list[int]] = defaultdict(list)
        self._end_of: dict[int, End] = {}
        self._pids: dict[End, set[str]] = defaultdict(set)
        for one in self._deletes:
            self._positions[one.pid].append(one.log_position)
        # A path only goes forward in the log, so the end of the next step is known already.
        for one in reversed(self._deletes):
            if one.new_id is None:
                end: End = one.log_position
            else:
                end = self.end(Life(one.new_id, one.log_position))
            self._end_of[one.log_position] = end
            self._pids[end].add(one.pid)

    def end(self, life: Life) -> End:
        """Where the path from a life ends."""
        position = self._next_delete(life)
        return life.pid if position is None else self._end_of[position]

    def pids_of(self, life: Life) -> frozenset[str]:
        """All pids that are one person with `life`: those whose paths end at the same place."""
        end = self.end(life)
        last = {end} if isinstance(end, str) else set()
        return frozenset({life.pid} | self._pids.get(end, set()) | last)

    def ends_of(self, pid: str) -> set[End]:
        """The end of the path of each delete line of `pid`."""
        return {self._end_of[position] for position in self._positions.get(pid, ())}

    def latest_life(self, pid: str, last_line: int | None) -> Life:
        """The life of `pid` that counts for R5; `last_line` is the position of its last line.

        If no delete line of the pid comes after that line, it is the life of that line. Otherwise
        it is the life that the last delete line of the pid ended.
        """
        deletes = self._positions.get(pid, [])
        if deletes and (last_line is None or deletes[-1] > last_line):
            return Life(pid, deletes[-1] - 1)
        if last_line is not None:
            return Life(pid, last_line)
        named = [one.log_position for one in self._deletes if one.new_id == pid]
        return Life(pid, max(named, default=0))

    def _next_delete(self, life: Life) -> int | None:
        positions = self._positions.get(life.pid, [])
        place = bisect_right(positions, life.log_position)
        return positions[place] if place < len(positions) else None
