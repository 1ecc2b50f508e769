import dataclasses
from datetime import date

import pytest

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.parse.miscounts import Miscount, find_miscounts
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import write_manifest
from woopra_pipeline_tests.parse.archived_files import archive_file

DAY = date(2026, 3, 5)
FILE = b'{"type":"visit","pid":"a"}\n\n{"type":"delete","pid":"a"}\nrubbish\n'


@pytest.fixture
def directory(tmp_path):
    directory = DataDirectory(tmp_path)
    archive_file(Archive(directory.raw), DAY, FILE)
    return directory


def parsed(directory):
    return parse_log_day(Archive(directory.raw), DAY, directory.parsed)


def test_every_line_is_accounted_for(directory):
    parsed(directory)
    assert find_miscounts(directory) == []


@pytest.mark.parametrize(
    ("change", "count"),
    [
        pytest.param({"rejected_count": 0}, 3, id="a line is missing"),
        pytest.param({"visit_count": 2}, 5, id="a line counts twice"),
        pytest.param({"line_count": 3, "rejected_count": 0}, 3, id="a line was never seen"),
        pytest.param({"line_count": 5}, 4, id="a line was seen that has no kind"),
    ],
)
def test_a_miscount_is_found(directory, change, count):
    write_manifest(dataclasses.replace(parsed(directory), **change))
    assert find_miscounts(directory) == [Miscount(DAY, 4, count)]


def test_a_day_that_is_to_be_parsed_again_is_left_out(directory):
    write_manifest(dataclasses.replace(parsed(directory), visit_count=2))
    archive_file(Archive(directory.raw), DAY, FILE + FILE)
    assert find_miscounts(directory) == []
