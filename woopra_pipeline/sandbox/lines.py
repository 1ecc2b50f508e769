"""Visits as the lines of an export file, made in bulk.

The text of a line is a function of the visit's key, the pid it is logged under and what the
browser knew about its visitor. Lines are put together from tables of JSON fragments, a column at
a time, so that they come at the speed of copying memory.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from woopra_pipeline.sandbox import vocabulary
from woopra_pipeline.sandbox.chance import PID_LENGTH, BoolArray, IntArray, PidArray, Which
from woopra_pipeline.sandbox.people import SECOND, People, Visits
from woopra_pipeline.sandbox.vocabulary import json_text, members, table

VISIT, SIGN_IN, UPDATE = range(3)
"""What a key names, in its lowest bits: a visit, or an identify line that belongs to it."""

_TEXT_FIELDS = (
    *("continent", "country", "city", "timezone", "region", "post", "offset", "language"),
    *("browser", "os", "device", "screen", "resolution", "ip", "org", "description", "method"),
)
_BLANK_VISIT: dict[str, object] = {
    **dict.fromkeys(_TEXT_FIELDS, ""),
    **dict.fromkeys(("second", "minute", "hour_of_day", "duration", "number"), 0),
    "lat": 0.0,
    "lng": 0.0,
    "referrer": {},
    "date": "1970-01-01",
    "time": 0,
}


@dataclass(frozen=True)
class Knowledge:
    """For each visit, from which instant (UNIX ms) its browser tells the visitor's identifiers."""

    email_at: IntArray
    id_at: IntArray

    def take(self, which: Which) -> "Knowledge":
        """What is known at the places `which`."""
        return Knowledge(self.email_at[which], self.id_at[which])


@dataclass(frozen=True)
class Entries:
    """What was logged under pids, as columns: visits, and identify lines that belong to visits.

    `kind` is `VISIT` or the kind of identify line, `logged_at` (UNIX ms) when the line was written.
    """

    visits: Visits
    kind: IntArray
    logged_at: IntArray
    pid: PidArray
    knowledge: Knowledge

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, which: Which) -> "Entries":
        """The entries at the places `which`."""
        return Entries(
            self.visits.take(which),
            self.kind[which],
            self.logged_at[which],
            self.pid[which],
            self.knowledge.take(which),
        )


@dataclass(frozen=True)
class Actions:
    """The actions of visits, oldest first: each visit's number of them, their times and kinds."""

    counts: IntArray
    time: IntArray
    duration: IntArray
    kind: IntArray


