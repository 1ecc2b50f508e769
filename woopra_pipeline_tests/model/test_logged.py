"""What was ever logged: every action and property, with what voids it and where it counts now."""

from datetime import date

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.woopra.log_days import log_position
from woopra_pipeline_tests.model.parsed_files import put_day

DAY = date(2026, 1, 1)
LOG = b"""\
{"type":"visit","pid":"phone","time":1767290400000,"visitor":{"city":"Graz"},"actions":[{"name":"pv","time":1767290400000}]}
{"type":"delete","pid":"phone","new_id":"laptop"}
{"type":"visit","pid":"laptop","time":1767290400000,"visitor":{"city":"Graz"},"actions":[{"name":"pv","time":1767290400000}]}
{"type":"visit","pid":"gone","time":1767290400000,"visitor":{"city":"Linz"},"actions":[{"name":"order","time":1767290400000}]}
{"type":"delete","pid":"gone","new_id":null}
"""
PLACES = [
    (1, "phone", 2, "laptop"),
    (3, "laptop", None, "laptop"),
    (4, "gone", 5, None),
]
"""The lines, the pids they were logged under, the lines that void them, and the pids of now."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    directory = DataDirectory(tmp_path_factory.mktemp("data"))
    put_day(directory, DAY, LOG)
    update_model(directory)
    with connect_published(directory) as connection:
        yield connection


def places(rows):
    return [
        (
            log_position(DAY, line),
            logged_pid,
            None if voided_by is None else log_position(DAY, voided_by),
            pid,
        )
        for line, logged_pid, voided_by, pid in rows
    ]


@pytest.mark.parametrize(
    ("macro", "column", "values"),
    [
        pytest.param("logged_actions()", "name", ["pv", "pv", "order"], id="actions"),
        pytest.param(
            "logged_properties()", "value ->> '$'", ["Graz", "Graz", "Linz"], id="properties"
        ),
    ],
)
def test_everything_is_there_once(connection, macro, column, values):
    rows = connection.execute(
        f"select log_position, logged_pid, voided_by, pid, {column} from {macro} order by 1"
    ).fetchall()
    assert [row[:4] for row in rows] == places(PLACES)
    assert [row[4] for row in rows] == values
