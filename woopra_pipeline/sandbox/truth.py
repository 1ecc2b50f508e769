"""The truth at the end of a log day, from the identity system.

No line is read here: the living lines, and their pids, are the entries of the profiles that are
logged by then.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import orjson
import pyarrow as pa

from woopra_pipeline.sandbox import texts
from woopra_pipeline.sandbox.chance import PID_LENGTH, IntArray, PidArray
from woopra_pipeline.sandbox.days import make_entries
from woopra_pipeline.sandbox.identities import Identities, Profile, Voided
from woopra_pipeline.sandbox.lines import Entries, Lines
from woopra_pipeline.sandbox.people import IMPORTED, KIND_MASK, VISIT, milliseconds
from woopra_pipeline.woopra.log_days import end_of_log_day

VISITS = pa.schema(
    {
        "pid": pa.string(),
        "person": pa.int64(),
        "started_at": pa.int64(),
        "logged_at": pa.int64(),
        "actions": pa.list_(pa.struct({"time": pa.int64(), "name": pa.string()})),
    }
)

_ENTRIES_AT_ONCE = 100_000


@dataclass(frozen=True)
class Truth:
    """The world at the end of `log_day`; a model of all days up to it must equal this."""

    log_day: date
    entries: Entries
    lines: Lines
    merge_count: int
    """Delete lines so far that named a new pid."""
    deletion_count: int
    """Delete lines so far that named none."""
    voided: Sequence[Voided]
    living_pids: dict[int, str]
    """The pids of the living profiles by their serial numbers."""
    pids_waiting: frozenset[str]
    """The pids under which visits will still be logged again (R6)."""

    @cached_property
    def visits(self) -> pa.Table:
        """The living visits: `pid`, `person` (a number; NULL if imported), `started_at` and
        `logged_at` (UNIX ms), `actions` (a list of `time` in UNIX ms and `name`, newest first).
        """
        visits = self.entries.take(self.entries.kind == VISIT)
        actions = self.lines.actions(visits.visits)
        ends = np.cumsum(actions.counts)
        places = np.arange(len(actions.time))
        newest_first = np.repeat(2 * ends - actions.counts - 1, actions.counts) - places
        times = pa.array(actions.time[newest_first])
        names = self.lines.action_names.take(pa.array(actions.kind[newest_first]))
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        own = pa.table(
            [
                texts.pid_texts(visits.pid),
                visits.visits.person,
                visits.visits.started_at,
                visits.logged_at,
                pa.ListArray.from_arrays(
                    offsets, pa.StructArray.from_arrays([times, names], ["time", "name"])
                ),
            ],
            VISITS,
        )
        entries = self.entries.take((self.entries.kind == IMPORTED) & self.entries.is_visit)
        imported = [self.lines.imports.line(key) for key in entries.key.tolist()]
        others = pa.table(
            [
                texts.pid_texts(entries.pid),
                pa.nulls(len(entries), pa.int64()),
                pa.array([line.time for line in imported], pa.int64()),
                entries.logged_at,
                pa.array(
                    [[{"time": t, "name": name} for t, name in line.actions] for line in imported],
                    VISITS.field("actions").type,
                ),
            ],
            VISITS,
        )
        return pa.concat_tables([own, others])

    @cached_property
    def profiles(self) -> dict[str, dict[str, object]]:
        """The living profiles: pid → properties, each as it was last set (R2)."""
        profiles: defaultdict[str, dict[str, object]] = defaultdict(dict)
        for start in range(0, len(self.entries), _ENTRIES_AT_ONCE):
            some = self.entries.take(slice(start, start + _ENTRIES_AT_ONCE))
            visitors = self.lines.visitors(some).to_pylist()
            for pid, visitor in zip(some.pid.tolist(), visitors, strict=True):
                profiles[pid.decode()].update(orjson.loads(visitor))
        return dict(profiles)

    @cached_property
    def canonical_pids(self) -> dict[str, str | None]:
        """For every pid ever deleted: which pid has its entries of before the deletion now (R4)."""
        heirs: dict[int, int] = {}
        for voided in self.voided:
            heirs |= zip(voided.serials.tolist(), voided.heirs.tolist(), strict=True)
        canonical = {}
        for voided in self.voided:
            for number, serial in enumerate(voided.serials.tolist()):
                end = serial
                while end in heirs:
                    end = heirs[end]
                pid = voided.pids[number * PID_LENGTH : (number + 1) * PID_LENGTH].decode()
                canonical[pid] = self.living_pids.get(end)
        return canonical


def truth_of(identities: Identities, lines: Lines, log_day: date) -> Truth:
    """The truth at the end of `log_day`; `identities` must be at that time."""
    end = milliseconds(end_of_log_day(log_day))
    key, logged_at, pid = _living(identities, lines, log_day, end)
    state = identities.state
    return Truth(
        log_day,
        make_entries(lines, identities, key, logged_at, pid),
        lines,
        state.merge_count,
        state.deletion_count,
        tuple(state.voided),
        {serial: profile.pid for serial, profile in state.profiles.items()},
        frozenset(p.pid for p in state.profiles.values() if _waits(lines, p, end)),
    )


def _living(
    identities: Identities, lines: Lines, log_day: date, end: int
) -> tuple[IntArray, IntArray, PidArray]:
    people = lines.people
    visits = people.on_days(0, (log_day - people.first_log_day).days + 1)
    visits = visits.take(visits.logged_at < end)
    is_own = ~np.isin(visits.cookie, np.array(list(identities.by_cookie), np.int64))
    own = visits.take(is_own)
    cookies, place = np.unique(own.cookie, return_inverse=True)
    keys, logged_at = [own.key], [own.logged_at]
    pids = [people.chance.pids("pid", cookies)[place]]

    known = visits.take(~is_own)
    order = np.argsort(known.cookie, kind="stable")
    known = known.take(order)
    for profile in identities.state.profiles.values():
        logged = profile.logged_at < end
        some_keys, some_logged_at = [profile.keys[logged]], [profile.logged_at[logged]]
        for span in profile.spans:
            start, stop = np.searchsorted(known.cookie, [span.cookie, span.cookie + 1])
            instants = known.logged_at[start:stop]
            within = (instants >= span.since) & (instants < span.until)
            some_keys.append(known.key[start:stop][within])
            some_logged_at.append(instants[within])
        keys += some_keys
        logged_at += some_logged_at
        pids.append(np.full(sum(map(len, some_keys)), profile.pid.encode(), "S12"))
    return np.concatenate(keys), np.concatenate(logged_at), np.concatenate(pids)


def _waits(lines: Lines, profile: Profile, end: int) -> bool:
    """Whether visits of a profile are logged again only after the instant `end`."""
    waiting = profile.keys[profile.logged_at >= end]
    return any(
        kind == VISIT or (kind == IMPORTED and bool(lines.imports.line(key).actions))
        for key, kind in zip(waiting.tolist(), (waiting & KIND_MASK).tolist(), strict=True)
    )
