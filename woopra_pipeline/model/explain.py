"""The history of a pid: each merge on its path, what it voided, and what was logged again."""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.database import statements


@dataclass(frozen=True)
class Merge:
    """One delete line: what it voided under `from_pid`, and what was logged again (R6)."""

    log_day: date
    log_line: int
    from_pid: str
    to_pid: str | None
    visit_count: int
    """Visits it voided."""
    action_count: int
    """Actions it voided."""
    relogged_count: int | None
    """How many of these actions were logged again; None if it was no merge."""


@dataclass(frozen=True)
class LivingProfile:
    """The profile that has the pid's latest data now."""

    pid: str
    email: str | None
    name: str | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    visit_count: int
    action_count: int
    is_provisional: bool


@dataclass(frozen=True)
class PidHistory:
    """Everything the log says about one pid."""

    pid: str
    canonical_pid: str | None
    """The pid that has its latest data now; None if it was deleted for good."""
    profile: LivingProfile | None
    """The profile of `canonical_pid`; None if it has none (yet)."""
    own_deletes: tuple[Merge, ...]
    """The delete lines of the pid itself, in log order; each ended one of its lives."""
    path: tuple[Merge, ...]
    """If the pid has no profile: the merges from its last delete to `canonical_pid` (R4)."""
    merged_into: tuple[Merge, ...]
    """The delete lines whose paths lead through the pid, in log order."""


def explain_pid(connection: duckdb.DuckDBPyConnection, pid: str) -> PidHistory:
    """What the published model behind `connection` knows about `pid`.

    Raises `ModelError` if the pid is not in the loaded log days.
    """
    alias = connection.execute("select canonical_pid from pid_aliases where pid = ?", [pid])
    row = alias.fetchone()
    if row is None:
        raise ModelError(
            f"pid {pid!r} is not in the loaded log days: check its spelling (pids are "
            "case-sensitive), or load the days it was seen on"
        )
    (canonical_pid,) = row
    merges: dict[str, list[Merge]] = {"own": [], "path": [], "into": []}
    connection.execute(statements("explain"), {"pid": pid})
    for part, *columns in connection.fetchall():
        merges[part].append(Merge(*columns))
    profile = connection.execute(
        "select pid, email, name, first_seen_at, last_seen_at, visit_count, action_count, "
        "is_provisional from profiles where pid = ?",
        [canonical_pid],
    ).fetchone()
    return PidHistory(
        pid,
        canonical_pid,
        profile=LivingProfile(*profile) if profile else None,
        own_deletes=tuple(merges["own"]),
        path=tuple(merges["path"]),
        merged_into=tuple(merges["into"]),
    )
