"""A verdict that cannot fail is none: whatever is put wrong by hand is noticed."""

import hashlib
import random
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.archive.days import ArchivedDay
from woopra_pipeline.archive.staging import StagedFile
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.storm.processes import Command, Ended
from woopra_pipeline_tests.storm.sources import Sources
from woopra_pipeline_tests.storm.verdict import (
    UNEXPECTED,
    files_with_secrets,
    leftovers,
    secrets_of,
    wrong_archive,
    wrong_imports,
    wrong_outputs,
    wrong_status,
    wrong_tables,
    wrong_tables_as_of,
)
from woopra_pipeline_tests.storm.worlds import GeneratedWorld, export_line

SECRET = "s3cr3t-17"
SOURCES = Sources(visit_count=9, event_count=4, profile_count=2, noon=1_709_928_000_000)


@pytest.fixture(scope="module")
def files() -> dict[date, bytes]:
    world = GeneratedWorld(random.Random(5), 4)
    world.end()
    return {log_day: world.file(log_day) or b"" for log_day in world.days}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, files: dict[date, bytes]) -> DataDirectory:
    """Everything as it should be."""
    directory = DataDirectory(tmp_path_factory.mktemp("made") / "data")
    for log_day, file in files.items():
        put_day(directory, log_day, file)
        put_archived(directory, log_day, file)
    update_model(directory)
    return directory


@pytest.fixture
def directory(tmp_path: Path, made: DataDirectory) -> DataDirectory:
    """The same, to be spoiled by one test."""
    shutil.copytree(made.root, tmp_path / "data")
    return DataDirectory(tmp_path / "data")


def put_archived(directory: DataDirectory, log_day: date, file: bytes) -> None:
    archive = Archive(directory.raw)
    with StagedFile(archive.day_folder(log_day)) as staged:
        staged.write([file])
        path = archive.file_path(log_day, staged.sha256)
        path.write_bytes(staged.path.read_bytes())
    sha256 = hashlib.sha256(file).hexdigest()
    now = datetime(2024, 4, 1, tzinfo=UTC)
    size = path.stat().st_size
    archive.write_manifest(
        ArchivedDay(log_day, path, sha256, len(file), staged.line_count, size, now, 200, {})
    )


def test_what_is_right_is_found_right(directory, files):
    assert not list(wrong_tables(directory, files))
    assert not list(wrong_tables_as_of(directory, files, min(files)))
    assert not list(wrong_archive(directory, files, {}))
    assert not list(leftovers(directory))
    assert not list(files_with_secrets(directory.root, SECRET))


@pytest.mark.parametrize(
    "statement",
    [
        "update log.actions set name = 'another' where voided_by is null",
        "delete from log.actions where voided_by is null",
        "update log.merges set canonical_pid = 'somebody'",
        "delete from log.days where log_day = (select max(log_day) from log.days)",
    ],
)
def test_a_changed_row_is_noticed(directory, files, statement):
    with duckdb.connect(directory.published_model) as connection:
        connection.execute(statement)
    assert list(wrong_tables(directory, files))


def test_a_changed_row_of_the_past_is_noticed(directory, files):
    with duckdb.connect(directory.published_model) as connection:
        connection.execute("update log.lines set pid = pid || '!'")
    assert list(wrong_tables_as_of(directory, files, min(files)))


def test_a_model_without_a_day_is_noticed(directory, files):
    more = {**files, date(2024, 4, 1): b'{"type":"visit","pid":"A"}\n'}
    assert list(wrong_tables(directory, more))


def test_a_model_that_cannot_be_read_is_noticed(directory, files):
    directory.published_model.write_bytes(b"no database")
    assert list(wrong_tables(directory, files))


def test_a_file_the_server_never_had_is_noticed(directory, files):
    log_day = min(files)
    put_archived(directory, log_day, files[log_day] + b"{}\n")
    assert len(list(wrong_archive(directory, files, {}))) == 2
    versions = {log_day: {files[log_day] + b"{}\n"}}
    (problem,) = wrong_archive(directory, files, versions)
    assert "is not the last one" in problem


def test_a_day_that_is_not_archived_is_noticed(directory, files):
    Archive(directory.raw).get(min(files)).path.unlink()
    assert list(wrong_archive(directory, files, {}))


