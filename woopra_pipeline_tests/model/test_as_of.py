"""The model as of a log day is what the interpreter had when it stopped at the end of that day."""

import tempfile
from pathlib import Path

from hypothesis import given, settings

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.examples import few_or_many
from woopra_pipeline_tests.generated_logs import days, logs
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.model.published_tables import in_order, read_table

AS_OF_TABLES = ("profiles", "visits", "actions", "pid_aliases")


@few_or_many(8, 200)
def test_as_of_a_log_day(examples):
    @given(logs, days)
    @settings(max_examples=examples)
    def is_what_the_interpreter_had(log, as_of):
        with tempfile.TemporaryDirectory() as folder:
            directory = DataDirectory(Path(folder))
            for log_day, file in log.items():
                put_day(directory, log_day, file)
            update_model(directory)
            until_then = {log_day: file for log_day, file in log.items() if log_day <= as_of}
            expected = tables(interpret(until_then))
            for row in expected["profiles"]:
                del row["is_provisional"]
            with connect_published(directory) as connection:
                found = {
                    name: read_table(connection, f"{name}_as_of(date '{as_of}')")
                    for name in AS_OF_TABLES
                }
            assert in_order(found) == in_order({name: expected[name] for name in AS_OF_TABLES})

    is_what_the_interpreter_had()
