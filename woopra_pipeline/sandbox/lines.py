"""Makes the lines of an export file from visits, in bulk.

The text of a line is a function of the visit's key, the pid it is logged under and what the
browser knew about its visitor. Lines are put together from tables of JSON fragments, a column at
a time, so that they come at the speed of copying memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from woopra_pipeline.sandbox import texts, vocabulary
from woopra_pipeline.sandbox.chance import BoolArray, IntArray, PidArray, Which
from woopra_pipeline.sandbox.imports import Imports
from woopra_pipeline.sandbox.people import IMPORTED, SECOND, VISIT, People, Visits
from woopra_pipeline.sandbox.vocabulary import BLANK_VISIT, json_text, members


@dataclass(frozen=True)
class Knowledge:
    """For each visit, from when (UNIX ms) its browser tells the visitor's identifiers."""

    email_at: IntArray
    id_at: IntArray

    def take(self, which: Which) -> "Knowledge":
        """The knowledge at the places `which`."""
        return Knowledge(self.email_at[which], self.id_at[which])


@dataclass(frozen=True)
class Entries:
    """Entries that were logged under pids, as columns: visits, their identify lines, imports.

    `logged_at` (UNIX ms) is when the line was written. `visits` and `knowledge` mean nothing
    where `kind` is `IMPORTED`.
    """

    key: IntArray
    kind: IntArray
    is_visit: BoolArray
    visits: Visits
    logged_at: IntArray
    pid: PidArray
    knowledge: Knowledge

    def __len__(self) -> int:
        return len(self.key)

    def take(self, which: Which) -> "Entries":
        """The entries at the places `which`."""
        return Entries(
            self.key[which],
            self.kind[which],
            self.is_visit[which],
            self.visits.take(which),
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

    def __init__(self, people: People, imports: Imports) -> None:
        self.people = people
        self.imports = imports
        self.chance = people.chance
        names = [name for _, name, _ in vocabulary.EVENTS]
        self.action_names = texts.table(["pv"] * len(vocabulary.PAGES) + names)

    def visitors(self, entries: Entries) -> pa.Array:
        """The `visitor` object of each entry, as JSON text."""
        return _by_kind(
            entries,
            self._visitors_of_visits,
            self._visitors_of_identify_lines,
            lambda some: [self.imports.line(key).visitor for key in some.key.tolist()],
        )

    def texts(self, entries: Entries) -> pa.Array:
        """The line of each entry, with its line feed."""
        return _by_kind(entries, self._visit_lines, self._identify_lines, self._imported_lines)

    def actions(self, visits: Visits) -> Actions:
        """The actions of each visit."""
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
        pid = texts.pid_texts(entries.pid)
        return texts.join(
            texts.pick(tables.city, city),
            texts.pick(*_dates(local // 86_400)),
            texts.pick(tables.time_of_day, local % 86_400),
            '"pid":"',
            pid,
            '","type":"visit","h":"',
            pid,
            '","duration":',
            texts.decimal(visits.duration),
            ',"number":',
            texts.decimal(1 + visits.age + visits.number),
            ",",
            texts.pick(tables.device, device),
            texts.pick(tables.ip, chance.below("ip", browser, len(tables.ip))),
            texts.pick(
                tables.referrer,
                chance.below("referrer", visits.key, len(vocabulary.REFERRERS)),
            ),
            '"description":"","method":"","org":"","time":',
            texts.decimal(visits.started_at),
            ',"visitor":',
            self._visitors_of_visits(entries),
            ',"actions":[',
            self._action_texts(visits, local_offset),
            "]}\n",
        )

    def _identify_lines(self, entries: Entries) -> pa.Array:
        """The lines of identify entries: blank visits that only set properties (R3)."""
        pid = texts.pid_texts(entries.pid)
        return texts.join(
            "{" + members(BLANK_VISIT) + '"pid":"',
            pid,
            '","type":"identify","h":"',
            pid,
            '","visitor":',
            self._visitors_of_identify_lines(entries),
            ',"actions":[]}\n',
        )

    def _imported_lines(self, entries: Entries) -> list[str]:
        return [
            self.imports.line(key).text(pid.decode())
            for key, pid in zip(entries.key.tolist(), entries.pid.tolist(), strict=True)
        ]

    def _visitors_of_visits(self, entries: Entries) -> pa.Array:
        chance, tables, visits = self.chance, self._tables, entries.visits
        browser = visits.cookie
        return texts.join(
            "{",
            texts.pick(tables.trait, chance.below("trait", visits.key, len(vocabulary.TRAITS))),
            texts.pick(
                tables.first_referrer,
                chance.below("first referrer", browser, len(vocabulary.REFERRERS)),
            ),
            '"first_visit_time":"',
            texts.decimal(self.people.arrived_at(visits)),
            '","fingerprint":"',
            texts.decimal((chance.bits("fingerprint", browser) >> np.uint64(32)).astype(np.int64)),
            '"',
            self._account(entries),
            "}",
        )

    def _visitors_of_identify_lines(self, entries: Entries) -> pa.Array:
        seats = self.chance.below("seats", entries.visits.key + entries.kind, 50)
        return texts.join('{"seats":', texts.decimal(seats), self._account(entries), "}")

    def _account(self, entries: Entries) -> pa.Array:
        """What the browser of each entry tells about a visitor who has signed in."""
        chance, tables, visits = self.chance, self._tables, entries.visits
        knows_email = entries.knowledge.email_at <= visits.logged_at
        knows_id = entries.knowledge.id_at <= visits.logged_at
        person = visits.person
        plan = chance.below("plan", person << 10 | visits.day // 15, len(vocabulary.PLANS))
        details = texts.join(
            texts.pick(tables.first_name, self.people.first_name(person)),
            texts.pick(tables.last_name, self.people.last_name(person)),
            texts.pick(tables.company, chance.below("company", person, len(vocabulary.COMPANIES))),
            texts.pick(tables.plan, plan),
        )
        return texts.join(
            texts.where(knows_email, texts.join(',"email":"', self.people.emails(person), '"')),
            texts.where(knows_id, texts.join(',"id":"', self.people.ids(person), '"')),
            texts.where(knows_email | knows_id, details),
        )

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
        length = texts.decimal(duration)
        action = texts.join(
            '{"duration":',
            length,
            ',"date":"',
            texts.pick(tables.clock, local),
            texts.pick(tables.ends, oldest + 2 * newest),
            texts.pick(tables.action, kind),
            texts.decimal(time),
            texts.pick(tables.action_properties, kind),
            length,
            '"}}',
        )
        return texts.join_groups(action, counts)

    @cached_property
    def _tables(self) -> "_Tables":
        return _Tables()


class _Tables:
    """The fragments lines are made of."""

    def __init__(self) -> None:
        self.city = texts.table(
            "{"
            + members({k: v for k, v in city._asdict().items() if k not in {"lat", "lng"}})
            + members({"lat": city.lat, "lng": city.lng})
            for city in vocabulary.CITIES
        )
        self.device = texts.table(
            members(
                {"browser": browser, "os": os, "device": kind}
                | {"screen": screen, "resolution": screen}
            )
            for browser, os, kind, screen in (*vocabulary.DEVICES, vocabulary.BOT_DEVICE)
        )
        self.ip = texts.table(
            members({"ip": f"{network}.{host}"})
            for network in ("203.0.113", "198.51.100")
            for host in range(1, 255)
        )
        self.referrer = texts.table(members({"referrer": r}) for r in vocabulary.REFERRERS)
        self.first_referrer = texts.table(
            members({"first_referrer_type": r.get("type", "direct")}) for r in vocabulary.REFERRERS
        )
        self.trait = texts.table(members(trait) for trait in vocabulary.TRAITS)
        self.first_name = texts.table(
            f',"name":{json_text(name)[:-1]} ' for name in vocabulary.FIRST_NAMES
        )
        self.last_name = texts.table(
            f'{json_text(name)[1:]},"company":' for name in vocabulary.LAST_NAMES
        )
        self.company = texts.table(
            f'{json_text(company)},"plan":' for company in vocabulary.COMPANIES
        )
        self.plan = texts.table(json_text(plan) for plan in vocabulary.PLANS)
        self.ends = texts.table(
            ['",', '","landing":true,', '","exit":true,', '","landing":true,"exit":true,']
        )
        pages: list[tuple[str, str, Mapping[str, object]]] = [
            (domain, "pv", {"title": f"\n\n{title}", "uri": f"https://{domain}{path}", "url": path})
            for domain, title, path in vocabulary.PAGES
        ]
        kinds = (*pages, *vocabulary.EVENTS)
        self.action = texts.table(
            members({"domain": domain, "name": name}) + '"time":' for domain, name, _ in kinds
        )
        self.action_properties = texts.table(
            ',"properties":{' + members({"domain": d, "name": n, **properties}) + '"dn":"'
            for d, n, properties in kinds
        )
        seconds = np.arange(86_400)
        hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
        two_digits = texts.table(f"{number:02}" for number in range(60))
        self.time_of_day = texts.join(
            '"hour_of_day":',
            texts.decimal(hour),
            ',"minute":',
            texts.decimal(minute),
            ',"second":',
            texts.decimal(second),
            ",",
        )
        self.clock = texts.join(
            texts.pick(two_digits, (hour + 11) % 12 + 1),
            ":",
            texts.pick(two_digits, minute),
            ":",
            texts.pick(two_digits, second),
            texts.pick(texts.table([" AM", " PM"]), hour // 12),
        )


def _by_kind(
    entries: Entries,
    of_visits: Callable[[Entries], pa.Array],
    of_identify_lines: Callable[[Entries], pa.Array],
    of_imported_lines: Callable[[Entries], list[str]],
) -> pa.Array:
    """A text for each entry, in their order, by the function for its kind."""
    if (entries.kind == VISIT).all():
        return of_visits(entries)
    visits = np.flatnonzero(entries.kind == VISIT)
    imported = np.flatnonzero(entries.kind == IMPORTED)
    others = np.flatnonzero((entries.kind != VISIT) & (entries.kind != IMPORTED))
    found = [
        of_visits(entries.take(visits)),
        of_identify_lines(entries.take(others)),
        texts.table(of_imported_lines(entries.take(imported))),
    ]
    place = np.concatenate([visits, others, imported])
    return pa.concat_arrays(found).take(pa.array(np.argsort(place)))


def _dates(local_day: IntArray) -> tuple[pa.Array, IntArray]:
    days, place = np.unique(local_day, return_inverse=True)
    dates = np.datetime_as_string(days.astype("datetime64[D]"))
    return texts.table(f'"date":"{day}",' for day in dates.tolist()), place
