"""What is left to do with a day that was followed."""

from datetime import date

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.outstanding import find_outstanding
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline_tests.model.test_growing_days import follow
from woopra_pipeline_tests.parse.archived_files import archive_file

DAY = date(2026, 3, 6)
LINE = b'{"type":"visit","pid":"a"}\n'


def test_a_followed_day_is_applied_step_by_step_and_parsed_once_it_is_archived(tmp_path):
    directory = DataDirectory(tmp_path)
    archive = Archive(directory.raw)

    def outstanding():
        found = find_outstanding(directory)
        return list(found.to_parse), list(found.to_apply)

    follow(directory, DAY, LINE)
    assert outstanding() == ([], [DAY])
    update_model(directory)
    assert outstanding() == ([], [])
    follow(directory, DAY, LINE)
    assert outstanding() == ([], [DAY])
    update_model(directory)
    archive_file(archive, DAY, LINE * 2)
    assert outstanding() == ([DAY], [])
    parse_log_day(archive, DAY, directory.parsed, processes=1)
    assert outstanding() == ([], [DAY])
    update_model(directory)
    assert outstanding() == ([], [])
