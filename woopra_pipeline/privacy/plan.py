"""Which persons identifiers lead to, and what their erasure removes, by the published model.

An identifier that leads to nobody, or to several profiles, is an error that says so. The program
never guesses whom to erase.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from woopra_pipeline.errors import ErasureError
from woopra_pipeline.parse.pseudonyms import Pseudonyms
from woopra_pipeline.privacy.digests import Digests
from woopra_pipeline.privacy.merges import Delete, End, Life, Merges
from woopra_pipeline.privacy.persons import ErasedPersons, Said, Statement
from woopra_pipeline.privacy.register import KEY_BYTES, Counts, Erasure, Register

PID = "pid"
NOBODY_YET = Register()

_LINES = """
    select
        log_day,
        log_position,
        type,
        pid,
        greatest(
            latest_at,
            case when type = 'identify' and started_at > to_timestamp(0) then started_at end
        ) as happened_at,
        action_count
    from log.lines
    where pid in (select pid from erased_pids)
    order by log_position
"""

_PROPERTIES = """
    select log_position, key, value
    from log.properties
    where log_position in (select log_position from their_lines)
"""


@dataclass(frozen=True)
class Identifier:
    """How a person is named: `pid`, or the key of a property like `email`, and its value."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key} {self.value}"


@dataclass(frozen=True)
class Plan:
    """What an erasure removes, and what it keeps."""

    identifiers: tuple[Identifier, ...]
    """As they were given."""
    moment: datetime
    and_future: bool
    lives: tuple[Life, ...]
    pids: tuple[str, ...]
    profiles: tuple[str, ...]
    """The pids that have a living profile."""
    elsewhere: Mapping[str, tuple[str, ...]]
    """The pids that were also merged into others who are not erased, each with these others."""
    lines: Mapping[date, int]
    """How many lines are erased, by log day."""
    visit_count: int
    identify_count: int
    action_count: int
    kept_line_count: int
    """Lines of these pids that happened after the moment."""
    delete_count: int
    """Delete lines of these pids, which stay."""
    rejected_count: int = 0
    """Lines that could not be read and that name them; `lines` includes them."""
    known_by: tuple[Identifier, ...] = field(default=(), repr=False)
    """Identifiers on the erased lines that nobody else has, and those that were given."""
    shared: tuple[str, ...] = ()
    """Keys of identifiers on the erased lines that others have, too."""
    identifier_keys: tuple[str, ...] = ()
    """The keys that count as identifiers."""

    @property
    def line_count(self) -> int:
        """How many lines are erased."""
        return sum(self.lines.values())


@dataclass(frozen=True)
class _Line:
    log_day: date
    type: str
    action_count: int
    is_erased: bool


class Finder:
    """Finds persons in the model behind `connection`, and plans their erasure."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms | None = None
    ) -> None:
        """`pseudonyms` are the pseudonyms that replace identifiers in the model, if set."""
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
                "`woopra-pipeline explain PID`, then name the right ones with --pid"
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
        register: Register = NOBODY_YET,
        digests: Digests | None = None,
    ) -> Plan:
        """What an erasure of these lives at `moment` removes; nothing is written.

        A value under `identifier_keys` counts as the person's if nobody else has it. `register` has
        the earlier erasures, if there are any, and `digests` computes what it keeps.
        """
        pids = sorted(frozenset().union(*map(self.merges.pids_of, lives)))
        ends = {self.merges.end(life) for life in lives}
        keys = tuple(sorted({*identifier_keys}))
        self._connection.register("erased_pids", pa.table({"pid": pa.array(pids, pa.string())}))
        self._connection.execute(f"create or replace temp table their_lines as {_LINES}")
        own, shared = self._identifiers(keys)
        known_by = tuple(dict.fromkeys([*(one for one in identifiers if one.key != PID), *own]))
        digests = digests or Digests(secrets.token_bytes(KEY_BYTES), self._pseudonyms)
        planned = Erasure(
            name="",
            moment=moment,
            and_future=and_future,
            lives=tuple(lives),
            pids=tuple(pids),
            counts=Counts(0, 0, 0, 0, 0, 0, 0),
            identifiers=tuple(text for one in known_by for text in digests.of(one.key, one.value)),
            keys=(*keys, *(one.key for one in known_by)),
        )
        persons = replace(register, erasures=(*register.erasures, planned)).persons(digests)
        taken = self._taken(persons)
        rejected = Counter(
            log_day
            for log_day, raw in self._rows("select log_day, raw from rejected_lines")
            if persons.takes_rejected(raw)
        )
        lines = Counter(line.log_day for line in taken if line.is_erased) + rejected
        types = Counter(line.type for line in taken if line.is_erased)
        ((deletes,),) = self._rows(
            "select count(*) from log.deletes where pid in (select pid from erased_pids)"
        )
        elsewhere = {pid: self.merges.ends_of(pid) - ends for pid in pids}
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
            lines=dict(sorted(lines.items())),
            visit_count=types["visit"],
            identify_count=types["identify"],
            action_count=sum(line.action_count for line in taken if line.is_erased),
            kept_line_count=sum(not line.is_erased for line in taken),
            delete_count=deletes,
            rejected_count=rejected.total(),
            known_by=known_by,
            shared=shared,
            identifier_keys=keys,
        )

    def _taken(self, persons: ErasedPersons) -> list["_Line"]:
        """The lines of the pids to erase, and whether each line is erased."""
        properties: dict[int, dict[str, str]] = defaultdict(dict)
        for position, key, value in self._rows(_PROPERTIES):
            properties[position][key] = value
        rows = self._rows("select * from their_lines order by log_position")
        # The first pass remembers the values of lines, the second pass looks for them.
        for _ in range(2):
            said: dict[date, Said] = defaultdict(lambda: defaultdict(set))
            taken = [
                _Line(
                    log_day,
                    line_type,
                    action_count or 0,
                    persons.take(
                        Statement(line_type, pid, (happened_at,), properties[position]),
                        log_day,
                        said[log_day],
                    ),
                )
                for log_day, position, line_type, pid, happened_at, action_count in rows
            ]
        return taken

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
        """Identifiers of these pids: those that nobody else has, and the keys of the others."""
        self._connection.register(
            "identifier_keys", pa.table({"key": pa.array(list(keys), pa.string())})
        )
        rows = self._rows(
            """
            with
                named as (
                    select
                        key,
                        json_as_text(value) as value,
                        lower(trim(json_as_text(value))) as known_as,
                        log_position in (select log_position from their_lines) as is_theirs
                    from log.properties
                    where key in (select key from identifier_keys)
                ),
                theirs as (
                    select key, known_as, min(value) as value
                    from named
                    where is_theirs and known_as <> ''
                    group by key, known_as
                ),
                shared as (
                    select distinct key, known_as
                    from named
                    where not is_theirs and (key, known_as) in (select (key, known_as) from theirs)
                )
            select key, value, (key, known_as) not in (select (key, known_as) from shared)
            from theirs
            order by key, value
            """
        )
        own = tuple(Identifier(key, value) for key, value, is_own in rows if is_own)
        return own, tuple(sorted({key for key, _, is_own in rows if not is_own}))

    def _named(self, end: End) -> str:
        return end if isinstance(end, str) else "(deleted for good)"

    def _rows(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, parameters).fetchall()
