import dataclasses
import json
import shutil
import subprocess
import sys
from datetime import date

import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.model.database import connect
from woopra_pipeline.model.outstanding import find_outstanding
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import write_manifest
from woopra_pipeline.report.page import write_report
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.parse.archived_files import archive_file


def test_of_an_empty_directory_says_how_to_start(command_line):
    done = command_line("status")
    assert done.returncode == 0
    assert "no log days" in done.stdout
    assert "woopra-pipeline demo" in done.stdout


def test_of_the_demo(demo_line):
    status = json.loads(demo_line("status", "--format", "json").stdout)
    assert len(status["archived"]) == len(status["parsed"]) == len(status["in_model"]) == 28
    assert status["gaps"] == status["to_parse"] == status["to_apply"] == []
    printed = demo_line("status").stdout
    assert "28 log days (2026-01-01 to 2026-01-28)" in printed
    assert f"{status['profiles']:,} profiles" in printed
    for reason in status["rejected_lines"]:
        assert reason in printed


@pytest.fixture
def incomplete(demo_line, tmp_path):
    """What the demo made, with a day missing from each floor."""
    folder = tmp_path / "incomplete"
    shutil.copytree(demo_line.folder, folder, ignore=shutil.ignore_patterns("dagster", "sandbox"))
    shutil.rmtree(folder / "raw" / "2026-01-05")
    shutil.rmtree(folder / "parsed" / "2026-01-07")
    return type(demo_line)(folder)


def test_of_what_is_missing(incomplete):
    status = json.loads(incomplete("status", "--format", "json").stdout)
    assert (status["gaps"], status["not_archived"]) == ([], ["2026-01-05"])
    assert status["to_parse"] == ["2026-01-07"]
    assert status["to_apply"] == ["2026-01-07"]
    printed = incomplete("status").stdout
    assert "Not archived    1 log day (2026-01-05)\n" in printed
    assert "Gaps            none\n" in printed
    assert "Outstanding     2026-01-07: run `woopra-pipeline backfill` for these days" in printed


@pytest.mark.parametrize(
    ("change", "to_parse", "to_apply"),
    [
        pytest.param({}, [], [], id="nothing"),
        pytest.param({"parser_version": 0}, ["2026-01-02"], [], id="parsed by an older version"),
        pytest.param({"fingerprint": "later"}, [], ["2026-01-02"], id="older in the model"),
    ],
)
def test_of_the_work_that_the_sensor_finds_outstanding(
    command_line_here, change, to_parse, to_apply
):
    directory = command_line_here.directory
    archive = Archive(directory.raw)
    for log_day in (date(2026, 1, 1), date(2026, 1, 2)):
        archive_file(archive, log_day, b'{"type":"visit","pid":"a"}\n')
        day = parse_log_day(archive, log_day, directory.parsed, processes=1)
    update_model(directory)
    write_manifest(dataclasses.replace(day, **change))
    status = json.loads(command_line_here("status", "--format", "json").stdout)
    assert (status["to_parse"], status["to_apply"]) == (to_parse, to_apply)
    outstanding = find_outstanding(directory)
    assert list(map(str, outstanding.to_parse)) == to_parse
    assert list(map(str, outstanding.to_apply)) == to_apply
    printed = command_line_here("status").stdout
    assert ("Outstanding     2026-01-02: " in printed) == bool(to_parse or to_apply)


def test_of_a_model_that_was_changed_all_is_outstanding(incomplete):
    with connect(incomplete.directory.published_model) as connection:
        connection.execute("create table theirs (number integer)")
    status = json.loads(incomplete("status", "--format", "json").stdout)
    assert len(status["in_model"]) == 28
    assert status["to_apply"] == sorted({*status["in_model"], *status["parsed"]} - {"2026-01-07"})
    assert "was changed by another program" in status["problems"][0]


def test_of_the_current_day(command_line):
    put_day(command_line.directory, date(2026, 1, 29), b"", is_open=True)
    status = json.loads(command_line("status", "--format", "json").stdout)
    assert status["followed"] == status["parsed"] == ["2026-01-29"]
    assert status["gaps"] == status["to_parse"] == []
    assert (
        "Current day     2026-01-29 so far; fetched as a whole when it is over\n"
        in command_line("status").stdout
    )


