"""`woopra-pipeline import`, as the docs tell it and as users meet it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from woopra_pipeline.data_directory import checkout
from woopra_pipeline.tables import IMPORT_TABLES
from woopra_pipeline_tests.cli.conftest import CommandLine, CommandLineHere
from woopra_pipeline_tests.cli.program import forked_for_shells

DOCS = (checkout() / "docs" / "imports.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```sh\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
DAY = "2026-01-28"


@pytest.fixture
def copied_demo(demo_line: CommandLine, tmp_path: Path) -> CommandLine:
    """A copy of what the demo made, to import from."""
    shutil.copytree(demo_line.folder, tmp_path / "data")
    return CommandLineHere(tmp_path / "data")


def source(command_line: CommandLine, name: str, sql: str) -> None:
    folder = command_line.folder / "imports" / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(sql)


def test_the_docs_can_be_followed_literally(copied_demo, tmp_path, tmp_path_factory):
    outputs = []
    with forked_for_shells(tmp_path_factory.mktemp("programs")) as path:
        for script in SCRIPTS:
            done = subprocess.run(
                ["bash", "-e", "-c", script],
                env=copied_demo.environment(PATH=path, HOME=str(tmp_path)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=240,
            )
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout)
    first, orders, move = outputs
    assert first.count("Nothing was sent. To see what would be sent: woopra-pipeline query ") == 1
    assert first.count("crm_properties: 1 accepted for 2026-01-28") == 2
    assert "ada@example.com" in first
    assert "orders: 1 accepted for 2026-01-28" in orders
    assert re.search(r"^move_visits: [\d,]+ accepted", move, re.MULTILINE)
    status = copied_demo("status")
    assert re.search(r"^Import lines +[\d,]+ accepted", status.stdout, re.MULTILINE)
    listed = copied_demo("import", "--list").stdout
    assert "Orders of a shop's data warehouse" in listed


def test_a_dry_run_says_where_its_lines_are(command_line, command_line_here):
    sql = "select {'email': unnest(['ada@example.com', '']), 'plan': 'pro'} as visitor"
    source(command_line, "one", sql)
    tried = command_line("import", "one", "--day", DAY, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "one: 2 rows, 1 set aside (" in tried.stderr
    (query,) = re.findall(r'query "(.+)"$', tried.stdout, re.MULTILINE)
    shown = command_line_here("query", query, "--format", "csv").stdout
    assert '""email"":""ada@example.com""' in shown


def test_what_was_not_imported_has_a_reason(command_line, command_line_here):
    source(command_line, "one", "select {'email': unnest(['ada@example.com', ''])} as visitor")
    for _ in range(2):
        done = command_line("import", "one", "--day", DAY)
        assert done.returncode == 0, done.stderr
    assert "one: 2 rows, 1 sent before, 1 set aside (" in done.stderr
    (query,) = re.findall(r'which lines: woopra-pipeline query "(.+)"$', done.stdout, re.MULTILINE)
    [row] = json.loads(command_line_here("query", query, "--format", "json").stdout)
    assert row["state"] == "rejected"
    assert row["reason"]


@pytest.mark.parametrize("table", IMPORT_TABLES, ids=lambda table: table.name)
def test_every_table_and_column_is_documented(table):
    row = re.search(rf"^\| `{table.name}` \|.*$", DOCS, re.MULTILINE)
    assert row
    assert set(table.column_names) <= set(re.findall(r"`(\w+)`", row[0]))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["import"], "Say what to do: --day DAY", id="nothing to do"),
        pytest.param(["import", "--list", "--verify"], "Say what to do", id="two things to do"),
        pytest.param(["import", "--day", "5 March"], "'5 March' is not a log day", id="no day"),
        pytest.param(["import", "--day", "2999-01-01"], "is not over", id="a day to come"),
        pytest.param(["import", "--day", DAY], "There is no import source in", id="no sources"),
        pytest.param(["import", "crm", "--day", DAY], "no import source 'crm'", id="no source"),
        pytest.param(["import", "--example", "x"], "the examples are crm_", id="no example"),
        pytest.param(["import", "--settle", "3"], "--as accepted", id="settled as what"),
        pytest.param(
            ["import", "--settle", "3", "--as", "accepted"], "no import batch 3", id="no batch"
        ),
        pytest.param(["import", "--prove", "3"], "no model yet", id="no model"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(command_line_here, arguments, problem):
    done = command_line_here(*arguments)
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert problem in line


def test_a_source_that_cannot_be_run_is_an_error(command_line):
    source(command_line, "it", "select nothing")
    done = command_line("import", "it", "--day", DAY)
    assert done.returncode == 1
    assert "it.sql cannot be run: Binder Error" in done.stderr


def test_an_import_needs_no_model(command_line, command_line_here):
    source(command_line, "it", "select {'email': 'a'} as visitor")
    done = command_line("import", "--day", DAY)
    assert (done.returncode, done.stdout) == (0, f"it: 1 accepted for {DAY}\n"), done.stderr
    done = command_line_here("query", "select state, line from import_lines", "--format", "csv")
    assert done.stdout.splitlines()[1] == 'accepted,"{""visitor"":{""email"":""a""}}"'
    done = command_line_here("import", "--again", "1")
    assert done.stdout == "Import batch 1 is accepted\n"
    done = command_line_here("import", "--verify")
    assert done.stdout == "No import waits for an answer\n"
    done = command_line_here("import", "--settle", "1", "--as", "planned")
    assert "is accepted: only an unknown one can be settled" in done.stderr
