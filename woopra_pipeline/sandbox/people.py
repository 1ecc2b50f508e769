"""The people of a world and their visits, independent of Woopra's profiles.

Everything here is a function of the seed: who is there, which devices they use and when, how long a
visit lasts. The service's view of it, profiles and merges, is in `identities`.

People live in slots. A slot is always taken: when one person leaves for good another one comes,
so that a world always has new people. A *visit key* packs the slot, the day and the number of
the visit on that day into one integer, from which all of the visit can be made again.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from woopra_pipeline.sandbox import texts, vocabulary
from woopra_pipeline.sandbox.chance import BoolArray, Chance, FloatArray, IntArray, Which
from woopra_pipeline.sandbox.settings import SandboxSettings
from woopra_pipeline.woopra.log_days import end_of_log_day, start_of_log_day

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

KIND_BITS, VISIT_BITS, DAY_BITS = 2, 8, 14
"""A key: slot, day, number of the visit, kind of line, from the highest bits to the lowest."""
KIND_MASK = (1 << KIND_BITS) - 1
VISIT, SIGN_IN, UPDATE, IMPORTED = range(4)
"""The kinds: a visit, an identify line that belongs to one, a line that somebody imported."""
COOKIE_BITS = 22
"""The low bits of a cookie tell the devices of one person apart."""
PARTNER_BIT = 1 << 20
_SHARED_DEVICE = 3
"""A device that two neighbouring slots share; people have at most three devices of their own."""

SHORTEST_STAY, LONGEST_STAY = 30, 110
IDLE = 30 * MINUTE
"""A visit is written to the log when its visitor has been idle for this long."""
LONGEST_VISIT = 2 * HOUR

_KINDS = (
    # visits a day, share of the people
    (0.04, 0.45),
    (0.3, 0.35),
    (1.0, 0.15),
    (2.5, 0.04),
    (4.0, 0.01),
)
BOT = len(_KINDS) - 1
_WEEKEND = 0.45


@dataclass(frozen=True)
class Visits:
    """Visits as columns of equal length; instants are UNIX ms.

    `age` counts the days since the person arrived, `number` the person's visits of that day;
    `cookie` is the browser, `login` the person on that browser, `logged_at` when the visit is
    first written to the log, `duration` in seconds.
    """

    key: IntArray
    slot: IntArray
    day: IntArray
    person: IntArray
    age: IntArray
    number: IntArray
    cookie: IntArray
    login: IntArray
    is_bot: BoolArray
    started_at: IntArray
    duration: IntArray
    action_count: IntArray
    logged_at: IntArray

    def __len__(self) -> int:
        return len(self.key)

    def take(self, which: Which) -> "Visits":
        """The visits at the places `which`."""
        return Visits(**{column.name: getattr(self, column.name)[which] for column in fields(self)})


class People:
    """The people of the world that `settings` describe."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.chance = Chance(settings.seed)
        self.slot_count = settings.people
        self.first_log_day = settings.first_day
        self.first_midnight = int(
            datetime.combine(settings.first_day, datetime.min.time(), UTC).timestamp() * SECOND
        )
        self.starts_at = milliseconds(start_of_log_day(settings.first_day))
        self.ends_at = np.iinfo(np.int64).max
        if settings.last_day is not None:
            self.ends_at = milliseconds(end_of_log_day(settings.last_day))
        self._counts = _chances_of_counts()

    def on_days(self, first_day: int, last_day: int) -> Visits:
        """The visits that start on the UTC days from `first_day` to `last_day`, by everyone.

        Days are counted from the first log day's UTC midnight.
        """
        slots = np.arange(self.slot_count, dtype=np.int64)
        days = np.arange(max(first_day, 0), last_day + 1, dtype=np.int64)
        return self._visits(np.tile(slots, len(days)), np.repeat(days, len(slots)))

    def of_cookies(self, cookies: IntArray, last_day: int) -> Visits:
        """All visits with these cookies that start up to the UTC day `last_day`.

        Cookies below zero belong to nobody here: they only come from imports.
        """
        cookies = np.unique(cookies[cookies >= 0])
        person = cookies >> COOKIE_BITS
        shared = cookies[cookies >> DAY_BITS & 0b11 == _SHARED_DEVICE]
        persons = np.unique(person)
        slot, incarnation = persons % self.slot_count, persons // self.slot_count
        stay, phase = self._stay(slot)
        first = np.maximum(incarnation * stay - phase, 0)
        last = np.minimum((incarnation + 1) * stay - phase - 1, last_day)
        days = np.maximum(last - first + 1, 0)
        slots = np.repeat(slot, days)
        each_day = np.repeat(first, days) + _numbers_within(days)
        if len(shared):
            of_shared = np.isin(persons, shared >> COOKIE_BITS)[
                np.repeat(np.arange(len(days)), days)
            ]
            slots = np.concatenate([slots, slots[of_shared] ^ 1])
            each_day = np.concatenate([each_day, each_day[of_shared]])
            pairs = np.unique(np.stack([slots, each_day]), axis=1)
            slots, each_day = pairs[0], pairs[1]
        visits = self._visits(slots[slots < self.slot_count], each_day[slots < self.slot_count])
        return visits.take(np.isin(visits.cookie, cookies))

    def describe(self, keys: IntArray) -> Visits:
        """The visits of `keys`, in the same order, whatever kind of line a key has."""
        chance = self.chance
        keys = keys >> KIND_BITS << KIND_BITS
        number = keys >> KIND_BITS & (1 << VISIT_BITS) - 1
        day = keys >> KIND_BITS + VISIT_BITS & (1 << DAY_BITS) - 1
        slot = keys >> KIND_BITS + VISIT_BITS + DAY_BITS
        person, born = self._person(slot, day)
        is_bot = self._kind(person) == BOT
        is_shared = self._is_on_shared_device(keys, slot) & ~is_bot
        keeper, _ = self._person(slot & ~1, day)
        cookie = np.select(
            [is_bot, is_shared],
            [
                person << COOKIE_BITS | day << VISIT_BITS | number,
                keeper << COOKIE_BITS | _SHARED_DEVICE << DAY_BITS,
            ],
            self._own_cookie(keys, person, day - born),
        )
        login = np.where(is_shared & (slot % 2 == 1), cookie | PARTNER_BIT, cookie)

        city = self.city(person)
        habit = np.where(chance.uniform("night owl", person) < 0.3, 20.0, 12.5)
        spread = chance.uniform("hour", keys) + chance.uniform("hour again", keys) - 1
        local = (habit + spread * np.where(is_bot, 12, 6)) * HOUR
        time_of_day = (local.astype(np.int64) - vocabulary.STANDARD_OFFSETS[city] * MINUTE) % DAY
        started_at = self.first_midnight + day * DAY + time_of_day

        actions = 1 + (-np.log1p(-chance.uniform("actions", keys)) * 2.2).astype(np.int64)
        actions = np.where(is_bot, 1, np.minimum(actions, 40))
        pace = -np.log1p(-chance.uniform("pace", keys)) * 50
        duration = np.where(actions == 1, pace * 0.3, pace * actions).astype(np.int64)
        duration = np.minimum(duration, LONGEST_VISIT // SECOND)
        logged_at = started_at + duration * SECOND + IDLE + chance.below("logged", keys, MINUTE)
        return Visits(
            keys, slot, day, person, day - born, number, cookie, login, is_bot,
            started_at, duration, actions, logged_at,
        )  # fmt: skip

    def persons(self, slots: IntArray, day: int) -> IntArray:
        """Who is in each slot on a UTC day."""
        return self._person(slots, np.full(len(slots), day))[0]

    def first_name(self, person: IntArray) -> IntArray:
        """Each person's first name, as an index into the vocabulary's."""
        return self.chance.below("first name", person, len(vocabulary.FIRST_NAMES))

    def last_name(self, person: IntArray) -> IntArray:
        """Each person's last name, as an index into the vocabulary's."""
        return self.chance.below("last name", person, len(vocabulary.LAST_NAMES))

    def emails(self, person: IntArray) -> pa.Array:
        """The e-mail address of each person."""
        return texts.join(
            texts.pick(vocabulary.FIRST_NAMES_IN_ADDRESSES, self.first_name(person)),
            ".",
            texts.pick(vocabulary.LAST_NAMES_IN_ADDRESSES, self.last_name(person)),
            ".",
            texts.decimal(person),
            "@example.com",
        )

    def ids(self, person: IntArray) -> pa.Array:
        """The identifier each person has in the product."""
        return texts.join("u-", texts.decimal(person + 1000))

    def city(self, person: IntArray) -> IntArray:
        """Where each person lives, as an index into the vocabulary's cities."""
        return self.chance.below("city", person, len(vocabulary.CITIES))

    def local_offset(self, city: IntArray, day: IntArray) -> IntArray:
        """Minutes the clocks of each city are ahead of UTC on each UTC day."""
        days, place = np.unique(day, return_inverse=True)
        table = np.array(
            [vocabulary.offsets_at(self.first_midnight + int(day) * DAY) for day in days],
            dtype=np.int64,
        ).reshape(-1, len(vocabulary.CITIES))
        return table[place, city]

    def arrived_at(self, visits: Visits) -> IntArray:
        """When the person of each visit first showed up, in UNIX ms."""
        arrival_day = self.first_midnight + (visits.day - visits.age) * DAY
        return arrival_day + self.chance.below("arrival", visits.person, DAY)

    def has_account(self, visits: Visits) -> BoolArray:
        """Whether the person of each visit may ever sign in."""
        return (self.chance.uniform("account", visits.person) < 0.85) & ~visits.is_bot

    def _visits(self, slots: IntArray, days: IntArray) -> Visits:
        person, _ = self._person(slots, days)
        kind = self._kind(person)
        luck = self.chance.uniform("visits", slots << DAY_BITS | days)
        weekday = (self.first_log_day.weekday() + days) % 7
        table = self._counts[(weekday >= 5).astype(np.int64), kind]
        counts = (luck[:, None] >= table).sum(axis=1)
        number = _numbers_within(counts)
        pair = np.repeat(slots << DAY_BITS | days, counts)
        visits = self.describe((pair << VISIT_BITS | number) << KIND_BITS)
        in_world = (visits.logged_at >= self.starts_at) & (visits.logged_at < self.ends_at)
        return visits.take(in_world)

    def _stay(self, slot: IntArray) -> tuple[IntArray, IntArray]:
        stay = SHORTEST_STAY + self.chance.below("stay", slot, LONGEST_STAY - SHORTEST_STAY)
        return stay, self.chance.below("phase", slot, stay)

    def _person(self, slot: IntArray, day: IntArray) -> tuple[IntArray, IntArray]:
        stay, phase = self._stay(slot)
        incarnation = (day + phase) // stay
        return slot + self.slot_count * incarnation, incarnation * stay - phase

    def _kind(self, person: IntArray) -> IntArray:
        shares = np.cumsum([share for _, share in _KINDS])
        return np.searchsorted(shares[:-1], self.chance.uniform("kind", person), side="right")

    def _own_cookie(self, keys: IntArray, person: IntArray, age: IntArray) -> IntArray:
        chance = self.chance
        device = chance.below("device", keys, 1 + chance.below("devices", person, 3))
        clears = chance.uniform("clears cookies", person << 2 | device)
        lifetime = 3 + chance.below("cookie lifetime", person << 2 | device, 20)
        generation = np.where(clears < 0.5, age // lifetime, 0)
        return person << COOKIE_BITS | device << DAY_BITS | generation

    def _is_on_shared_device(self, keys: IntArray, slot: IntArray) -> BoolArray:
        household = self.chance.uniform("household", slot >> 1) < 0.15
        return household & (self.chance.uniform("shared device", keys) < 0.2)


def milliseconds(instant: datetime) -> int:
    """UNIX ms of an aware datetime."""
    return round(instant.timestamp() * SECOND)


def _numbers_within(counts: IntArray) -> IntArray:
    """0 … count - 1 for each count, one after another."""
    ends = np.cumsum(counts)
    return np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(ends - counts, counts)


def _chances_of_counts() -> FloatArray:
    """Cumulative Poisson chances of 0, 1, … visits: [weekend or not, kind of person, count]."""
    counts = np.arange(16)
    factorials = np.cumprod(np.maximum(counts, 1).astype(np.float64))
    means = np.array([mean for mean, _ in _KINDS])
    means = np.stack([means, means * _WEEKEND])[..., None]
    return np.cumsum(np.exp(-means) * means**counts / factorials, axis=-1)
