"""The circle closed: import, export, parse, model, verification, on the sandbox over HTTP."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.errors import PipelineError
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.runs import Importer
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import find_sources, sources_folder
from woopra_pipeline.imports.verification import prove_imports, verify_imports
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.sandbox import Mood, Moods, Sandbox, SandboxClock, SandboxSettings, serve
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.log_days import log_day_at, log_days_between
from woopra_pipeline_tests.imports.conftest import DAY, NOON, write_source

START = datetime(2026, 1, 4, 20, tzinfo=UTC)
SETTINGS = ImportSettings(lines_per_batch=20, unknown_in_a_row=4)
SOURCES = {
    "visits": (
        "select {'email': 'visitor' || i || '@x.com'} as visitor, [{'name': 'imported order', "
        f"'time': {NOON} + i, 'properties': {{'n': i}}}}] as actions from range(200) r(i)"
    ),
    "events": (
        "select {'email': 'buyer' || (i % 50) || '@x.com'} as visitor, 'imported payment' as name, "
        f"{NOON} + i + (i // 50) * 3600000 as time from range(200) r(i)"
    ),
    "profiles": (
        "select {'email': 'visitor' || i || '@x.com', 'imported plan': 'pro'} as visitor "
        "from range(60) r(i)"
    ),
    # People the sandbox knows, whose profiles merge as the days go by.
    "known": "from 'known.parquet'",
}
KNOWN = (
    "select {'email': email} as visitor, 'imported answer' as name, "
    f"{NOON} + row_number() over (order by email) as time "
    "from profiles where email is not null group by email"
)
IMPORT_MOODS = (
    Mood.SERVER_ERROR,
    Mood.UNAUTHORIZED,
    Mood.BUSY,
    Mood.BUSY_AFTERWARDS,
    Mood.ANSWER_LOST,
)


class Circle:
    """A sandbox with a world of its own, and a pipeline that imports into it."""

    def __init__(self, directory, running, client, clock):
        self.directory = directory
        self.running = running
        self.client = client
        self.clock = clock
        self.fetched = SandboxSettings().first_day

    def end_day(self):
        """Let the day end, and bring the days that are over into the model."""
        self.clock.skip_to_midnight()
        today = log_day_at(self.clock())
        archive = Archive(self.directory.raw)
        log_days = list(log_days_between(self.fetched, today - timedelta(days=1)))
        # The bad moods are for imports.
        self.running.moods.upcoming.extend([None] * len(log_days))
        for log_day in log_days:
            fetch_log_day(self.client, archive, log_day, clock=self.clock)
            parse_log_day(archive, log_day, self.directory.parsed, processes=1)
        self.fetched = today
        update_model(self.directory)

    def import_all(self):
        importer = Importer(
            self.directory, self.client, SETTINGS, clock=self.clock, sleep=lambda seconds: None
        )
        for source in find_sources(self.directory):
            try:
                importer.run(source.name, DAY)
            except PipelineError:
                continue

    def verify(self):
        return verify_imports(self.directory, settings=SETTINGS, clock=self.clock)

    def accepted_batches(self):
        with Ledger(self.directory, self.clock) as ledger:
            return [batch.batch_id for batch in ledger.batches(None, State.ACCEPTED)]

    def states(self):
        with Ledger(self.directory, self.clock) as ledger:
            return ledger.line_counts()

    def query(self, sql):
        with connect_published(self.directory) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def circle_on(directory, moods):
    clock = SandboxClock(START, base=lambda: START)
    sandbox = Sandbox(directory.sandbox, SandboxSettings(people=40), clock=clock)
    with (
        serve(sandbox, moods=moods) as running,
        WoopraClient(running.settings, clock=clock, sleep=lambda seconds: None) as client,
    ):
        yield Circle(directory, running, client, clock)


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))]
)
def test_whatever_the_mood_everything_is_imported_exactly_once(directory, seed):
    with circle_on(directory, Moods(IMPORT_MOODS, share=0.35, seed=seed)) as circle:
        circle.end_day()
        for name, sql in SOURCES.items():
            write_source(directory, name, sql)
        with connect_published(directory) as connection:
            path = sources_folder(directory) / "known.parquet"
            ((known,),) = connection.execute(f"copy ({KNOWN}) to '{path}'").fetchall()
        for _ in range(3):
            circle.import_all()
            circle.end_day()
            assert {verdict.finding for verdict in circle.verify()} <= {"found", "absent"}
        circle.running.moods.upcoming.extend([None] * 1_000)
        circle.import_all()
        circle.end_day()
        assert circle.verify() == []

        assert circle.query(
            "select name, count(*), count(distinct (pid, occurred_at)) from actions "
            "where name like 'imported %' group by name order by name"
        ) == [
            ("imported answer", known, known),
            ("imported order", 200, 200),
            ("imported payment", 200, 200),
        ]
        assert circle.query(
            "select count(*) from profile_properties where key = 'imported plan' and text = 'pro'"
        ) == [(60,)]
        verdicts = prove_imports(
            directory, circle.accepted_batches(), settings=SETTINGS, clock=circle.clock
        )
        assert {verdict.finding for verdict in verdicts} == {"found"}


def test_what_has_no_answer_is_settled_by_the_log(directory):
    with circle_on(directory, Moods()) as circle:
        write_source(directory, "visits", SOURCES["visits"])
        circle.end_day()
        circle.running.moods.upcoming.extend([None, Mood.ANSWER_LOST, Mood.SERVER_ERROR])
        circle.import_all()
        assert circle.states() == {"accepted": 160, "unknown": 40}
        circle.end_day()
        assert sorted(verdict.finding for verdict in circle.verify()) == ["absent", "found"]
        assert circle.states() == {"accepted": 180, "planned": 20}
        circle.import_all()
        assert circle.states() == {"accepted": 200}
