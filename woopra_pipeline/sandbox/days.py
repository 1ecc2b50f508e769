"""One log day of a world: its events, and the lines of the day's file."""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa

from woopra_pipeline.sandbox import texts
from woopra_pipeline.sandbox.chance import IntArray, PidArray
from woopra_pipeline.sandbox.identities import Identities, SignIn
from woopra_pipeline.sandbox.imports import Imports
from woopra_pipeline.sandbox.lines import Entries, Knowledge, Lines
from woopra_pipeline.sandbox.people import (
    HOUR,
    IMPORTED,
    KIND_MASK,
    SECOND,
    SIGN_IN,
    UPDATE,
    VISIT,
    People,
    Visits,
    milliseconds,
)
from woopra_pipeline.woopra.log_days import end_of_log_day, start_of_log_day

LINES_AT_ONCE = 16_384

_MALFORMED = (
    '{"type":"visit","pid":"',
    '{"type":"visit","time":1767300000000,"visitor":{},"actions":[]}',
    '{"type":"visit","pid":"","time":1767300000000,"visitor":{},"actions":[]}',
    '{"type":"visit","pid":"aaaaBBBB1111","time":1767300000000,"actions":[{"time":NaN}]}',
    '{"type":"visit","pid":"aaaaBBBB1111","time":"yesterday","visitor":{},"actions":[]}',
    '{"type":"visit","pid":"aaaaBBBB1111","time":1767300000000,"actions":{"name":"pv"}}',
    '{"type":"heartbeat","pid":"aaaaBBBB1111"}',
    '["type","visit"]',
    "-- log server restarted --",
)
_BLANK = ("", " ", "\t", "\r")

Happening = tuple[int, int, int]
"""An event of a day: its time (UNIX ms), its kind, and the key of the visit that causes it.

For an import, it has the number of the request instead.
"""
_SIGNS_IN, _IS_UPDATED, _IS_FORGOTTEN, _IS_IMPORTED = range(4)

LineKind = Literal["visit", "identify", "delete", "rejected", "blank"]


@dataclass(frozen=True)
class LoggedDay:
    """The content of a log day's file: entries in log order, and other lines among them."""

    log_day: date
    entries: Entries
    others: list[tuple[int, LineKind, str]]
    """Delete lines and meaningless lines: time of logging (UNIX ms), kind, text."""

    @property
    def counts(self) -> dict[LineKind, int]:
        """How many lines of each kind the file has."""
        kinds = [kind for _, kind, _ in self.others]
        visits = int(self.entries.is_visit.sum())
        return {
            "visit": visits,
            "identify": len(self.entries) - visits,
            "delete": kinds.count("delete"),
            "rejected": kinds.count("rejected"),
            "blank": kinds.count("blank"),
        }


def live_through(
    lines: Lines, identities: Identities, log_day: date, until: int | None = None
) -> LoggedDay:
    """Let a log day pass.

    `identities` has the state at its start, and afterwards the state at its end.

    With `until` (UNIX ms), only events before that instant happen. Lines that are logged before it
    do not depend on later events.
    """
    people = lines.people
    start, end = milliseconds(start_of_log_day(log_day)), milliseconds(end_of_log_day(log_day))
    end = end if until is None else min(end, until)
    utc_day = (log_day - people.first_log_day).days
    # Visits that start on these two UTC days are all that can be logged between the midnights
    # in Los Angeles, 7 or 8 hours after those in UTC, or cause anything between them.
    visits = people.on_days(utc_day, utc_day + 1)
    identities.begin_day(start, utc_day + 1)
    happenings = heapq.merge(
        _happenings(visits, people, start, end), _imports(lines.imports, log_day, end)
    )
    _let_happen(list(happenings), lines, identities, log_day)
    identities.change_pids_due(end)
    identities.end_day()

    own = visits.take((visits.logged_at >= start) & (visits.logged_at < end))
    keys, logged_at, pids = [own.key], [own.logged_at], [_pids_of_visits(own, identities)]
    for pid, some_keys, some_logged_at in _stored_entries(identities, start, end):
        keys.append(some_keys)
        logged_at.append(some_logged_at)
        pids.append(np.full(len(some_keys), pid.encode()))
    entries = make_entries(
        lines, identities, np.concatenate(keys), np.concatenate(logged_at), np.concatenate(pids)
    )
    others = list(_delete_lines(people, identities))
    if len(entries) or others:
        # A file without a readable line is no log, and the file of a day without events is empty.
        others += _stray_lines(people, start, end)
    return LoggedDay(log_day, entries, sorted(others, key=lambda other: other[0]))


