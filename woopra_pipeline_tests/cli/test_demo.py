import re
from pathlib import Path

import pytest


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
