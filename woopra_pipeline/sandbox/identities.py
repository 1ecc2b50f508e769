"""The identity system: which profile each visit belongs to, and how that changes.

A visitor is known by a cookie until an identifier of the hierarchy (`id`, `email`, …) is told.
When one visitor turns out to have two profiles, they are merged: all but the survivor are deleted,
and their lines are logged again under the survivor's pid, some time later. The survivor can be
one of them, a profile with a new pid, or one with a pid that was deleted before.

The lines of a profile are called *entries*. Visits of its own cookies are entries as soon as they
are logged, and are not stored. Identify lines, and lines that were logged again, are stored with
the instant at which they are logged. So at any instant, the living lines are the entries of the
profiles that are logged by then.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from woopra_pipeline.sandbox.chance import IntArray
from woopra_pipeline.sandbox.people import DAY, HOUR, MINUTE, SECOND, People

ALWAYS = -(1 << 62)
NEVER = (1 << 63) - 1

NOBODY = -1
FORMER_PIDS_KEPT = 8

COOKIE = "cookie"


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The visits of a cookie first logged in `since <= instant < until`, in UNIX ms."""

    cookie: int
    since: int
    until: int


class Profile(msgspec.Struct, array_like=True, gc=False):
    """One life of a pid: it starts with the first entry under it, and ends with its deletion.

    `cookies` are those that log here now, and since when; `past` the visits it kept of cookies
    that log elsewhere now; `keys` and `logged_at` the entries that are stored; `former` the last
    pids whose entries it took over.
    """

    serial: int
    pid: str
    identifiers: dict[str, str] = {}
    cookies: dict[int, int] = {}
    past: list[Span] = []
    keys: np.ndarray = np.empty(0, np.int64)
    logged_at: np.ndarray = np.empty(0, np.int64)
    former: list[str] = []

    @property
    def spans(self) -> list[Span]:
        """The visits of cookies that are entries without being stored."""
        current = [Span(cookie, since, NEVER) for cookie, since in self.cookies.items()]
        return self.past + current

    def add(self, keys: IntArray, logged_at: IntArray) -> None:
        """Store entries and when they are logged."""
        self.keys = np.concatenate([self.keys, keys])
        self.logged_at = np.concatenate([self.logged_at, logged_at])


class SignIn(msgspec.Struct, array_like=True, gc=False):
    """The instant from which a browser tells who uses it, in UNIX ms."""

    email_at: int = NEVER
    id_at: int = NEVER


class Voided(msgspec.Struct, array_like=True, gc=False):
    """The profiles deleted on one log day, in order: serial numbers, pids, and those of the heirs.

    The heir is the profile that took over the entries; `NOBODY` if it was deleted without a
    survivor.
    """

    serials: np.ndarray
    pids: bytes
    heirs: np.ndarray


class State(msgspec.Struct, array_like=True):
    """The state of the identity system at one instant; snapshots on disk contain it.

    `profiles` are the living ones by serial number, `scheduled` the instants (UNIX ms) at which
    profiles get another pid.
    """

    profiles: dict[int, Profile] = {}
    next_serial: int = 0
    voided: list[Voided] = []
    sign_ins: dict[int, SignIn] = {}
    scheduled: list[tuple[int, int]] = []
    merge_count: int = 0
    deletion_count: int = 0


class Deletion(NamedTuple):
    """A delete line: at `at` (UNIX ms) `pid` was deleted, merged into `new_id` if there is one."""

    at: int
    pid: str
    new_id: str | None