def make_entries(
    lines: Lines, identities: Identities, key: IntArray, logged_at: IntArray, pid: PidArray
) -> Entries:
    """The entries that `key` names, in the order of the log."""
    order = np.lexsort((key, logged_at))
    key = key[order]
    kind = key & KIND_MASK
    is_imported = kind == IMPORTED
    visits = lines.people.describe(np.where(is_imported, 0, key))
    is_visit = kind == VISIT
    is_visit[is_imported] = [lines.imports.line(one).is_visit for one in key[is_imported].tolist()]
    knowledge = _knowledge_of(visits, identities)
    return Entries(key, kind, is_visit, visits, logged_at[order], pid[order], knowledge)


def file_of(day: LoggedDay, lines: Lines) -> Iterator[bytes | memoryview]:
    """The day's file, in pieces."""
    entries = day.entries
    # Other lines come before the entries that are logged at the same instant.
    instants = np.array([at for at, _, _ in day.others], np.int64)
    places = np.searchsorted(entries.logged_at, instants)
    last_start = max(len(entries) - 1, 0) // LINES_AT_ONCE * LINES_AT_ONCE
    for start in range(0, last_start + 1, LINES_AT_ONCE):
        stop = min(start + LINES_AT_ONCE, len(entries))
        lines_here = lines.texts(entries.take(slice(start, stop)))
        here = (places >= start) & ((places < stop) | (start == last_start))
        if here.any():
            others = [f"{day.others[number][2]}\n" for number in np.flatnonzero(here)]
            order = np.argsort(
                np.concatenate([np.arange(start, stop) * 2 + 1, places[here] * 2]), kind="stable"
            )
            both = pa.concat_arrays([lines_here, texts.table(others)])
            lines_here = both.take(pa.array(order))
        yield texts.content(lines_here)


def _happenings(visits: Visits, people: People, start: int, end: int) -> list[Happening]:
    """The changes of the identity system that visits cause between `start` and `end`, in order."""
    chance = people.chance
    has_account = people.has_account(visits)
    signing_in = visits.take(has_account & (chance.uniform("signs in", visits.key) < 0.6))
    instant = chance.below("sign-in", signing_in.key, signing_in.duration * SECOND + SECOND)
    updated = visits.take(has_account & (chance.uniform("updated", visits.key) < 0.05))
    forgotten = visits.take((chance.uniform("forgotten", visits.key) < 0.002) & ~visits.is_bot)
    happenings = [
        (signing_in.started_at + instant, _SIGNS_IN, signing_in.key),
        (updated.logged_at + chance.below("update", updated.key, HOUR), _IS_UPDATED, updated.key),
        (forgotten.logged_at + HOUR, _IS_FORGOTTEN, forgotten.key),
    ]
    return sorted(
        (at, what, key)
        for instants, what, keys in happenings
        for at, key in zip(instants.tolist(), keys.tolist(), strict=True)
        if start <= at < end
    )


def _imports(imports: Imports, log_day: date, end: int) -> Iterator[Happening]:
    for number, request in enumerate(imports.requests_of(log_day)):
        if request.at < end:
            yield request.at, _IS_IMPORTED, number


def _let_happen(
    happenings: list[Happening], lines: Lines, identities: Identities, log_day: date
) -> None:
    people = lines.people
    caused = [key if what != _IS_IMPORTED else 0 for _, what, key in happenings]
    visits = people.describe(np.array(caused, np.int64))
    visitors = list(
        zip(
            visits.cookie.tolist(),
            visits.login.tolist(),
            visits.logged_at.tolist(),
            people.emails(visits.person).to_pylist(),
            people.ids(visits.person).to_pylist(),
            strict=True,
        )
    )
    identities.expect_merges(
        (cookie, {"email": email, "id": own_id})
        for (at, what, _), (cookie, login, _, email, own_id) in zip(
            happenings, visitors, strict=True
        )
        if what == _SIGNS_IN and not _tells_all(identities.state.sign_ins.get(login), at)
    )
    for (at, what, key), (cookie, login, logged_at, email, own_id) in zip(
        happenings, visitors, strict=True
    ):
        identities.change_pids_due(at)
        if what == _IS_IMPORTED:
            _import(lines.imports, identities, log_day, key)
            continue
        sign_in = identities.state.sign_ins.setdefault(login, SignIn())
        if what == _IS_FORGOTTEN:
            identities.delete(at, identities.of_cookie(cookie))
        elif what == _SIGNS_IN:
            told = _tell(identities.chance.one("what is told", key), at, sign_in, email, own_id)
            if told:
                profile = identities.identify(at, cookie, told)
                if identities.chance.one("is logged", key) < 0.8:
                    identities.log(at, profile, [key | SIGN_IN])
        elif min(sign_in.email_at, sign_in.id_at) <= logged_at:
            known = {"id": own_id} if sign_in.id_at <= logged_at else {"email": email}
            identities.log(at, identities.identify(at, None, known), [key | UPDATE])


