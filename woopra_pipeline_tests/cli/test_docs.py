"""What the docs say is true: every command, table and query of theirs is tried."""

import ast
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from dagster import AssetsDefinition, materialize
from dagster_duckdb import DuckDBResource

import woopra_pipeline
from woopra_pipeline import errors
from woopra_pipeline.cli import COMMANDS
from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.tables import MODEL_TABLES, REPORT_MACROS
from woopra_pipeline.tables.keys import KEYS
from woopra_pipeline.tables.schema_page import COMMAND, schema_page
from woopra_pipeline_tests.cli.conftest import PROGRAM
from woopra_pipeline_tests.model.parsed_files import put_day

DOCS = checkout() / "docs"
README = (checkout() / "README.md").read_text(encoding="utf-8")
RULES = (DOCS / "rules.md").read_text(encoding="utf-8")
AT_THE_TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
MAKEFILE = (checkout() / "Makefile").read_text(encoding="utf-8")
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (*(checkout() / name for name in AT_THE_TOP), *sorted(DOCS.glob("*.md")))
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    assert re.search(rf"^\| `woopra-pipeline {command}\b", PAGES["commands.md"], re.MULTILINE), (
        f"add a row that begins with `woopra-pipeline {command}` to docs/commands.md"
    )


@pytest.mark.parametrize("target", re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
def test_every_target_is_documented(target):
    assert target == "help" or f"`make {target}`" in PAGES["commands.md"]


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_every_table_is_in_the_readme_with_its_key(table):
    row = re.search(rf"^\| `{table.name}` \|.*\| (.*) \|$", README, re.MULTILINE)
    assert row, f"add a row that begins with `{table.name}` to the tables in README.md"
    assert tuple(re.findall(r"`(\w+)`", row[1])) == KEYS[table.name]


def test_every_table_and_column_is_in_the_schema():
    assert PAGES["schema.md"] == schema_page(), f"run {COMMAND}"


@pytest.mark.parametrize(
    "variable",
    sorted(
        {
            variable
            for path in Path(woopra_pipeline.__file__).parent.rglob("*.py")
            for variable in re.findall(r"\bWOOPRA_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
        }
    ),
)
def test_every_variable_is_documented(variable):
    assert re.search(rf"^\|.*`{variable}`", PAGES["settings.md"], re.MULTILINE), (
        f"add a row with `{variable}` to docs/settings.md"
    )


@pytest.mark.parametrize(
    "target",
    sorted({name for page in PAGES.values() for name in re.findall(r"`make ([a-z-]+)`", page)}),
)
def test_every_target_named_exists(target):
    assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE)


def headings(page: str) -> set[str]:
    """The anchors of a page's headings, as they are made on the web."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name):
    folder = checkout() if name in AT_THE_TOP else DOCS
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", PAGES[name])
    for path, _, anchor in ("".join(link).partition("#") for link in links):
        target = (folder / path).resolve() if path else folder / name
        assert target.exists(), path
        if anchor:
            assert anchor in headings(PAGES[target.name]), anchor


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_listed(name):
    path = name if name in AT_THE_TOP else f"docs/{name}"
    assert name == "README.md" or f"({path})" in README


def commands(page: str) -> set[str]:
    """The project's commands that a page's shell blocks and running text name."""
    return set(re.findall(r"(?<!opt/)woopra-pipeline ([a-z]+(?:-[a-z]+)*)", page))


@pytest.mark.parametrize("name", PAGES)
def test_every_command_named_exists(name):
    assert commands(PAGES[name]) <= set(COMMANDS)


@pytest.mark.parametrize("sql", blocks(README, "sql"), ids=["join", "attribution"])
def test_every_query_of_the_readme_returns_rows(demo_line, sql):
    done = demo_line("query", sql, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1


def test_actions_join_the_visit_on_whose_line_they_are(demo_line):
    with connect_published(demo_line.directory) as connection:
        visits = connection.execute("select log_day, log_line, country from visits").fetchall()
        paid = connection.execute(
            "select log_day, log_line, pid from actions where name = 'payment'"
        ).fetchall()
    country_of = {(log_day, log_line): country for log_day, log_line, country in visits}
    payments = Counter(country_of[log_day, log_line] for log_day, log_line, _ in paid)
    pairs = {(country_of[log_day, log_line], pid) for log_day, log_line, pid in paid}
    people = Counter(country for country, _ in pairs)
    done = demo_line("query", blocks(README, "sql")[0], "--format", "json")
    rows = json.loads(done.stdout)
    assert [row["payments"] for row in rows] == sorted(payments.values(), reverse=True)[:5]
    for row in rows:
        country = row["country"]
        assert (row["payments"], row["people"]) == (payments[country], people[country])


def test_people_are_attributed_to_their_first_visit(demo_line):
    with connect_published(demo_line.directory) as connection:
        visits = connection.execute("select pid, started_at, referrer_type from visits").fetchall()
    first: dict[str, tuple[object, str | None]] = {}
    for pid, started_at, referrer_type in sorted(visits, key=lambda visit: visit[1]):
        first.setdefault(pid, (started_at, referrer_type))
    people = Counter(referrer_type for _, referrer_type in first.values())
    assert people[None] > 0
    done = demo_line("query", blocks(README, "sql")[1], "--format", "json")
    assert {row["came_from"]: row["people"] for row in json.loads(done.stdout)} == people


def test_the_numbers_shown_are_those_of_the_demo(demo):
    (shown,) = blocks(README, "text")
    _, done = demo
    printed = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert {" ".join(line.split()) for line in shown.splitlines()} <= printed


def test_the_asset_shown_works(demo_line, tmp_path, monkeypatch):
    (source,) = blocks(PAGES["tools.md"], "python asset")
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


@pytest.mark.parametrize("rule", [f"R{number}" for number in range(1, 12)])
def test_every_rule_is_told(rule):
    assert re.search(rf"^\*\*{rule}, ", RULES, re.MULTILINE)


@pytest.fixture
def beside_data(demo_line, tmp_path, monkeypatch):
    """A working directory with what the demo made in `data/`, as in a checkout."""
    (tmp_path / "data").symlink_to(demo_line.folder)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "sql", [*blocks(PAGES["sql.md"], "sql"), *blocks(PAGES["typed-tables.md"], "sql")]
)
def test_every_query_of_the_pages_on_sql_works(beside_data, sql):
    with duckdb.connect() as connection:
        connection.execute("attach 'data/woopra.duckdb' as woopra (read_only); use woopra")
        rows = connection.execute(sql).fetchall()
        # The demo has so little that no limit leaves anything out.
        assert rows or "column_name is null" in sql


@pytest.mark.parametrize(
    "sql",
    [*blocks(PAGES["reports.md"], "sql attached"), *blocks(PAGES["sql.md"], "sql attached")],
)
def test_an_attached_model_can_be_asked(beside_data, sql):
    with duckdb.connect() as connection:
        assert connection.execute(sql).fetchall()


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("sql", "answer"),
    [*zip(blocks(PAGES["reports.md"], "sql"), blocks(PAGES["reports.md"], "text"), strict=True)],
)
def test_every_answer_of_the_reports_page_is_what_the_demo_says(demo_line, sql, answer):
    done = demo_line("query", sql, COLUMNS="100")
    assert done.returncode == 0, done.stderr
    assert lines(done.stdout) == lines(answer)


@pytest.mark.parametrize("macro", REPORT_MACROS, ids=lambda macro: macro.name)
def test_every_report_is_documented(macro):
    page = PAGES["reports.md"]
    (signature,) = re.findall(rf"^`{macro.name}\((.*?)\)`", page, re.MULTILINE)
    names = [part.split(" := ")[0] for part in signature.split(", ")]
    assert names == [parameter.name for parameter in macro.parameters]
    for parameter in macro.parameters:
        if parameter.default is not None and parameter.name not in ("since", "until", "tz"):
            assert f"{parameter.name} := {parameter.default}" in signature


@pytest.mark.parametrize("source", blocks(PAGES["sql.md"], "python"))
def test_the_python_of_the_sql_page_runs(beside_data, monkeypatch, source):
    monkeypatch.setenv("WOOPRA_DATA_DIR", "data")
    names: dict[str, list[tuple[object, ...]]] = {}
    exec(source, names)
    assert len(names["people"]) > 1000


def test_the_report_of_the_tools_page_runs(beside_data):
    (source,) = blocks(PAGES["tools.md"], "python")
    # pandas and Polars are not installed here; Arrow stands for them.
    names: dict[str, pa.Table] = {}
    exec(re.sub(r"\.(df|pl)\(\)", ".to_arrow_table()", source), names)
    assert names["weeks"].num_rows == 5
    assert names["funnel"].num_rows == 3


def readings() -> list[tuple[str, str]]:
    """The shell blocks that only read what the demo has made."""
    return [
        (name, block)
        for name in ("first-run.md", "sql.md", "tools.md", "troubleshooting.md")
        for block in blocks(PAGES[name], "sh")
        if "woopra-pipeline " in block
    ]


@pytest.mark.parametrize(("name", "block"), readings())
def test_what_is_to_be_typed_works(demo_line, beside_data, name, block):
    done = subprocess.run(
        ["bash", "-euc", block],
        env=demo_line.environment(PATH=f"{Path(PROGRAM).parent}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {
    "UsageError",
    "ClickException",
}


@cache
def messages() -> frozenset[str]:
    """What the package's errors say, with … for what differs."""
    return frozenset(find_messages())


def find_messages() -> Iterator[str]:
    for path in Path(woopra_pipeline.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ERRORS:
                text = node.args[0] if node.args else None
                parts = text.values if isinstance(text, ast.JoinedStr) else [text]
                said = [part.value if isinstance(part, ast.Constant) else "…" for part in parts]
                message = "".join(map(str, said))
                if re.search(r"\w{3}", message):
                    yield message


def told() -> list[str]:
    """The messages that the page on troubleshooting explains."""
    return re.findall(r"^\| `([^`]+)` \|", PAGES["troubleshooting.md"], re.MULTILINE)


def is_told(message: str, excerpt: str) -> bool:
    return bool(re.search(".*".join(map(re.escape, excerpt.split("…"))), message))


@pytest.mark.parametrize("message", sorted(messages()))
def test_every_error_is_explained(message):
    assert any(is_told(message, excerpt) for excerpt in told())


@pytest.mark.parametrize("excerpt", told())
def test_every_error_explained_exists(excerpt):
    assert any(is_told(message, excerpt) for message in messages())
