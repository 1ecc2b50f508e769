import re
import shutil
from pathlib import Path

import pytest
from dagster import AssetKey

from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline_tests.cli.conftest import CommandLine


def test_says_what_came_out_and_that_it_is_true(demo):
    _, done = demo
    assert done.returncode == 0, done.stderr
    assert "28 log days of the sandbox" in done.stdout
    assert "row by row: every profile" in done.stdout


def test_finds_in_the_log_what_it_has_imported(demo):
    _, done = demo
    assert "2 lines of demo_orders were imported" in done.stdout
    assert "all of its 3 actions are in the log" in done.stdout


def test_writes_the_report(demo):
    command_line, done = demo
    (path,) = re.findall(r"open in a browser: (.+)$", done.stdout, re.MULTILINE)
    assert Path(path) == command_line.directory.reports / "project.html"
    assert "<svg" in Path(path).read_text(encoding="utf-8")


def test_dagster_shows_what_it_did(demo):
    command_line, _ = demo
    with open_instance(command_line.directory) as instance:
        made = {
            asset: instance.fetch_materializations(AssetKey(asset), limit=10).records
            for asset in ("project_report", "import_batches", "import_verification")
        }
        runs = instance.get_runs()
    assert [len(records) for records in made.values()] == [1, 1, 1]
    imported = made["import_batches"][0]
    assert imported.partition_key == "2026-01-28"
    assert imported.asset_materialization.metadata["dagster/partition_row_count"].value == 2
    [verdict] = made["import_verification"][0].asset_materialization.metadata["batches"].records
    assert verdict.data["source"] == "demo_orders"
    assert [(run.job_name, run.tags["user"]) for run in runs] == [("command_line", "command line")]


def test_the_report_can_be_written_again(demo, tmp_path):
    again = CommandLine(tmp_path)
    shutil.copy(demo[0].directory.published_model, again.directory.published_model)
    done = again("report")
    report = again.directory.reports / "project.html"
    assert (done.returncode, done.stdout) == (0, f"{report}\n"), done.stderr
    assert "<svg" in report.read_text(encoding="utf-8")


def test_counts_what_counting_lines_would_get_wrong(demo):
    _, done = demo
    for name in ("people", "visits", "actions"):
        row = re.search(rf"^\s*{name}\s+([\d,]+)\s+([\d,]+)\s*$", done.stdout, re.MULTILINE)
        logged, counted_once = (int(number.replace(",", "")) for number in row.groups())
        assert 0 < counted_once < logged


def test_suggests_commands_that_work(demo):
    command_line, done = demo
    suggested = re.findall(r"^  woopra-pipeline (\w+) (.+)$", done.stdout, re.MULTILINE)
    assert [command for command, _ in suggested] == ["query", "explain", "import"]
    for command, argument in suggested:
        tried = command_line(command, argument.strip('"'))
        assert tried.returncode == 0, tried.stderr
        assert tried.stdout


def test_is_quiet(demo):
    _, done = demo
    assert len(done.stderr.splitlines()) < 12
    assert "dagster" not in done.stderr.lower()


@pytest.mark.long
def test_can_be_run_again(demo):
    command_line, done = demo
    again = command_line("demo")
    assert again.returncode == 0
    assert again.stdout == done.stdout


def test_is_refused_where_it_would_mix_with_a_project(command_line):
    refused = command_line("demo", WOOPRA_PROJECT="shop.example")
    assert refused.returncode == 1
    assert "unset it for the demo" in refused.stderr
    assert not list(command_line.folder.iterdir())
