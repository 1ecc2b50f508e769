import json
import shutil
from datetime import date

import pytest

from woopra_pipeline_tests.model.parsed_files import put_day


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
    assert status["gaps"] == ["2026-01-05"]
    assert status["to_parse"] == ["2026-01-07"]
    assert status["to_apply"] == ["2026-01-07"]
    printed = incomplete("status").stdout
    assert "Gaps            2026-01-05\n" in printed
    assert "Behind          2026-01-07: run `woopra-pipeline backfill` for these days" in printed


def test_of_a_day_that_is_followed(command_line):
    put_day(command_line.directory, date(2026, 1, 29), b"", is_open=True)
    status = json.loads(command_line("status", "--format", "json").stdout)
    assert status["followed"] == status["parsed"] == ["2026-01-29"]
    assert status["gaps"] == status["to_parse"] == []
    assert "Followed        2026-01-29, to be fetched when over\n" in command_line("status").stdout


def test_of_damage_is_an_error_that_says_what_to_do(incomplete):
    (incomplete.folder / "raw" / "2026-01-06" / "manifest.json").write_text("{")
    failed = incomplete("status")
    assert failed.returncode == 1
    assert "woopra-pipeline backfill 2026-01-06 2026-01-06" in failed.stderr
