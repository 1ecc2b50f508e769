"""What is damaged is made again from what it was made of, and nobody has to remove anything."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import date

import msgspec
import pytest

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, DatabaseDamagedError, DatabaseHeldError
from woopra_pipeline.files import remove
from woopra_pipeline.model.database import connect, connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import find_parsed_day
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.model.published_tables import in_order, published_tables
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.shared_folders import shared_folder

FIRST, SECOND, THIRD = date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 7)
FILE = b"".join(
    b'{"type":"visit","pid":"p%d","actions":[{"name":"view","time":1772700000000}]}\n' % number
    for number in range(500)
)


@pytest.fixture
def directory(tmp_path, tmp_path_factory):
    """Three days, two of them in the model."""
    made = shared_folder(tmp_path_factory, "model-damaged", make_three_days)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return DataDirectory(tmp_path)


def make_three_days(folder):
    directory = DataDirectory(folder)
    archive = Archive(directory.raw)
    for log_day in (FIRST, SECOND):
        archive_file(archive, log_day, FILE)
        parse_log_day(archive, log_day, directory.parsed)
    update_model(directory)
    archive_file(archive, THIRD, FILE)
    parse_log_day(archive, THIRD, directory.parsed)


def empty(path):
    path.write_bytes(b"")


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def cut_to_a_header(path):
    os.truncate(path, 100)


def overwrite(path):
    path.write_bytes(b"this was a database once" * 1000)


def put_sqlite(path):
    path.write_bytes(b"SQLite format 3\0" + bytes(4080))


def scramble(path):
    """Change bytes in every block behind the three headers."""
    with path.open("r+b") as file:
        for place in range(12288 + 100, path.stat().st_size, 65536):
            file.seek(place)
            file.write(b"damaged!")


def replace_by_another(path):
    path.unlink()
    with connect(path) as connection:
        connection.execute("create schema log")
        connection.execute("create table log.state (something integer)")


DAMAGES = [empty, cut, cut_to_a_header, overwrite, put_sqlite, scramble, replace_by_another]


def days_in(directory):
    with connect_published(directory) as connection:
        rows = connection.execute("select log_day from log_days order by 1").fetchall()
    return [log_day for (log_day,) in rows]


@pytest.mark.parametrize("log_days", [[FIRST, SECOND, THIRD], [FIRST, SECOND]])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_published_file_is_published_over(directory, damage, log_days):
    for log_day in {FIRST, SECOND, THIRD} - set(log_days):
        remove(directory.parsed / str(log_day))
    damage(directory.published_model)
    assert update_model(directory).published
    assert days_in(directory) == log_days
    assert not update_model(directory).published


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_build_file_is_built_again_and_said(directory, damage):
    build = directory.model / "build.duckdb"
    damage(build)
    notices = []
    update = update_model(directory, notify=notices.append)
    assert update.method == "rebuild"
    if damage is not replace_by_another:
        assert "the build of the model is damaged and is made again" in notices[0]
    assert days_in(directory) == [FIRST, SECOND, THIRD]
    content = in_order(published_tables(directory))
    remove(directory.model)
    update_model(directory)
    assert in_order(published_tables(directory)) == content


def test_what_was_to_be_written_into_an_earlier_build_is_not_written_into_a_new_one(directory):
    build = directory.model / "build.duckdb"
    overwrite(build)
    build.with_name("build.duckdb.wal").write_bytes(b"not of this file")
    directory.published_model.with_name("woopra.duckdb.wal").write_bytes(b"nor of this")
    update_model(directory)
    assert days_in(directory) == [FIRST, SECOND, THIRD]
    assert update_model(directory).method == "none"


def test_a_damaged_published_file_is_an_error_that_says_what_to_do(directory):
    overwrite(directory.published_model)
    with (
        pytest.raises(DatabaseDamagedError, match="run `woopra-pipeline backfill FROM TO`"),
        connect_published(directory),
    ):
        pass


@contextmanager
def held_open(path):
    """Another process that has a database open for writing; yields its number."""
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_published_file_that_a_client_holds_is_published_over(directory):
    with held_open(directory.published_model) as process:
        with (
            pytest.raises(DatabaseHeldError, match=f"held open by process {process} "),
            connect_published(directory),
        ):
            pass
        assert update_model(directory).published
        assert days_in(directory) == [FIRST, SECOND, THIRD]


def test_a_build_file_that_a_client_holds_is_left_alone_and_said(directory):
    build = directory.model / "build.duckdb"
    with (
        held_open(build) as process,
        pytest.raises(DatabaseHeldError, match=f"held open by process {process} "),
    ):
        update_model(directory)
    assert days_in(directory) == [FIRST, SECOND]
    update_model(directory)
    assert days_in(directory) == [FIRST, SECOND, THIRD]


def change_a_byte(directory, log_day):
    """Change a Parquet file of a day, but not its size."""
    day = find_parsed_day(directory.parsed, log_day)
    path = day.folder / "visits_log-00000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    return path, bytes(content)


def test_parquet_with_wrong_bytes_is_parsed_again_by_a_backfill(directory):
    path, damaged = change_a_byte(directory, SECOND)
    parse_log_day(Archive(directory.raw), SECOND, directory.parsed)
    assert path.read_bytes() != damaged
    find_parsed_day(directory.parsed, SECOND).verify()


@pytest.mark.parametrize("is_new", [True, False], ids=["for a day", "for all days"])
def test_parquet_with_wrong_bytes_is_parsed_again_before_it_is_loaded(directory, is_new):
    update_model(directory)
    content = in_order(published_tables(directory))
    if is_new:
        remove(directory.parsed / str(THIRD))
        update_model(directory)
        parse_log_day(Archive(directory.raw), THIRD, directory.parsed)
    else:
        remove(directory.model)
    path, damaged = change_a_byte(directory, THIRD)
    notices = []
    update_model(directory, notify=notices.append)
    assert f"{THIRD} is parsed again from the archive" in notices[0]
    assert path.read_bytes() != damaged
    assert in_order(published_tables(directory)) == content


def forget_checksums(directory, log_day):
    """Make a day one of version 0.1."""
    path = directory.parsed / str(log_day) / "manifest.json"
    manifest = msgspec.json.decode(path.read_bytes())
    del manifest["checksums"], manifest["is_open"]
    path.write_bytes(msgspec.json.encode(manifest))


def test_a_day_that_version_0_1_parsed_is_taken_as_it_is(directory):
    forget_checksums(directory, THIRD)
    notices = []
    update_model(directory, notify=notices.append)
    assert days_in(directory) == [FIRST, SECOND, THIRD]
    assert not any("parsed again" in notice for notice in notices)


def test_and_parsed_again_if_it_cannot_be_read(directory):
    forget_checksums(directory, THIRD)
    path = find_parsed_day(directory.parsed, THIRD).folder / "visits_log-00000.parquet"
    path.write_bytes(bytes(path.stat().st_size))
    update_model(directory)
    assert days_in(directory) == [FIRST, SECOND, THIRD]
    assert find_parsed_day(directory.parsed, THIRD).checksums


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"log_day":"2026-01-01"}'])
def test_a_damaged_manifest_of_a_parsed_day_is_made_again(directory, content):
    path = directory.parsed / str(SECOND) / "manifest.json"
    path.write_bytes(content)
    update_model(directory)
    assert days_in(directory) == [FIRST, SECOND, THIRD]
    find_parsed_day(directory.parsed, SECOND).verify()


def test_a_damaged_day_that_is_not_archived_is_an_error_and_costs_nothing(directory):
    change_a_byte(directory, THIRD)
    remove(directory.raw / str(THIRD))
    with pytest.raises(ArchiveError, match=f"backfill {THIRD} {THIRD}"):
        update_model(directory)
    assert days_in(directory) == [FIRST, SECOND]


def test_a_damaged_current_day_is_left_out_until_it_is_followed_again(directory):
    put_day(directory, date(2026, 3, 8), FILE, is_open=True)
    folder = find_parsed_day(directory.parsed, date(2026, 3, 8)).folder
    folder.rename(folder.with_name("open-0123456789abcdef"))
    notices = []
    update_model(directory, notify=notices.append)
    assert "2026-03-08 was followed so far and is damaged" in notices[0]
    assert days_in(directory) == [FIRST, SECOND, THIRD]