def taken_lines() -> list[str]:
    visits = [
        f'{{"visitor":{{"email":"visitor {i}"}},"actions":[{{"name":"order","time":'
        f"{SOURCES.noon + i}}}]}}"
        for i in range(9)
        if i != 7
    ]
    events = [
        f'{{"visitor":{{"email":"buyer {i}"}},"actions":[{{"name":"order {i}","time":'
        f"{SOURCES.noon}}}]}}"
        for i in range(4)
    ]
    return [*visits, *events, *(f'{{"visitor":{{"email":"member {i}"}}}}' for i in range(2))]


def test_lines_that_are_there_once_are_right():
    assert not list(wrong_imports(taken_lines(), SOURCES))
    assert not list(wrong_imports([*taken_lines(), taken_lines()[-1]], SOURCES))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lines: [*lines, lines[0]], "more than once"),
        (lambda lines: lines[1:], "never imported"),
        (lambda lines: lines[:-1], "never updated"),
    ],
)
def test_lines_that_are_there_twice_or_not_are_noticed(
    spoil: Callable[[list[str]], list[str]], words: str
) -> None:
    (problem,) = wrong_imports(spoil(taken_lines()), SOURCES)
    assert words in problem


def test_taken_lines_are_log_lines():
    assert b'"type":"visit"' in export_line(taken_lines()[0])
    assert b'"type":"identify"' in export_line(taken_lines()[-1])


def ended(exit_code: int | None, stderr: str = "", stdout: str = "") -> Ended:
    return Ended(Command(("status",)), exit_code, stdout, stderr, was_killed=exit_code == -9)


@pytest.mark.parametrize(
    "process",
    [
        pytest.param(ended(None), id="hung"),
        pytest.param(ended(1, "Traceback (most recent call last):"), id="traceback"),
        pytest.param(ended(1, f"Error: KeyError: 7 ({UNEXPECTED} to see where)"), id="unforeseen"),
        pytest.param(ended(1), id="no word"),
        pytest.param(ended(-11), id="crashed"),
        *(
            pytest.param(ended(0, stdout=secret.decode()), id="a secret")
            for secret in secrets_of(SECRET)
        ),
    ],
)
def test_a_process_that_ends_wrong_is_noticed(process):
    assert len(list(wrong_outputs([process], SECRET))) == 1


def test_a_process_that_ends_well_or_was_killed_or_says_why_is_right():
    processes = [ended(0, "fetching"), ended(-9), ended(1, "Error: the disk is full")]
    assert not list(wrong_outputs(processes, SECRET))


@pytest.mark.parametrize(
    "name",
    [
        "raw/2024-03-08/.tmp-17",
        "raw/2024-03-08/0123456789abcdef.jsonl.zst",
        "parsed/2024-03-08/0123456789abcdef/visits_log-00000.parquet",
        "model/build-new.duckdb",
        "model/snapshot.duckdb",
        "model/lock.holder.json",
        "imports/batches/visits/2024-03-08/0123/00000.jsonl.zst",
        "imports/spill/rows",
        "dagster/executing/0123",
        ".tmp-woopra.duckdb",
    ],
)
def test_what_is_left_behind_is_noticed(directory, name):
    path = directory.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    (problem,) = leftovers(directory)
    assert name in problem


def test_files_of_a_manifest_that_was_removed_are_not_left_behind(directory):
    manifest = min(directory.raw.glob("*/manifest.json"))
    manifest.unlink()
    assert len(list(leftovers(directory))) == 1
    assert not list(leftovers(directory, but_for={manifest.parent}))


def test_a_secret_in_a_file_is_noticed(directory):
    for number, secret in enumerate(secrets_of(SECRET)):
        (directory.model / f"note-{number}").write_bytes(b"key: " + secret)
    assert len(list(files_with_secrets(directory.root, SECRET))) == 2


STATUS: dict[str, object] = {
    "archived": ["2024-03-08"],
    "parsed": ["2024-03-08"],
    "in_model": ["2024-03-08"],
    "gaps": [],
    "to_parse": [],
    "to_apply": [],
    "followed": [],
    "imports": {"accepted": 4, "rejected": 1},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"in_model": []},
        {"to_parse": ["2024-03-08"]},
        {"imports": {"accepted": 4, "rejected": 2}},
        {"imports": {"accepted": 4, "rejected": 1, "unknown": 1}},
    ],
)
def test_a_status_that_says_otherwise_is_noticed(wrong):
    log_days = [date(2024, 3, 8)]
    assert not list(wrong_status(STATUS, log_days, SOURCES))
    assert list(wrong_status(STATUS | wrong, log_days, SOURCES))
