"""The model is the same wherever the data directory is."""

from datetime import date

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.model.published_tables import in_order, published_tables

DAYS = {
    date(2026, 3, 5): b'{"type":"visit","pid":"a","time":1772740800000,'
    b'"actions":[{"name":"x","time":1772740800000}],"visitor":{"email":"a@x.com"}}\n',
    date(2026, 3, 6): b'{"type":"visit","pid":"b","time":1772827200000,"actions":[]}\n'
    b'{"type":"delete","pid":"a","new_id":"b"}\nnothing\n',
}


@pytest.mark.parametrize(
    "name",
    [
        "env=prod",
        "log_day=2026-01-01/pid=z",
        "[x]*, {y} and **",
        'it\'s "quoted"; 100%',
        "back\\slash",
        "käse\n🧀",
    ],
)
def test_the_model_depends_on_no_path(tmp_path, name):
    plain, other = DataDirectory(tmp_path / "plain"), DataDirectory(tmp_path / name)
    for directory in (plain, other):
        for log_day, file in DAYS.items():
            put_day(directory, log_day, file)
            update_model(directory)
    tables = published_tables(plain)
    assert [row["log_day"] for row in tables["log_days"]] == list(DAYS)
    assert in_order(published_tables(other)) == in_order(tables)