def _import(imports: Imports, identities: Identities, log_day: date, number: int) -> None:
    """One transaction: all visitors are found or created first, then everything is logged."""
    request, keys = imports.requests_of(log_day)[number], imports.keys_of(log_day)[number]
    found = [identities.identify(request.at, one.cookie, one.identifiers) for one in request.lines]
    keys_of: defaultdict[int, list[int]] = defaultdict(list)
    for key, profile in zip(keys, found, strict=True):
        keys_of[identities.survivor_of(profile).serial].append(key)
    for serial, some in keys_of.items():
        identities.log(request.at, identities.state.profiles[serial], some)


def _tells_all(sign_in: SignIn | None, at: int) -> bool:
    return sign_in is not None and max(sign_in.email_at, sign_in.id_at) <= at


def _tell(luck: float, at: int, sign_in: SignIn, email: str, own_id: str) -> dict[str, str]:
    """What a visitor tells at `at` that the browser did not know: e-mail, id or both."""
    told = {}
    if luck < 0.6 and sign_in.email_at > at:
        sign_in.email_at = at
        told["email"] = email
    if luck >= 0.3 and sign_in.id_at > at:
        sign_in.id_at = at
        told["id"] = own_id
    return told


def _pids_of_visits(visits: Visits, identities: Identities) -> PidArray:
    cookies, place = np.unique(visits.cookie, return_inverse=True)
    pids = identities.chance.pids("pid", cookies)
    for number, cookie in enumerate(cookies.tolist()):
        profile = identities.by_cookie.get(cookie)
        if profile is not None:
            pids[number] = profile.pid.encode()
    pid = pids[place]
    changed = np.array(list(identities.previous_pids), np.int64)
    for row in np.flatnonzero(np.isin(visits.cookie, changed)):
        for until, previous in identities.previous_pids[int(visits.cookie[row])]:
            if visits.logged_at[row] < until:
                pid[row] = previous.encode()
                break
    return pid


def _stored_entries(
    identities: Identities, start: int, end: int
) -> Iterator[tuple[str, IntArray, IntArray]]:
    yield from identities.cut_short
    for _, profile in sorted(identities.storing.items()):
        today = (profile.logged_at >= start) & (profile.logged_at < end)
        if today.any():
            yield profile.pid, profile.keys[today], profile.logged_at[today]


def _knowledge_of(visits: Visits, identities: Identities) -> Knowledge:
    logins, place = np.unique(visits.login, return_inverse=True)
    sign_ins, unknown = identities.state.sign_ins, SignIn()
    known = [sign_ins.get(login, unknown) for login in logins.tolist()]
    email_at = np.array([sign_in.email_at for sign_in in known], np.int64)
    id_at = np.array([sign_in.id_at for sign_in in known], np.int64)
    return Knowledge(email_at[place], id_at[place])


def _delete_lines(people: People, identities: Identities) -> Iterator[tuple[int, LineKind, str]]:
    for number, deletion in enumerate(identities.deletions):
        luck = people.chance.one("kind of delete line", deletion.at + number)
        kind = {"type": "system", "method": "delete"} if luck < 0.03 else {"type": "delete"}
        target = {"new_id": deletion.new_id} if deletion.new_id or luck > 0.5 else {}
        line = kind | {"pid": deletion.pid} | target
        yield deletion.at, "delete", orjson.dumps(line).decode()


def _stray_lines(people: People, start: int, end: int) -> Iterator[tuple[int, LineKind, str]]:
    """Lines of the log that have no use."""
    chance = people.chance
    for number in range(4):
        if chance.one(f"stray line {number}", start) < 0.3:
            at = start + int(chance.one(f"stray line at {number}", start) * 23 * HOUR)
            if at >= end:
                continue
            luck = chance.one("kind of stray line", at)
            if luck < 0.5:
                yield at, "blank", _BLANK[int(luck * 2 * len(_BLANK))]
            else:
                yield at, "rejected", _MALFORMED[int((luck - 0.5) * 2 * len(_MALFORMED))]
