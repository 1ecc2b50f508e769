"""What is left to do is read from the files alone."""

import dataclasses
import os
import shutil
from datetime import date

import pytest

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline.model.database import connect
from woopra_pipeline.model.outstanding import GONE, Outstanding, find_outstanding
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import find_parsed_day, write_manifest
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.shared_folders import shared_folder

FIRST, SECOND = date(2026, 3, 5), date(2026, 3, 6)
FILE = b'{"type":"visit","pid":"a"}\n'


@pytest.fixture
def directory(tmp_path, tmp_path_factory):
    """Two days, all the way in the model."""
    made = shared_folder(tmp_path_factory, "model-outstanding", make_two_days)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return DataDirectory(tmp_path)


def make_two_days(folder):
    directory = DataDirectory(folder)
    archive = Archive(directory.raw)
    for log_day in (FIRST, SECOND):
        archive_file(archive, log_day, FILE)
        parse_log_day(archive, log_day, directory.parsed)
    update_model(directory)


def fetch_again(directory):
    archive_file(Archive(directory.raw), SECOND, FILE + FILE)


def parse_again(directory):
    fetch_again(directory)
    parse_log_day(Archive(directory.raw), SECOND, directory.parsed)


def parse_as_before(directory):
    day = find_parsed_day(directory.parsed, SECOND)
    write_manifest(dataclasses.replace(day, parser_version=0))


def make_the_model_older(directory):
    day = find_parsed_day(directory.parsed, SECOND)
    write_manifest(dataclasses.replace(day, fingerprint="later"))


def change_schema(directory):
    with connect(directory.published_model) as connection:
        connection.execute("update log.state set schema_version = 0")


def cut_the_model(directory):
    os.truncate(directory.published_model, directory.published_model.stat().st_size // 2)


def put_another_model(directory):
    (directory.model / "published.json").unlink()
    directory.published_model.unlink()
    with connect(directory.published_model) as connection:
        connection.execute("create table foreign_table (number integer)")


@pytest.mark.parametrize(
    ("change", "to_parse", "to_apply"),
    [
        pytest.param(lambda directory: None, [], [], id="nothing"),
        pytest.param(fetch_again, [SECOND], [], id="fetched again with other content"),
        pytest.param(parse_again, [], [SECOND], id="and parsed"),
        pytest.param(parse_as_before, [SECOND], [], id="parsed by another version"),
        pytest.param(make_the_model_older, [], [SECOND], id="older in the model"),
        pytest.param(
            lambda directory: (directory.parsed / str(SECOND) / "manifest.json").write_text("{"),
            [SECOND],
            [SECOND],
            id="parsed day damaged",
        ),
        pytest.param(
            lambda directory: (directory.raw / str(SECOND) / "manifest.json").write_text("{"),
            [SECOND],
            [],
            id="manifest of an archived day damaged",
        ),
        pytest.param(
            lambda directory: directory.published_model.unlink(),
            [],
            [FIRST, SECOND],
            id="no model",
        ),
        pytest.param(
            lambda directory: directory.published_model.write_bytes(b""),
            [],
            [FIRST, SECOND],
            id="model empty",
        ),
        pytest.param(cut_the_model, [], [FIRST, SECOND], id="model cut off"),
        pytest.param(put_another_model, [], [FIRST, SECOND], id="another database in its place"),
        pytest.param(change_schema, [], [FIRST, SECOND], id="model of another version"),
    ],
)
def test_what_is_outstanding(directory, change, to_parse, to_apply):
    change(directory)
    outstanding = find_outstanding(directory)
    assert sorted(outstanding.to_parse) == to_parse
    assert sorted(outstanding.to_apply) == to_apply


def test_a_day_that_was_removed_is_to_be_taken_out(directory):
    for folder in (directory.raw, directory.parsed):
        remove(folder / str(SECOND))
    assert find_outstanding(directory) == Outstanding({}, {SECOND: GONE})


def test_nothing_is_there_at_first(tmp_path):
    assert find_outstanding(DataDirectory(tmp_path)) == Outstanding({}, {})
