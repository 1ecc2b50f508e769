"""What the README and the rules say is true: every command, table and query of theirs is tried."""

import re
from datetime import date
from pathlib import Path

import pytest
from dagster import AssetsDefinition, materialize
from dagster_duckdb import DuckDBResource

from woopra_pipeline.cli import COMMANDS
from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.tables import MODEL_TABLES
from woopra_pipeline_tests.model.parsed_files import put_day

README = (checkout() / "README.md").read_text(encoding="utf-8")
RULES = (checkout() / "docs" / "rules.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    assert re.search(rf"^\| `woopra-pipeline {command}\b", README, re.MULTILINE)


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_every_table_and_column_is_documented(table):
    row = re.search(rf"^\| `{table.name}` \|.*$", README, re.MULTILINE)
    assert row
    documented = set(re.findall(r"`(\w+)`", row[0]))
    assert set(table.column_names) <= documented


@pytest.mark.parametrize(
    "variable",
    [
        "WOOPRA_PROJECT",
        "WOOPRA_APP_ID",
        "WOOPRA_SECRET_KEY",
        "WOOPRA_BASE_URL",
        "WOOPRA_DATA_DIR",
        "WOOPRA_START_DATE",
    ],
)
def test_every_variable_is_documented(variable):
    assert re.search(rf"^\|.*`{variable}`", README, re.MULTILINE)


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)`", README))
def test_every_target_named_exists(target):
    makefile = (checkout() / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README), ids=str)
def test_every_file_linked_exists(path):
    assert (checkout() / "".join(path)).is_file()


def test_there_are_five_queries_worth_stealing():
    assert len(blocks(README, "sql")) == 5


@pytest.mark.parametrize("sql", blocks(README, "sql"), ids=range(1, 6))
def test_every_query_returns_rows(demo_line, sql):
    done = demo_line("query", sql, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1


def test_the_numbers_shown_are_those_of_the_demo(demo):
    (shown,) = blocks(README, "text")
    _, done = demo
    printed = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert {" ".join(line.split()) for line in shown.splitlines()} <= printed


def test_the_asset_shown_works(demo_line, tmp_path, monkeypatch):
    (source,) = blocks(README, "python")
    monkeypatch.chdir(tmp_path)
    names: dict[str, AssetsDefinition] = {}
    exec(source, names)
    model = DuckDBResource(
        database=str(demo_line.directory.published_model),
        connection_config={"access_mode": "READ_ONLY"},
    )
    assert materialize([names["customers"]], resources={"duckdb": model}).success
    assert len(Path("customers.csv").read_text().splitlines()) > 1


def test_the_example_of_the_rules_comes_out_as_told(tmp_path):
    directory = DataDirectory(tmp_path)
    for log_day in ("2026-01-01", "2026-01-02"):
        (lines,) = blocks(RULES, f"json {log_day}")
        put_day(directory, date.fromisoformat(log_day), lines.encode())
    update_model(directory)
    queries, answers = blocks(RULES, "sql"), blocks(RULES, "text")
    assert len(queries) == len(answers) > 0
    with connect_published(directory) as connection:
        for sql, answer in zip(queries, answers, strict=True):
            rows = connection.execute(sql).fetchall()
            assert [" | ".join(map(str, row)) for row in rows] == answer.splitlines()


@pytest.mark.parametrize("rule", [f"R{number}" for number in range(1, 10)])
def test_every_rule_is_told(rule):
    assert re.search(rf"^\*\*{rule}, ", RULES, re.MULTILINE)
