"""R10: whatever days come, and whoever is erased in between, the tables are the interpreter's.

Days come into the archive as they were delivered, each time with all lines of everyone, as if
nothing had been known of erasures when they were fetched.
"""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.privacy.erasing import enter
from woopra_pipeline.privacy.plan import Finder, Identifier
from woopra_pipeline.privacy.register import digest_key, digests_in, read_register
from woopra_pipeline_tests.generated_logs import CIRCLES, days, files, logs
from woopra_pipeline_tests.model.interpreter import Interpretation, interpret, pids_of, tables
from woopra_pipeline_tests.model.published_tables import in_order, published_tables
from woopra_pipeline_tests.parse.archived_files import archive_file

MOMENTS = [
    datetime(1970, 1, 1, 0, 0, 0, 2000, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
    datetime(2026, 3, 8, 12, tzinfo=UTC),
    datetime(2026, 3, 20, tzinfo=UTC),
]
"""Between the times that lines of generated logs have, and within and after their days."""

pids = st.sampled_from([pid for circle in CIRCLES for pid in circle])


class ErasedPersonsInArrivingDays(RuleBasedStateMachine):
    """Days come, come again with other content, and go; persons are erased in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.directory = DataDirectory(Path(self.folder.name))
        self.archive = Archive(self.directory.raw)
        self.log: dict[date, bytes] = {}

    @initialize(log=logs, named=st.lists(pids, min_size=1), moment=st.sampled_from(MOMENTS))
    def begin(self, log: dict[date, bytes], named: list[str], moment: datetime) -> None:
        self.update(log)
        self.erase(named, moment)

    @rule(changes=st.dictionaries(days, st.one_of(files, files, files, st.none()), min_size=1))
    def update(self, changes: dict[date, bytes | None]) -> None:
        for log_day, file in changes.items():
            if file is None:
                self.log.pop(log_day, None)
                remove(self.directory.parsed / log_day.isoformat())
                remove(self.directory.raw / log_day.isoformat())
            else:
                self.log[log_day] = file
                archive_file(self.archive, log_day, file)
                parse_log_day(self.archive, log_day, self.directory.parsed, processes=1)
        self.compare()

    @rule(
        named=st.lists(pids, min_size=1, max_size=3, unique=True),
        moment=st.sampled_from(MOMENTS),
    )
    def erase(self, named: list[str], moment: datetime) -> None:
        self._erase(named, moment, and_future=False)

    @rule(named=pids)
    def erase_with_the_future(self, named: str) -> None:
        self._erase([named], MOMENTS[0], and_future=True)

    def _erase(self, named: list[str], moment: datetime, *, and_future: bool) -> None:
        if not self.directory.published_model.exists():
            return
        identifiers = [Identifier("pid", pid) for pid in named]
        with connect_published(self.directory) as connection:
            finder = Finder(connection)
            lives = [life for one in identifiers if (life := finder.find(one))]
            if not lives:
                return
            register = read_register(self.directory.erasures)
            plan = finder.plan(
                identifiers,
                lives,
                moment,
                and_future=and_future,
                identifier_keys=["email"],
                register=register,
                digests=digests_in(self.directory) if register.erasures else None,
            )
        erased_before = self.interpreted()
        erasure = enter(self.directory, plan)
        assert pids_of(self.log, erasure) == set(plan.pids)
        erased = self.interpreted()
        assert plan.line_count == erased_count(erased) - erased_count(erased_before)
        self.compare()

    def interpreted(self) -> Interpretation:
        erasures = read_register(self.directory.erasures).erasures
        key = digest_key(self.directory.erasures) if erasures else b""
        return interpret(self.log, erasures, key)

    def compare(self) -> None:
        update_model(self.directory, rebuild_share=2)
        assert in_order(published_tables(self.directory)) == in_order(tables(self.interpreted()))
        assert not update_model(self.directory, rebuild_share=2).published

    def teardown(self) -> None:
        self.folder.cleanup()


def erased_count(log):
    return sum(day["erased_count"] for day in log.days)


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(6, 3, id="short"),
        pytest.param(500, 12, id="long", marks=pytest.mark.long),
    ],
)
def test_erasures_between_days_in_any_order(examples, steps):
    run_state_machine_as_test(
        ErasedPersonsInArrivingDays,
        settings=settings(max_examples=examples, stateful_step_count=steps),
    )