class Lines:
    """Writes the lines of one world."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.chance = people.chance
        self.action_names = table(
            ["pv"] * len(vocabulary.PAGES) + [e[1] for e in vocabulary.EVENTS]
        )

    def emails(self, person: IntArray) -> pa.Array:
        """The e-mail address of each person."""
        return _join(
            _pick(_folded(vocabulary.FIRST_NAMES), self._first_name(person)),
            ".",
            _pick(_folded(vocabulary.LAST_NAMES), self._last_name(person)),
            ".",
            _decimal(person),
            "@example.com",
        )

    def ids(self, person: IntArray) -> pa.Array:
        """The identifier each person has in the product."""
        return _join("u-", _decimal(person + 1000))

    def visitors(self, entries: Entries) -> pa.Array:
        """The `visitor` object of each entry, as JSON text."""
        return self._in_order(entries, self._visitors_of_visits, self._visitors_of_identify_lines)

    def texts(self, entries: Entries) -> pa.Array:
        """The line of each entry, with its line feed."""
        return self._in_order(entries, self._visit_lines, self._identify_lines)

    def actions(self, visits: Visits) -> Actions:
        """What was done in each visit."""
        counts = visits.action_count
        ends = np.cumsum(counts)
        total = int(counts.sum())
        place = np.arange(total, dtype=np.int64) - np.repeat(ends - counts, counts)
        key = np.repeat(visits.key, counts) * 64 + place
        luck = self.chance.uniform("action time", key)
        length = np.repeat(visits.duration * SECOND, counts)
        share = np.where(place == 0, 0.0, (place + luck) / np.repeat(counts, counts))
        offset = (share * length).astype(np.int64)
        following = np.empty(total, np.int64)
        following[:-1] = offset[1:]
        following[ends - 1] = length[ends - 1]
        return Actions(
            counts,
            np.repeat(visits.started_at, counts) + offset,
            (following - offset) // SECOND,
            self.chance.below("action kind", key, len(self.action_names)),
        )

    def _in_order(
        self,
        entries: Entries,
        of_visits: Callable[[Entries], pa.Array],
        of_identify_lines: Callable[[Entries], pa.Array],
    ) -> pa.Array:
        is_visit = entries.kind == VISIT
        if is_visit.all():
            return of_visits(entries)
        visits, others = np.flatnonzero(is_visit), np.flatnonzero(~is_visit)
        texts = [of_visits(entries.take(visits)), of_identify_lines(entries.take(others))]
        return pa.concat_arrays(texts).take(pa.array(np.argsort(np.concatenate([visits, others]))))

    def _visit_lines(self, entries: Entries) -> pa.Array:
        chance, tables, visits = self.chance, self._tables, entries.visits
        city = self.people.city(visits.person)
        local_offset = self.people.local_offset(city, visits.day)
        local = visits.started_at // SECOND + local_offset * 60
        browser = visits.cookie
        device = np.where(
            visits.is_bot,
            len(vocabulary.DEVICES),
            chance.below("device model", browser, len(vocabulary.DEVICES)),
        )
        pid = _pid_texts(entries.pid)
        return _join(
            _pick(tables.city, city),
            _pick(*_dates(local // 86_400)),
            _pick(tables.time_of_day, local % 86_400),
            '"pid":"',
            pid,
            '","type":"visit","h":"',
            pid,
            '","duration":',
            _decimal(visits.duration),
            ',"number":',
            _decimal(1 + visits.age + visits.number),
            ",",
            _pick(tables.device, device),
            _pick(tables.ip, chance.below("ip", browser, len(tables.ip))),
            _pick(
                tables.referrer,
                chance.below("referrer", visits.key, len(vocabulary.REFERRERS)),
            ),
            '"description":"","method":"","org":"","time":',
            _decimal(visits.started_at),
            ',"visitor":',
            self._visitors_of_visits(entries),
            ',"actions":[',
            self._action_texts(visits, local_offset),
            "]}\n",
        )

    def _identify_lines(self, entries: Entries) -> pa.Array:
        """The lines of identify entries: blank visits that only set properties (R3)."""
        pid = _pid_texts(entries.pid)
        return _join(
            "{" + members(_BLANK_VISIT) + '"pid":"',
            pid,
            '","type":"identify","h":"',
            pid,
            '","visitor":',
            self._visitors_of_identify_lines(entries),
            ',"actions":[]}\n',
        )

    def _visitors_of_visits(self, entries: Entries) -> pa.Array:
        chance, tables, visits = self.chance, self._tables, entries.visits
        browser = visits.cookie
        return _join(
            "{",
            _pick(tables.trait, chance.below("trait", visits.key, len(vocabulary.TRAITS))),
            _pick(
                tables.first_referrer,
                chance.below("first referrer", browser, len(vocabulary.REFERRERS)),
            ),
            '"first_visit_time":"',
            _decimal(self.people.arrived_at(visits)),
            '","fingerprint":"',
            _decimal((chance.bits("fingerprint", browser) >> np.uint64(32)).astype(np.int64)),
            '"',
            self._account(entries),
            "}",
        )

    def _visitors_of_identify_lines(self, entries: Entries) -> pa.Array:
        seats = self.chance.below("seats", entries.visits.key + entries.kind, 50)
        return _join('{"seats":', _decimal(seats), self._account(entries), "}")

    def _account(self, entries: Entries) -> pa.Array:
        """What the browser of each entry tells about a visitor that has signed in on it."""
        chance, tables, visits = self.chance, self._tables, entries.visits
        knows_email = entries.knowledge.email_at <= visits.logged_at
        knows_id = entries.knowledge.id_at <= visits.logged_at
        person = visits.person
        plan = chance.below("plan", person << 10 | visits.day // 15, len(vocabulary.PLANS))
        details = _join(
            _pick(tables.first_name, self._first_name(person)),
            _pick(tables.last_name, self._last_name(person)),
            _pick(tables.company, chance.below("company", person, len(vocabulary.COMPANIES))),
            _pick(tables.plan, plan),
        )
        return _join(
            _where(knows_email, _join(',"email":"', self.emails(person), '"')),
            _where(knows_id, _join(',"id":"', self.ids(person), '"')),
            _where(knows_email | knows_id, details),
        )

    def _first_name(self, person: IntArray) -> IntArray:
        return self.chance.below("first name", person, len(vocabulary.FIRST_NAMES))

    def _last_name(self, person: IntArray) -> IntArray:
        return self.chance.below("last name", person, len(vocabulary.LAST_NAMES))

    def _action_texts(self, visits: Visits, local_offset: IntArray) -> pa.Array:
        tables = self._tables
        actions = self.actions(visits)
        counts = actions.counts
        ends = np.cumsum(counts)
        starts = ends - counts
        place = np.arange(len(actions.time)) - np.repeat(starts, counts)
        # Newest first, as the service writes them.
        order = np.repeat(ends - 1, counts) - place
        oldest, newest = place == np.repeat(counts, counts) - 1, place == 0
        time, duration, kind = actions.time[order], actions.duration[order], actions.kind[order]
        local = (time // SECOND + np.repeat(local_offset, counts) * 60) % 86_400
        length = _decimal(duration)
        texts = _join(
            '{"duration":',
            length,
            ',"date":"',
            _pick(tables.clock, local),
            _pick(tables.ends, oldest + 2 * newest),
            _pick(tables.action, kind),
            _decimal(time),
            _pick(tables.action_properties, kind),
            length,
            '"}}',
        )
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ",")

    @cached_property
    def _tables(self) -> "_Tables":
        return _Tables()


class _Tables:
    """The fragments lines are made of."""

    def __init__(self) -> None:
        self.city = table(
            "{"
            + members({k: v for k, v in city._asdict().items() if k not in {"lat", "lng"}})
            + members({"lat": city.lat, "lng": city.lng})
            for city in vocabulary.CITIES
        )
        self.device = table(
            members(
                {"browser": browser, "os": os, "device": kind}
                | {"screen": screen, "resolution": screen}
            )
            for browser, os, kind, screen in (*vocabulary.DEVICES, vocabulary.BOT_DEVICE)
        )
        self.ip = table(
            members({"ip": f"{network}.{host}"})
            for network in ("203.0.113", "198.51.100")
            for host in range(1, 255)
        )
        self.referrer = table(members({"referrer": r}) for r in vocabulary.REFERRERS)
        self.first_referrer = table(
            members({"first_referrer_type": r.get("type", "direct")}) for r in vocabulary.REFERRERS
        )
        self.trait = table(members(trait) for trait in vocabulary.TRAITS)
        self.first_name = table(
            f',"name":{json_text(name)[:-1]} ' for name in vocabulary.FIRST_NAMES
        )
        self.last_name = table(
            f'{json_text(name)[1:]},"company":' for name in vocabulary.LAST_NAMES
        )
        self.company = table(f'{json_text(company)},"plan":' for company in vocabulary.COMPANIES)
        self.plan = table(json_text(plan) for plan in vocabulary.PLANS)
        self.ends = table(
            ['",', '","landing":true,', '","exit":true,', '","landing":true,"exit":true,']
        )
        pages: list[tuple[str, str, Mapping[str, object]]] = [
            (domain, "pv", {"title": f"\n\n{title}", "uri": f"https://{domain}{path}", "url": path})
            for domain, title, path in vocabulary.PAGES
        ]
        kinds = (*pages, *vocabulary.EVENTS)
        self.action = table(
            members({"domain": domain, "name": name}) + '"time":' for domain, name, _ in kinds
        )
        self.action_properties = table(
            ',"properties":{' + members({"domain": d, "name": n, **properties}) + '"dn":"'
            for d, n, properties in kinds
        )
        seconds = np.arange(86_400)
        hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
        two_digits = table(f"{number:02}" for number in range(60))
        self.time_of_day = _join(
            '"hour_of_day":',
            _decimal(hour),
            ',"minute":',
            _decimal(minute),
            ',"second":',
            _decimal(second),
            ",",
        )
        self.clock = _join(
            _pick(two_digits, (hour + 11) % 12 + 1),
            ":",
            _pick(two_digits, minute),
            ":",
            _pick(two_digits, second),
            _pick(table([" AM", " PM"]), hour // 12),
        )


def _join(*pieces: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*pieces, "")


def _pick(fragments: pa.Array, index: IntArray) -> pa.Array:
    return fragments.take(pa.array(index))


def _decimal(numbers: IntArray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _where(condition: BoolArray, texts: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(condition), texts, "")


def _pid_texts(pids: PidArray) -> pa.Array:
    width = pa.binary(PID_LENGTH)
    buffer = pa.py_buffer(np.ascontiguousarray(pids))
    return pa.FixedSizeBinaryArray.from_buffers(width, len(pids), [None, buffer]).cast(pa.string())


def _dates(local_day: IntArray) -> tuple[pa.Array, IntArray]:
    days, place = np.unique(local_day, return_inverse=True)
    dates = np.datetime_as_string(days.astype("datetime64[D]"))
    return table(f'"date":"{day}",' for day in dates.tolist()), place


def _folded(names: tuple[str, ...]) -> pa.Array:
    """The names as they stand in an address: ASCII letters only."""
    return table(
        "".join(
            c for c in unicodedata.normalize("NFKD", name).lower() if c.isascii() and c.isalpha()
        )
        for name in names
    )
