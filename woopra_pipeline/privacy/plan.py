"""Whom identifiers lead to, and what an erasure of them takes: asked of the published model.

An identifier that leads to nobody, or to several profiles, is an error that says so: whom to erase
is never guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from woopra_pipeline.errors import ErasureError
from woopra_pipeline.parse.pseudonyms import Pseudonyms
from woopra_pipeline.privacy.merges import Delete, End, Life, Merges
from woopra_pipeline.privacy.persons import FOR_EVER
from woopra_pipeline.woopra.log_days import log_day_at

PID = "pid"

_LINES = """
    with theirs as (
        select
            log_day,
            type,
            action_count,
            log_position,
            greatest(
                latest_at,
                case when type = 'identify' and started_at > to_timestamp(0) then started_at end
            ) as happened_at
        from log.lines
        where pid in (select pid from erased_pids)
    )
    select *, coalesce(happened_at < $moment, log_day <= $last_day) or $and_future as is_erased
    from theirs
"""


@dataclass(frozen=True)
class Identifier:
    """What a person is named by: `pid`, or the key of a property like `email`, and its value."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key} {self.value}"


@dataclass(frozen=True)
class Plan:
    """What an erasure takes, and what it leaves."""

    identifiers: tuple[Identifier, ...]
    """As they were given."""
    moment: datetime
    and_future: bool
    lives: tuple[Life, ...]
    pids: tuple[str, ...]
    profiles: tuple[str, ...]
    """Of the pids, those that have a living profile."""
    elsewhere: Mapping[str, tuple[str, ...]]
    """Of the pids, those that were also merged into others, who are not erased, and these."""
    lines: Mapping[date, int]
    """How many lines are erased, by log day."""
    visit_count: int
    identify_count: int
    action_count: int
    kept_line_count: int
    """Lines of these pids that tell of what happened since."""
    delete_count: int
    """Delete lines of these pids, which stay."""
    known_by: tuple[Identifier, ...] = field(default=(), repr=False)
    """Identifiers on the erased lines that nobody else has, with those that were given."""
    shared: tuple[str, ...] = ()
    """Keys of identifiers on the erased lines that others have, too."""

    @property
    def line_count(self) -> int:
        """How many lines are erased."""
        return sum(self.lines.values())