def test_the_days_before_the_current_one_may_be_missing(command_line_here):
    directory = command_line_here.directory
    put_day(directory, date(2026, 1, 10), b'{"type":"visit","pid":"a"}\n')
    put_day(directory, date(2026, 1, 29), b"", is_open=True)
    update_model(directory)
    status = json.loads(command_line_here("status", "--format", "json").stdout)
    assert (len(status["gaps"]), status["gaps"][0], status["gaps"][-1]) == (
        18,
        "2026-01-11",
        "2026-01-28",
    )
    assert status["not_archived"] == []
    assert "Gaps            18 log days (2026-01-11 to 2026-01-28)\n" in (
        command_line_here("status").stdout
    )
    assert "18: 2026-01-11 to 2026-01-28" in write_report(directory).path.read_text()


def test_what_is_damaged_is_said_beside_the_rest(incomplete):
    folder = incomplete.folder
    (folder / "raw" / "2026-01-06" / "manifest.json").write_text("{")
    (folder / "parsed" / "2026-01-08" / "manifest.json").write_bytes(b"\xff")
    (folder / "woopra.duckdb").write_bytes(b"no database")
    (folder / "imports" / "ledger.sqlite").write_bytes(b"no ledger" * 1000)
    done = incomplete("status")
    assert done.returncode == 0, done.stderr
    first, *others = [line for line in done.stdout.splitlines()[1:] if "damaged" in line.lower()]
    assert first.startswith("Damaged         The manifest ")
    assert "`woopra-pipeline backfill 2026-01-06 2026-01-06`" in first
    assert "`woopra-pipeline backfill 2026-01-08 2026-01-08`" in others[0]
    assert "woopra.duckdb is damaged: it is not a DuckDB database" in others[1]
    assert "In the model    no log days" in done.stdout
    status = json.loads(incomplete("status", "--format", "json").stdout)
    assert len(status["problems"]) == 4
    assert "put it back from a backup" in status["problems"][3]
    assert status["to_parse"] == ["2026-01-06", "2026-01-07", "2026-01-08"]
    assert status["not_archived"] == ["2026-01-05"]
    assert status["to_apply"] == status["parsed"]


def listing(folder):
    """Mode, size and time of everything below a folder, and of the folder itself."""
    return {
        str(path): (found.st_mode, found.st_size, found.st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
        for found in [path.lstat()]
    }


def test_nothing_is_written_where_nothing_is(command_line):
    folder = command_line.folder / "absent"
    assert type(command_line)(folder)("status").returncode == 0
    assert not folder.exists()
    before = listing(command_line.folder)
    assert command_line("status").returncode == 0
    assert listing(command_line.folder) == before


@pytest.mark.parametrize("options", [[], ["--format", "json"]])
def test_nothing_is_written_beside_what_the_demo_made(demo_line, options):
    before = listing(demo_line.folder)
    done = demo_line("status", *options)
    assert done.returncode == 0, done.stderr
    assert listing(demo_line.folder) == before


def test_nothing_is_written_where_nothing_can_be(demo_line, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(demo_line.folder, folder, ignore=shutil.ignore_patterns("dagster", "sandbox"))
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    done = type(demo_line)(folder)("status")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == demo_line("status").stdout.splitlines()[1:]


@pytest.fixture
def sending(command_line):
    """A ledger in which a process that holds the source is sending a batch of 3 lines."""
    script = """
import sys
from datetime import date
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.batch_files import BatchFile
from woopra_pipeline.imports.journals import PlanHeader
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.sources import Shape

with Ledger(DataDirectory.from_environment(), system_clock) as ledger, ledger.holding("orders"):
    with ledger.transaction():
        file = BatchFile("x", 3, 30)
        plan = PlanHeader("orders", Shape.VISITS, date(2026, 1, 1), "", None)
        ledger.enter_batch(ledger.enter_file(plan, file, is_dry_run=False), file)
    (batch,) = ledger.batches("orders")
    ledger.begin_sending(batch)
    print("sending", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=command_line.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline() == b"sending\n"
        yield process
        process.kill()


def test_an_import_under_way_is_shown_and_not_disturbed(command_line, sending):
    before = listing(command_line.folder)
    assert "Import lines    3 sending\n" in command_line("status").stdout
    assert listing(command_line.folder) == before


def test_an_import_that_was_killed_is_unknown_though_nobody_says_so(command_line, sending):
    sending.kill()
    sending.wait()
    before = listing(command_line.folder)
    assert "Import lines    3 unknown\n" in command_line("status").stdout
    assert listing(command_line.folder) == before


def test_a_journal_is_read_without_its_index(command_line, sending):
    sending.kill()
    sending.wait()
    (command_line.folder / "imports" / "ledger.sqlite-shm").unlink()
    before = listing(command_line.folder)
    assert "Import lines    3 unknown\n" in command_line("status").stdout
    assert listing(command_line.folder) == before
