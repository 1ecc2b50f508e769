"""Which pids are one person, as the delete lines have it (R4, R10).

Every way of merges ends somewhere: at a pid that no later delete line names, or at a delete line
without a target. Pids are one person if a way from each of them ends at the same place.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Delete:
    """A delete line: its log position, the pid it ends, and the one that goes on, if any."""

    log_position: int
    pid: str
    new_id: str | None


@dataclass(frozen=True)
class Life:
    """A pid as it was at a place of the log: what was under it then goes where that leads.

    A pid can live several times. What a later delete line of it does counts, an earlier one does
    not.
    """

    pid: str
    log_position: int


End = str | int
"""Where a way ends: a pid, or the log position of a delete line without a target."""


class Merges:
    """The delete lines of a log, each with the end of its way."""

    def __init__(self, deletes: Iterable[Delete]) -> None:
        self._deletes: Sequence[Delete] = sorted(deletes, key=lambda one: one.log_position)
        self._positions: dict[str, list[int]] = defaultdict(list)
        self._end_of: dict[int, End] = {}
        self._pids: dict[End, set[str]] = defaultdict(set)
        for one in self._deletes:
            self._positions[one.pid].append(one.log_position)
        # A way leads forward in the log only, so the end of the next step is known already.
        for one in reversed(self._deletes):
            if one.new_id is None:
                end: End = one.log_position
            else:
                end = self.end(Life(one.new_id, one.log_position))
            self._end_of[one.log_position] = end
            self._pids[end].add(one.pid)

    def end(self, life: Life) -> End:
        """Where the way from a life ends."""
        position = self._next_delete(life)
        return life.pid if position is None else self._end_of[position]

    def pids_of(self, life: Life) -> frozenset[str]:
        """All pids that are one person with `life`: those that lead where it does, and that one."""
        end = self.end(life)
        last = {end} if isinstance(end, str) else set()
        return frozenset({life.pid} | self._pids.get(end, set()) | last)

    def ends_of(self, pid: str) -> set[End]:
        """Where each of the delete lines of `pid` leads."""
        return {self._end_of[position] for position in self._positions.get(pid, ())}

    def latest_life(self, pid: str, last_line: int | None) -> Life:
        """The life of `pid` that counts for R5, `last_line` being where its last line stands.

        That is the one of its last line, if no delete line of it comes after that, and otherwise
        the one that its last delete line ended.
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