class Identities:
    """The running identity system, from `state` on."""

    def __init__(self, people: People, hierarchy: tuple[str, ...], state: State) -> None:
        self.people = people
        self.chance = people.chance
        self.hierarchy = hierarchy
        self.state = state
        self.by_identifier: dict[tuple[str, str], Profile] = {}
        self.by_cookie: dict[int, Profile] = {}
        for profile in state.profiles.values():
            self._index(profile)
        self.storing = dict(state.profiles)
        """The profiles of which stored entries are logged on this day or later."""
        self.begin_day(ALWAYS, 0)

    def begin_day(self, start: int, last_utc_day: int) -> None:
        """Drop the notes on the previous log day; the next one begins at `start`.

        Visits that start after `last_utc_day` are not needed while it lasts.
        """
        self._day_start = start
        self.storing = {
            serial: profile
            for serial, profile in self.storing.items()
            if (profile.logged_at >= start).any()
        }
        self._last_utc_day = last_utc_day
        self._histories: dict[int, tuple[IntArray, IntArray]] = {}
        self.deletions: list[Deletion] = []
        self._heirs: dict[int, int] = {}
        self.cut_short: list[tuple[str, IntArray, IntArray]] = []
        """Stored entries logged on this day under a pid that was deleted later on the same day."""
        self.previous_pids: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        """For cookies whose pid changed on this day: until when they had which pid before."""

    def end_day(self) -> None:
        """Record the profiles that were deleted on this day."""
        pids = "".join(deletion.pid for deletion in self.deletions).encode()
        serials, heirs = list(self._heirs), list(self._heirs.values())
        self.state.voided.append(
            Voided(np.array(serials, np.int64), pids, np.array(heirs, np.int64))
        )

    def own_pid(self, cookie: int) -> str:
        """The pid a cookie's visits have as long as nothing else is known."""
        return self.chance.one_pid("pid", cookie)

    def of_cookie(self, cookie: int) -> Profile:
        """The profile a cookie logs to."""
        profile = self.by_cookie.get(cookie)
        if profile is None:
            profile = self._new_profile(self.own_pid(cookie))
            profile.cookies[cookie] = ALWAYS
            self.by_cookie[cookie] = profile
        return profile

    def identify(self, at: int, cookie: int | None, identifiers: dict[str, str]) -> Profile:
        """Tell the system that one person has these identifiers.

        Returns the person's profile from now on.

        Profiles found by them are merged, except where a stronger identifier says that they are
        somebody else's: such a profile only loses the identifier it was found by.
        """
        told = {name: identifiers[name] for name in self.hierarchy if name in identifiers}
        found = [(name, self.by_identifier.get((name, value))) for name, value in told.items()]
        if cookie is not None:
            found.append((COOKIE, self.of_cookie(cookie)))
        same: list[Profile] = []
        known = told
        for name, profile in found:
            if profile is None or profile in same or self._contradicts(profile, name, known):
                continue
            same.append(profile)
            known = profile.identifiers | known
        if not same:
            same = [self._new_profile(self._fresh_pid())]
        profile = same[0] if len(same) == 1 else self.merge(at, same)
        for name, value in told.items():
            self._move_identifier(name, value, profile)
        if cookie is not None and self.by_cookie[cookie] is not profile:
            self._move_cookie(at, cookie, profile)
        return profile

    def merge(self, at: int, profiles: list[Profile]) -> Profile:
        """Make one profile of several (or of one, which then gets another pid)."""
        key = at ^ profiles[0].serial
        survivor = self._choose_survivor(key, profiles)
        voided = [profile for profile in profiles if profile is not survivor]
        identifiers: dict[str, str] = {}
        for profile in (survivor, *reversed(profiles)):
            identifiers |= profile.identifiers
            for identifier in profile.identifiers.items():
                self.by_identifier.pop(identifier, None)
        keys = [self._void(at, profile, survivor) for profile in voided]
        survivor.identifiers = identifiers
        for profile in voided:
            survivor.former += (*profile.former, profile.pid)
            survivor.cookies |= dict.fromkeys(profile.cookies, at)
        survivor.former = survivor.former[-FORMER_PIDS_KEPT:]
        self._index(survivor)
        self._log_again(at, key, survivor, np.concatenate(keys))
        return survivor

    def delete(self, at: int, profile: Profile) -> None:
        """Delete a profile for good; its visitor gets a new one with the next visit."""
        self._void(at, profile, None)
        same_pid = self.chance.one("same pid after deletion", at ^ profile.serial) < 0.5
        pid = profile.pid if same_pid else self._fresh_pid()
        successor = self._new_profile(pid)
        successor.identifiers = profile.identifiers
        successor.cookies = dict.fromkeys(profile.cookies, at)
        self._index(successor)

    def survivor_of(self, profile: Profile) -> Profile:
        """The profile that now has the entries that `profile` had earlier on this day."""
        serial = profile.serial
        while serial in self._heirs:
            serial = self._heirs[serial]
        return self.state.profiles[serial]

    def log(self, at: int, profile: Profile, keys: list[int]) -> None:
        """Log entries that are no visits of one of the profile's own cookies."""
        profile.add(np.array(keys, np.int64), np.full(len(keys), at, np.int64))
        self.storing[profile.serial] = profile

    def expect_merges(self, told: Iterable[tuple[int, dict[str, str]]]) -> None:
        """Prepare for what may be told today, a cookie and identifiers at a time.

        Only the time that merges take depends on it.
        """
        cookies: set[int] = set()
        day_end = self._day_start + 25 * HOUR
        for at, serial in self.state.scheduled:
            if at < day_end and serial in self.state.profiles:
                cookies.update(span.cookie for span in self.state.profiles[serial].spans)
        by_person: defaultdict[tuple[str, ...], dict[int, Profile | None]] = defaultdict(dict)
        for cookie, identifiers in told:
            involved = by_person[tuple(identifiers.values())]
            own = self.by_cookie.get(cookie)
            involved[~cookie if own is None else own.serial] = own
            for identifier in identifiers.items():
                profile = self.by_identifier.get(identifier)
                if profile is not None:
                    involved[profile.serial] = profile
        for involved in by_person.values():
            if len(involved) > 1:
                for number, profile in involved.items():
                    spans = profile.spans if profile else [Span(~number, ALWAYS, NEVER)]
                    cookies.update(span.cookie for span in spans)
        self._remember_histories(cookies)

    def change_pids_due(self, before: int) -> None:
        """Give the profiles another pid whose scheduled time is before the instant `before`."""
        scheduled = self.state.scheduled
        while scheduled and scheduled[0][0] < before:
            at, serial = heapq.heappop(scheduled)
            if serial in self.state.profiles:
                self.merge(at, [self.state.profiles[serial]])

    def _contradicts(self, profile: Profile, found_by: str, known: dict[str, str]) -> bool:
        for name in self.hierarchy:
            if name == found_by:
                return False
            if name in known and profile.identifiers.get(name, known[name]) != known[name]:
                return True
        return False

    def _choose_survivor(self, key: int, profiles: list[Profile]) -> Profile:
        luck = self.chance.one("survivor", key)
        if len(profiles) > 1 and luck < 0.85:
            return profiles[0 if luck < 0.6 else 1]
        present = {profile.pid for profile in profiles}
        gone = [pid for profile in profiles for pid in profile.former if pid not in present]
        if gone and self.chance.one("comes back", key) < 0.5:
            return self._new_profile(gone[-1])
        return self._new_profile(self._fresh_pid(like=profiles[0].pid))

    def _fresh_pid(self, like: str = "") -> str:
        serial = self.state.next_serial
        if like and self.chance.one("other case", serial) < 0.05:
            return like.swapcase()
        return self.chance.one_pid("fresh pid", serial)

    def _new_profile(self, pid: str) -> Profile:
        profile = Profile(self.state.next_serial, pid)
        self.state.profiles[profile.serial] = profile
        self.state.next_serial += 1
        return profile

    def _index(self, profile: Profile) -> None:
        for identifier in profile.identifiers.items():
            self.by_identifier[identifier] = profile
        for cookie in profile.cookies:
            self.by_cookie[cookie] = profile

    def _move_identifier(self, name: str, value: str, profile: Profile) -> None:
        owner = self.by_identifier.get((name, value))
        if owner is not None and owner is not profile:
            del owner.identifiers[name]
        if name in profile.identifiers:
            del self.by_identifier[name, profile.identifiers[name]]
        profile.identifiers[name] = value
        self.by_identifier[name, value] = profile

    def _move_cookie(self, at: int, cookie: int, profile: Profile) -> None:
        owner = self.by_cookie[cookie]
        owner.past.append(Span(cookie, owner.cookies.pop(cookie), at))
        self.previous_pids[cookie].append((at, owner.pid))
        profile.cookies[cookie] = at
        self.by_cookie[cookie] = profile

    def _void(self, at: int, profile: Profile, survivor: Profile | None) -> IntArray:
        """Delete a profile and return its entries, in the order in which they were logged."""
        if profile.serial in self.storing:
            today = (profile.logged_at >= self._day_start) & (profile.logged_at < at)
            self.cut_short.append((profile.pid, profile.keys[today], profile.logged_at[today]))
            del self.storing[profile.serial]
        for cookie in profile.cookies:
            self.previous_pids[cookie].append((at, profile.pid))
        self.deletions.append(Deletion(at, profile.pid, survivor.pid if survivor else None))
        if survivor is None:
            self.state.deletion_count += 1
        else:
            self.state.merge_count += 1
        self._heirs[profile.serial] = survivor.serial if survivor else NOBODY
        del self.state.profiles[profile.serial]
        return self._entries(profile, at)

    def _entries(self, profile: Profile, at: int) -> IntArray:
        self._remember_histories(span.cookie for span in profile.spans)
        keys, logged_at = [profile.keys], [profile.logged_at]
        for span in profile.spans:
            key, logged = self._histories[span.cookie]
            start, stop = np.searchsorted(logged, [span.since, min(span.until, at)])
            keys.append(key[start:stop])
            logged_at.append(logged[start:stop])
        key = np.concatenate(keys)
        return key[np.lexsort((key, np.concatenate(logged_at)))]

    def _remember_histories(self, cookies: Iterable[int]) -> None:
        """Make the visits of these cookies, all at once."""
        wanted = sorted(set(cookies).difference(self._histories))
        if not wanted:
            return
        visits = self.people.of_cookies(np.array(wanted, np.int64), self._last_utc_day)
        order = np.lexsort((visits.key, visits.logged_at, visits.cookie))
        cookie, key, logged_at = visits.cookie[order], visits.key[order], visits.logged_at[order]
        bounds = np.searchsorted(cookie, wanted), np.searchsorted(cookie, wanted, "right")
        for one, start, stop in zip(wanted, *bounds, strict=True):
            self._histories[one] = key[start:stop], logged_at[start:stop]

    def _log_again(self, at: int, key: int, survivor: Profile, keys: IntArray) -> None:
        """Schedule the entries of the voided profiles, and now and then a disturbance."""
        luck = self.chance.one("re-log delay", key)
        if luck < 0.85:
            delay = SECOND + luck * 10 * MINUTE
        elif luck < 0.98:
            delay = (luck - 0.85) / 0.13 * 30 * HOUR
        else:
            delay = DAY + (luck - 0.98) / 0.02 * 8 * DAY
        pace = 50 * 4 ** (self.chance.one("re-log pace", key) * 7)
        logged_at = at + int(delay) + (np.arange(len(keys)) * pace).astype(np.int64)
        survivor.add(keys, logged_at)
        self.storing[survivor.serial] = survivor
        luck = self.chance.one("another pid", key)
        if luck < 0.08 and len(keys):
            half = int((logged_at[-1] - at) * luck / 0.08)
            heapq.heappush(self.state.scheduled, (at + 1 + half, survivor.serial))
        elif luck < 0.13:
            later = int(luck * 100 * DAY)
            heapq.heappush(self.state.scheduled, (at + later, survivor.serial))
