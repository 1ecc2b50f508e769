"""R1 to R5 and R7: whatever days come, in whatever order, the tables are the interpreter's."""

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.examples import few_or_many
from woopra_pipeline_tests.generated_logs import days, files, logs
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.parsed_files import put_day, remove_day
from woopra_pipeline_tests.model.published_tables import in_order, published_tables


@few_or_many(8, 200)
def test_all_days_at_once(examples):
    @given(logs)
    @settings(max_examples=examples)
    def equals_the_interpreter(log):
        with tempfile.TemporaryDirectory() as folder:
            directory = DataDirectory(Path(folder))
            for log_day, file in log.items():
                put_day(directory, log_day, file)
            update_model(directory)
            assert in_order(published_tables(directory)) == in_order(tables(interpret(log)))

    equals_the_interpreter()


class ArrivingDays(RuleBasedStateMachine):
    """Days come, come again with other content, and go, and the model is updated in between.

    `rebuild_share` decides between the two ways to apply a difference: small logs would otherwise
    be built again every time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.directory = DataDirectory(Path(self.folder.name))
        self.log: dict[date, bytes] = {}

    @rule(changes=st.dictionaries(days, st.one_of(files, files, st.none()), min_size=1))
    def update(self, changes: dict[date, bytes | None]) -> None:
        for log_day, file in changes.items():
            if file is None:
                self.log.pop(log_day, None)
                remove_day(self.directory, log_day)
            else:
                self.log[log_day] = file
                put_day(self.directory, log_day, file)
        update_model(self.directory, rebuild_share=2)
        assert in_order(published_tables(self.directory)) == in_order(tables(interpret(self.log)))

    @rule(log_day=days)
    def update_after_the_same_day_came_again(self, log_day: date) -> None:
        if log_day in self.log:
            put_day(self.directory, log_day, self.log[log_day])
        update = update_model(self.directory, rebuild_share=2)
        assert not self.log or (update.method, update.published) == ("none", False)

    def teardown(self) -> None:
        self.folder.cleanup()


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(10, 5, id="short"),
        pytest.param(1000, 10, id="long", marks=pytest.mark.long),
    ],
)
def test_days_in_any_order_and_grouping(examples, steps):
    run_state_machine_as_test(
        ArrivingDays,
        settings=settings(max_examples=examples, stateful_step_count=steps),
    )
