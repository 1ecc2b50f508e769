"""Compares the figures of two commits.

    python -m benchmarks compare v0.2.0 HEAD
    python -m benchmarks compare HEAD~3 HEAD --stage parse

Each commit must have been measured: check it out and run a benchmark there. If it was measured more
than once, all its rounds count. Figures of different machines are compared only where they have no
unit.
"""

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import WITHOUT_UNIT, Record, Results, ResultsError, Spread, git, read

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Compared:
    """A figure of two commits."""

    key: Key
    earlier: Spread
    later: Spread

    @property
    def ratio(self) -> float:
        """The later median divided by the earlier one; NaN if the earlier one is zero."""
        return self.later.median / self.earlier.median if self.earlier.median else float("nan")

    @property
    def overlaps(self) -> bool:
        """Whether the spreads overlap: then there may be no difference."""
        return self.earlier.overlaps(self.later)


def compare(path: Path, earlier: str, later: str, stage: str | None = None) -> list[Compared]:
    """All figures that both commits have, in the order of the later one.

    A commit is any name that git knows. Raises `ResultsError` if git does not know it, if nothing
    was measured there, or if the two have no figure in common.
    """
    records = list(read(path))
    before, after = (
        [each for each in of_commit(records, path, name) if stage in (None, each.stage)]
        for name in (earlier, later)
    )
    compared = matched(before, after)
    if not compared:
        raise ResultsError(
            f"Nothing was measured both at {earlier} and at {later} in the same size"
            + (f", of the stage {stage}" if stage else "")
            + ": run the same benchmark at both"
        )
    return compared


def of_commit(records: Iterable[Record], path: Path, name: str) -> list[Record]:
    """The figures of a commit: those measured without local changes, if there are any."""
    commit = resolved(name)
    found = [record for record in records if record.setting.commit == commit]
    if not found:
        raise ResultsError(
            f"{path} has no results of {name} ({commit[:12]}): check it out and run `make bench`"
        )
    clean = [record for record in found if not record.setting.is_dirty]
    return clean or found


def resolved(name: str) -> str:
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except (OSError, subprocess.CalledProcessError):
        raise ResultsError(f"git knows no commit {name}") from None


def matched(earlier: Sequence[Record], later: Sequence[Record]) -> list[Compared]:
    """The figures that are in both, with all their rounds."""
    machines = {
        str(sorted(record.setting.machine.items()))
        for records in (earlier, later)
        for record in records
    }
    rounds: list[dict[Key, list[float]]] = [{}, {}]
    for records, found in zip((earlier, later), rounds, strict=True):
        for record in records:
            if len(machines) == 1 or record.unit in WITHOUT_UNIT:
                found.setdefault(record.key, []).extend(record.rounds)
    before, after = rounds
    return [
        Compared(key, Spread.of(before[key]), Spread.of(values))
        for key, values in after.items()
        if key in before
    ]


def last_of_commit(path: Path, commit: str, size: str) -> Results:
    """The figures of a commit in that size; the latest one of each.

    Raises `ResultsError` if there is none.
    """
    found = {
        record.key: record
        for record in of_commit(read(path), path, commit)
        if record.setting.size == size
    }
    if not found:
        raise ResultsError(f"{path} has no results of {commit} in size {size}")
    records = list(found.values())
    return Results(records[-1].setting, None, records)
