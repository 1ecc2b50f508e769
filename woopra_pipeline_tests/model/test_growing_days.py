"""R7 for the current day: however a day grows, the tables are those of its lines so far."""

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from woopra_pipeline.current_day.day_files import grow, log_file, start_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import ModelUpdate, update_model
from woopra_pipeline.parse.parsed_days import find_parsed_day
from woopra_pipeline_tests.generated_logs import days, files
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.parsed_files import FETCHED_AT, put_day, remove_day
from woopra_pipeline_tests.model.published_tables import in_order, published_tables

DAY = date(2026, 3, 6)


def follow(directory: DataDirectory, log_day: date, more: bytes) -> bytes:
    """Let the current day grow by these lines, or begin with them; returns all of its lines."""
    day = find_parsed_day(directory.parsed, log_day)
    if day is None or not day.is_open:
        (directory.parsed / str(log_day)).mkdir(parents=True, exist_ok=True)
        day = start_current_day(directory.parsed, log_day, FETCHED_AT)
    with log_file(day).open("ab") as log:
        log.write(more)
        size = log.tell()
    return log_file(grow(day, size, FETCHED_AT)).read_bytes()


class GrowingDays(RuleBasedStateMachine):
    """Days grow and are closed, others come, change and go, and the model is updated now and then.

    What is in the model may thereby be several steps behind a day, or of another day altogether.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.directory = DataDirectory(Path(self.folder.name))
        self.log: dict[date, bytes] = {}

    @rule(log_day=days, more=files, updates=st.booleans())
    def a_day_grows(self, log_day: date, more: bytes, updates: bool) -> None:
        self.log[log_day] = follow(self.directory, log_day, more + b"\n")
        if updates:
            self.update()

    @rule(log_day=days)
    def the_current_day_is_started_again(self, log_day: date) -> None:
        remove_day(self.directory, log_day)
        known = self.log.get(log_day, b"")
        whole_lines = known[: known.rfind(b"\n") + 1]
        self.log[log_day] = follow(self.directory, log_day, whole_lines)

    @rule(log_day=days, more=files)
    def a_day_is_closed(self, log_day: date, more: bytes) -> None:
        self.log[log_day] = self.log.get(log_day, b"") + more
        put_day(self.directory, log_day, self.log[log_day])

    @rule(log_day=days)
    def a_day_goes(self, log_day: date) -> None:
        self.log.pop(log_day, None)
        remove_day(self.directory, log_day)

    @rule()
    def update(self) -> None:
        update_model(self.directory, rebuild_share=2)
        assert in_order(published_tables(self.directory)) == in_order(tables(interpret(self.log)))

    def teardown(self) -> None:
        self.update()
        self.folder.cleanup()


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(5, 8, id="short"),
        pytest.param(1000, 15, id="long", marks=pytest.mark.long),
    ],
)
def test_days_that_grow(monkeypatch, examples, steps):
    monkeypatch.setattr("woopra_pipeline.current_day.day_files.MOST_FILES", 20)
    run_state_machine_as_test(
        GrowingDays,
        settings=settings(max_examples=examples, stateful_step_count=steps),
    )


def test_only_what_is_new_is_loaded(tmp_path):
    directory = DataDirectory(tmp_path)
    line = b'{"type":"visit","pid":"%d","actions":[{"name":"pv","time":1}]}\n'

    def update_with(*pids: int) -> ModelUpdate:
        follow(directory, DAY, b"".join(line % pid for pid in pids))
        return update_model(directory, rebuild_share=2)

    first = update_with(*range(100))
    assert (first.added, first.grown, first.touched_pid_count) == ((DAY,), (), 100)
    day = find_parsed_day(directory.parsed, DAY)
    for path in day.folder.glob("*-00001.parquet"):
        path.write_bytes(b"x" * path.stat().st_size)
    second = update_with(7, 7, 1000)
    assert (second.added, second.grown, second.replaced) == ((), (DAY,), ())
    assert second.touched_pid_count == 2
    assert second.row_counts["visits"] == 103
    with connect_published(directory) as connection:
        counts = connection.sql("select visit_count, action_count from profiles where pid = '7'")
        assert counts.fetchall() == [(3, 3)]


def test_few_new_lines_of_a_large_day_are_no_reason_to_build_again(tmp_path):
    directory = DataDirectory(tmp_path)
    follow(directory, DAY, b'{"type":"visit","pid":"a"}\n' * 100)
    assert update_model(directory).method == "rebuild"
    follow(directory, DAY, b'{"type":"visit","pid":"a"}\n')
    assert update_model(directory).method == "days"
    assert update_model(directory).method == "none"
