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


def tables_in(folder):
    """The tables after each of the days has been taken to the model by itself."""
    directory = DataDirectory(folder)
    for log_day, file in DAYS.items():
        put_day(directory, log_day, file)
        update_model(directory)
    return published_tables(directory)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    tables = tables_in(tmp_path_factory.mktemp("plain"))
    assert [row["log_day"] for row in tables["log_days"]] == list(DAYS)
    return tables


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
def test_the_model_depends_on_no_path(tmp_path, plain, name):
    assert in_order(tables_in(tmp_path / name)) == in_order(plain)