class Finder:
    """Finds persons in the model behind `connection`, and plans their erasure."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms | None = None
    ) -> None:
        """`pseudonyms` says what stands for identifiers in the model, if it is not they."""
        self._connection = connection
        self._pseudonyms = pseudonyms
        self._connection.execute("set TimeZone = 'UTC'")
        rows = connection.execute("select log_position, pid, new_id from log.deletes").fetchall()
        self.merges = Merges(Delete(*row) for row in rows)

    def find(self, identifier: Identifier) -> Life | None:
        """The life of the one profile that an identifier leads to; None if there is none.

        Raises `ErasureError` if it leads to several.
        """
        lives = self._lives(identifier)
        ends: dict[End, Life] = {}
        for life in lives:
            ends[self.merges.end(life)] = life
        if len(ends) > 1:
            raise ErasureError(
                f"{identifier} leads to {len(ends)} profiles, and only you can tell who is meant: "
                f"{', '.join(sorted(self._named(end) for end in ends))}; look at each with "
                "`woopra-pipeline explain PID`, then name those to be erased with --pid"
            )
        return next(iter(ends.values()), None)

    def plan(
        self,
        identifiers: Sequence[Identifier],
        lives: Sequence[Life],
        moment: datetime,
        *,
        and_future: bool,
        identifier_keys: Iterable[str],
    ) -> Plan:
        """What an erasure of these lives at `moment` takes; nothing is written.

        Of the values under `identifier_keys` those that nobody else has count as the person's.
        """
        pids = sorted(frozenset().union(*map(self.merges.pids_of, lives)))
        ends = {self.merges.end(life) for life in lives}
        self._connection.register("erased_pids", pa.table({"pid": pa.array(pids, pa.string())}))
        parameters = {
            "moment": moment,
            "last_day": date.max if moment == FOR_EVER else log_day_at(moment),
            "and_future": and_future,
        }
        self._connection.execute(
            f"create or replace temp table their_lines as {_LINES}", parameters
        )
        lines = self._rows(
            "select log_day, count(*) from their_lines where is_erased group by 1 order by 1"
        )
        ((visits, identifies, actions, kept),) = self._rows(
            """
            select
                count(*) filter (is_erased and type = 'visit'),
                count(*) filter (is_erased and type = 'identify'),
                coalesce(sum(action_count) filter (is_erased), 0)::bigint,
                count(*) filter (not is_erased)
            from their_lines
            """
        )
        ((deletes,),) = self._rows(
            "select count(*) from log.deletes where pid in (select pid from erased_pids)"
        )
        elsewhere = {pid: self.merges.ends_of(pid) - ends for pid in pids}
        own, shared = self._identifiers(identifier_keys)
        return Plan(
            identifiers=tuple(identifiers),
            moment=moment,
            and_future=and_future,
            lives=tuple(lives),
            pids=tuple(pids),
            profiles=tuple(
                pid
                for (pid,) in self._rows(
                    "select pid from profiles where pid in (select pid from erased_pids) order by 1"
                )
            ),
            elsewhere={
                pid: tuple(sorted(map(self._named, others)))
                for pid, others in elsewhere.items()
                if others
            },
            lines=dict(lines),
            visit_count=visits,
            identify_count=identifies,
            action_count=actions,
            kept_line_count=kept,
            delete_count=deletes,
            known_by=tuple(dict.fromkeys([*(one for one in identifiers if one.key != PID), *own])),
            shared=shared,
        )

    def _lives(self, identifier: Identifier) -> list[Life]:
        if identifier.key != PID:
            rows = self._rows(
                """
                select lines.pid, max(lines.log_position)
                from log.properties as properties
                join log.lines as lines using (log_position)
                where key = ? and lower(trim(json_as_text(value))) in (lower(trim(?)), ?)
                group by lines.pid, lines.voided_by
                order by 2
                """,
                [identifier.key, identifier.value, self._pseudonym(identifier)],
            )
            return [Life(*row) for row in rows]
        pid = identifier.value
        ((last_line,),) = self._rows("select max(log_position) from log.lines where pid = ?", [pid])
        ((is_known,),) = self._rows(
            "select count(*) > 0 from log.deletes where pid = ? or new_id = ?", [pid, pid]
        )
        if last_line is None and not is_known:
            return []
        return [self.merges.latest_life(pid, last_line)]

    def _pseudonym(self, identifier: Identifier) -> str | None:
        return self._pseudonyms.digest(identifier.value) if self._pseudonyms else None

    def _identifiers(self, keys: Iterable[str]) -> tuple[tuple[Identifier, ...], tuple[str, ...]]:
        """Identifiers on the erased lines: those nobody else has, and the keys of the others."""
        self._connection.register(
            "identifier_keys", pa.table({"key": pa.array(sorted(set(keys)), pa.string())})
        )
        rows = self._rows(
            """
            with
                named as (
                    select
                        key,
                        json_as_text(value) as value,
                        log_position in (select log_position from their_lines where is_erased)
                            as is_theirs
                    from log.properties
                    where key in (select key from identifier_keys)
                )
            select key, value, bool_and(is_theirs)
            from named
            where value is not null
            group by key, value
            having bool_or(is_theirs)
            order by key, value
            """
        )
        own = tuple(Identifier(key, value) for key, value, is_own in rows if is_own)
        return own, tuple(sorted({key for key, _, is_own in rows if not is_own}))

    def _named(self, end: End) -> str:
        return end if isinstance(end, str) else "(deleted for good)"

    def _rows(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, parameters).fetchall()
