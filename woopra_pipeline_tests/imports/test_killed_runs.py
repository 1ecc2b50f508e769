"""Exactly once: whatever is killed when, and whatever the service answers."""

import multiprocessing
import random
from collections import Counter

import orjson
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import PipelineError
from woopra_pipeline.imports.batch_files import read_lines
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.runs import Importer
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.verification import verify_imports
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.imports.conftest import DAY, NOON
from woopra_pipeline_tests.imports.import_server import Mood
from woopra_pipeline_tests.imports.log_of_server import AFTERWARDS, put_log

SOURCES = {
    "visits": (
        f"select {{'email': 'visitor ' || i}} as visitor, [{{'name': 'order', 'time': {NOON} + i, "
        "'properties': {'is': case when i % 50 = 17 then 'unacceptable' else 'fine' end}}] "
        "as actions from range(120) r(i)"
    ),
    "events": (
        f"select {{'email': 'buyer ' || (i % 40)}} as visitor, 'order ' || i as name, "
        f"{NOON} + (i // 40) * 3600000 as time, {{'n': i}} as properties from range(120) r(i)"
    ),
    "profiles": "select {'email': 'member ' || i, 'plan': 'pro'} as visitor from range(60) r(i)",
}
REJECTED = {"visits": 3, "events": 0, "profiles": 0}
SETTINGS = ImportSettings(lines_per_batch=7, unknown_in_a_row=5)

processes = multiprocessing.get_context("forkserver")


def _import(root, base_url, name, now):
    """In a process of its own: one run of a source."""
    with WoopraClient(settings_for(base_url=base_url), sleep=lambda seconds: None) as client:
        importer = Importer(
            DataDirectory(root),
            client,
            SETTINGS,
            clock=frozen_clock(now),
            sleep=lambda seconds: None,
        )
        importer.run(name, DAY)


class Killer:
    """Runs imports and kills them, most of them at a moment nobody chose."""

    def __init__(self, imports, seed):
        self.imports = imports
        self.chance = random.Random(seed)
        self.now = imports.time.now
        self.killed = 0

    def run_and_kill(self, name):
        imports, server = self.imports, self.imports.server
        process = processes.Process(
            target=_import, args=(imports.directory.root, server.base_url, name, self.now)
        )
        requests = iter(range(1000))
        fatal_request = self.chance.randrange(8)

        def kill_in_time() -> None:
            if next(requests) == fatal_request:
                process.kill()

        moment = self.chance.choice(["during_request", "before_answer", "any time"])
        if moment != "any time":
            setattr(server, moment, kill_in_time)
        process.start()
        process.join(self.chance.random() if moment == "any time" else 60)
        process.kill()
        process.join()
        server.during_request = server.before_answer = lambda: None
        self.killed += process.exitcode == -9

    def check(self):
        """What the server has taken is known to be there, or at least not known to be absent."""
        states = Counter()
        with Ledger(self.imports.directory, frozen_clock(self.now)) as ledger:
            ledger.recover()
            for batch in ledger.batches():
                for line in read_lines(self.imports.directory, batch.file)[batch.lines]:
                    states[line.decode(), batch.state] += 1
        taken = self.imports.server.counts()
        for line, count in taken.items():
            known = states[line, State.ACCEPTED] + states[line, State.UNKNOWN]
            if "actions" in line:
                assert count == 1
                assert known == 1
            else:
                assert known + states[line, State.SUPERSEDED] >= 1
        for (line, state), count in states.items():
            if state == State.ACCEPTED:
                assert taken[line] >= count

    def settle(self):
        """Let the log show what became of the unknown, and plan again what never arrived."""
        put_log(self.imports)
        verify_imports(self.imports.directory, settings=SETTINGS, clock=frozen_clock(AFTERWARDS))

    def finish(self):
        """Run everything undisturbed, until nothing is left to send."""
        for name in SOURCES:
            self.imports.importer(**vars(SETTINGS)).run(name, DAY)
        self.check()
        with Ledger(self.imports.directory, frozen_clock(self.now)) as ledger:
            for name in SOURCES:
                counts = ledger.line_counts(name)
                assert counts.keys() <= {State.ACCEPTED, State.REJECTED, State.SUPERSEDED}
                assert counts.get(State.REJECTED, 0) == REJECTED[name]

    def check_that_everything_is_there_once(self):
        lines = [orjson.loads(line) for line in self.imports.server.taken]
        visitors = Counter(line["visitor"]["email"] for line in lines)
        assert {v for v in visitors if v.startswith("member")} == {f"member {i}" for i in range(60)}
        actions = Counter(
            (line["visitor"]["email"], action["name"], action["time"])
            for line in lines
            for action in line.get("actions", ())
        )
        expected = {(f"visitor {i}", "order", NOON + i) for i in range(120) if i % 50 != 17}
        expected |= {
            (f"buyer {i % 40}", f"order {i}", NOON + i // 40 * 3_600_000) for i in range(120)
        }
        assert actions == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        pytest.param(6, 1, id="some kills"),
        pytest.param(45, 2, id="many kills", marks=pytest.mark.long),
    ],
)
def test_killed_at_any_moment_everything_is_sent_exactly_once(imports, kills, seed):
    for name, sql in SOURCES.items():
        imports.source(name, sql)
    killer = Killer(imports, seed)
    while killer.killed < kills:
        killer.run_and_kill(killer.chance.choice(list(SOURCES)))
        killer.check()
        if killer.killed % 6 == 5:
            killer.settle()
    killer.settle()
    killer.finish()
    killer.check_that_everything_is_there_once()


MOODS = [
    *[Mood.FINE] * 12,
    Mood.LOST_ANSWER,
    Mood.LOST_REQUEST,
    Mood.BUSY_BEFORE,
    Mood.BUSY_AFTER,
    Mood.TOO_MANY,
    Mood.ERROR_BEFORE,
    Mood.ERROR_AFTER,
    Mood.UNAUTHORIZED,
]


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8))]
)
def test_in_any_mood_everything_is_sent_exactly_once(imports, seed):
    chance = random.Random(seed)
    for name, sql in SOURCES.items():
        imports.source(name, sql)
    killer = Killer(imports, seed)
    imports.server.mood = lambda lines: chance.choice(MOODS)
    for _ in range(4):
        for name in SOURCES:
            try:
                imports.importer(**vars(SETTINGS)).run(name, DAY)
            except PipelineError:
                continue
            finally:
                killer.check()
        killer.settle()
    imports.server.mood = lambda lines: Mood.FINE
    killer.finish()
    killer.check_that_everything_is_there_once()
