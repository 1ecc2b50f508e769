"""The ledger's rules of sameness, against a model that is plain to see."""

from collections import Counter
from itertools import chain, pairwise, repeat
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.batch_files import read_lines
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.planning import plan_day
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import get_source
from woopra_pipeline_tests.examples import few_or_many
from woopra_pipeline_tests.imports.conftest import DAY, NEXT_DAY, NOON
from woopra_pipeline_tests.imports.log_of_server import AFTERWARDS
from woopra_pipeline_tests.imports.rows import write_rows

OUTCOMES = [State.ACCEPTED, State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.PLANNED]
CLOCK = frozen_clock(AFTERWARDS)
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Waiting for disks is slow, and durability is not what is tested here."""

visitors = st.sampled_from(["a", "b"])
actions = st.builds(
    lambda name, minutes: {"name": name, "time": NOON + minutes * 60_000},
    st.sampled_from(["order", "refund"]),
    st.sampled_from([0, 1, 40]),
)
rows_of = {
    "visits": st.builds(
        lambda email, found: {"visitor": {"email": email}, "actions": found},
        visitors,
        st.lists(actions, min_size=1, max_size=2),
    ),
    "events": st.builds(
        lambda email, found: {"visitor": {"email": email}, **found}, visitors, actions
    ),
    "profiles": st.builds(
        lambda email, plan: {"visitor": {"email": email, "plan": plan}},
        visitors,
        st.sampled_from(["free", "pro"]),
    ),
}


def runs_of(shape):
    """Successive results of a source, each with its day and what becomes of its batches."""
    return st.lists(
        st.tuples(
            st.lists(rows_of[shape], min_size=1, max_size=5),
            st.sampled_from([DAY, NEXT_DAY]),
            st.lists(st.sampled_from(OUTCOMES), min_size=8, max_size=8),
        ),
        max_size=5,
    ).map(lambda runs: sorted(runs, key=itemgetter(1)))


class Planned:
    """The ledger at work: plans what a source says, and notes what became of it."""

    def __init__(self, folder, shape, **changes):
        self.directory = DataDirectory(Path(folder))
        self.shape = shape
        self.settings = ImportSettings(lines_per_batch=1, **changes)

    def run(self, rows, log_day, outcomes):
        """Plan `rows`, send what is planned for the day; returns the lines with what became."""
        write_rows(self.directory, "it", self.shape, rows)
        source = get_source(self.directory, "it")
        sent = []
        with Ledger(self.directory, CLOCK) as ledger, ledger.holding("it"):
            plan_day(ledger, source, log_day, settings=self.settings, clock=CLOCK, dry_run=False)
            # What earlier runs left may be more than there are outcomes.
            fates = chain(outcomes, repeat(State.ACCEPTED))
            tried = set()
            while batch := ledger.next_planned("it", log_day):
                if batch.batch_id in tried:
                    break
                tried.add(batch.batch_id)
                [line] = read_lines(self.directory, batch.file)[batch.lines]
                fate = next(fates)
                ledger.begin_sending(batch)
                ledger.settle(batch, fate)
                sent.append((orjson.loads(line), fate))
                if fate is State.PLANNED:
                    break
        return sent


def fresh(examples):
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


def frozen(row):
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)


@few_or_many(12, 30)
def test_visits(examples):
    """Each is sent as often as any result had it; once, unless they are counted."""

    @fresh(examples)
    @given(runs_of("visits"), st.booleans())
    def holds(runs, counted):
        sent, most = Counter(), Counter()
        with TemporaryDirectory(dir=IN_MEMORY) as folder:
            ledger = Planned(folder, "visits", identical_rows="counted" if counted else "distinct")
            for rows, log_day, outcomes in runs:
                wanted = (
                    Counter(map(frozen, rows)) if counted else dict.fromkeys(map(frozen, rows), 1)
                )
                lines = ledger.run(rows, log_day, outcomes)
                stopped = any(fate is State.PLANNED for _, fate in lines)
                now = Counter(frozen(line) for line, fate in lines if fate is not State.PLANNED)
                sent += now
                most |= Counter(wanted)
                assert all(sent[row] <= most[row] for row in sent)
                assert stopped or all(sent[row] >= count for row, count in wanted.items())

    holds()


@few_or_many(12, 30)
def test_events(examples):
    """Each is sent as often as any result had it; once, unless they are counted."""

    @fresh(examples)
    @given(runs_of("events"), st.booleans())
    def holds(runs, counted):
        sent, most = Counter(), Counter()

        def parts(line):
            return Counter(
                frozen({"visitor": line["visitor"], **action}) for action in line["actions"]
            )

        with TemporaryDirectory(dir=IN_MEMORY) as folder:
            ledger = Planned(folder, "events", identical_rows="counted" if counted else "distinct")
            for rows, log_day, outcomes in runs:
                wanted = (
                    Counter(map(frozen, rows)) if counted else dict.fromkeys(map(frozen, rows), 1)
                )
                lines = ledger.run(rows, log_day, outcomes)
                stopped = any(fate is State.PLANNED for _, fate in lines)
                now = Counter()
                for line, fate in lines:
                    times = [action["time"] for action in line["actions"]]
                    assert times == sorted(times)
                    assert all(b - a <= 1_800_000 for a, b in pairwise(times))
                    if fate is not State.PLANNED:
                        now += parts(line)
                sent += now
                most |= Counter(wanted)
                assert all(sent[row] <= most[row] for row in sent)
                assert stopped or all(sent[row] >= count for row, count in wanted.items())

    holds()


@few_or_many(20, 50)
def test_profile_updates(examples):
    @fresh(examples)
    @given(runs_of("profiles"))
    def holds(runs):
        latest, rejected, waiting = {}, set(), {}
        with TemporaryDirectory(dir=IN_MEMORY) as folder:
            ledger = Planned(folder, "profiles")
            for rows, log_day, outcomes in runs:
                said = {}
                for row in rows:
                    said.setdefault(row["visitor"]["email"], row["visitor"]["plan"])
                wanted = {
                    (email, plan)
                    for email, plan in {**waiting, **said}.items()
                    if latest.get(email) != plan and (email, plan) not in rejected
                }
                lines = ledger.run(rows, log_day, outcomes)
                got = [(line["visitor"]["email"], line["visitor"]["plan"]) for line, _ in lines]
                stopped = lines[-1:] and lines[-1][1] is State.PLANNED
                assert len(set(got)) == len(got)
                assert set(got) <= wanted if stopped else set(got) == wanted
                waiting = dict(wanted)
                for (email, plan), (_, fate) in zip(got, lines, strict=True):
                    if fate is State.ACCEPTED:
                        latest[email] = plan
                    elif fate is State.UNKNOWN:
                        latest[email] = None
                    elif fate is State.REJECTED:
                        rejected.add((email, plan))
                    if fate in {State.ACCEPTED, State.REJECTED}:
                        del waiting[email]

    holds()
