"""Every code block of every page runs, or is at least checked where it cannot run here."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import duckdb
import pyarrow as pa
import pytest
import yaml
from dagster import AssetsDefinition, materialize
from dagster_duckdb import DuckDBResource

from woopra_pipeline import cli
from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.definitions import definitions
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.typed_settings import read_pinned_types
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.cli import test_imports
from woopra_pipeline_tests.cli.pages import BLOCKS, PAGES, Block, blocks
from woopra_pipeline_tests.cli.program import forked_for_shells
from woopra_pipeline_tests.model.parsed_files import put_day

MAKEFILE = (checkout() / "Makefile").read_text(encoding="utf-8")
PROGRAMS = Path(sys.executable).parent

RUN_ELSEWHERE = {"imports.md": test_imports.test_the_docs_can_be_followed_literally}
"""Pages whose shell blocks all run in another test."""

MAKES_ALL = "CI runs it; the tests' demo is the same program"
NEEDS_INSTALLING = "it installs packages"
NEEDS_A_PROJECT = "it needs a project of Woopra, or a day that the sandbox does not have"
NEEDS_THE_MACHINE = "it changes the machine"
SERVES = "it runs until it is interrupted; other tests start it"
TAKES_LONG = "CI runs it; it takes minutes"
IS_TESTED = "the tests of this command run it; it takes seconds"
IS_TESTED_WITH_A_LAKE = "it needs an object store; the tests of the lake run it on one"

ONLY_CHECKED = {
    "README.md: make demo": MAKES_ALL,
    "CONTRIBUTING.md: make install": NEEDS_INSTALLING,
    "CONTRIBUTING.md: make test-fast": TAKES_LONG,
    "CONTRIBUTING.md: .venv/bin/pytest woopra_pipeline_tests/parse/test_lines.py": TAKES_LONG,
    "CONTRIBUTING.md: make storm SEED=17": TAKES_LONG,
    "CONTRIBUTING.md: .venv/bin/ruff check . && .venv/bin/ruff format . && .venv/bin/mypy": (
        TAKES_LONG
    ),
    "backfill.md: woopra-pipeline backfill 2026-01-01 2026-01-28": MAKES_ALL,
    "backfill.md: woopra-pipeline backfill 2026-01-17 2026-01-17": IS_TESTED,
    "backfill.md: woopra-pipeline backfill 2026-01-17 2026-01-17 --accept-shorter": IS_TESTED,
    "backfill.md: dg launch \\": TAKES_LONG,
    "explore.md: make explore": SERVES,
    "explore.md: cp woopra_pipeline/explore/app.py mine.py": NEEDS_INSTALLING,
    "first-run.md: make install": NEEDS_INSTALLING,
    "first-run.md: make ui": SERVES,
    "first-run.md: make explore": SERVES,
    "lake.md: .venv/bin/pip install --constraint constraints.txt '.[lake]'": NEEDS_INSTALLING,
    "lake.md: .venv/bin/pip install --constraint constraints.txt '.[lake,spark]'": NEEDS_INSTALLING,
    "lake.md: woopra-pipeline restore --model": IS_TESTED_WITH_A_LAKE,
    "lake.md: woopra-pipeline lake attach": IS_TESTED_WITH_A_LAKE,
    "lake.md: woopra-pipeline lake check": IS_TESTED_WITH_A_LAKE,
    "lake.md: # on one machine": TAKES_LONG,
    "privacy.md: woopra-pipeline erase --email ada@example.com": NEEDS_A_PROJECT,
    "privacy.md: woopra-pipeline erase --email ada@example.com --yes": NEEDS_A_PROJECT,
    "privacy.md: woopra-pipeline erase --verify --email ada@example.com --id 4711": NEEDS_A_PROJECT,
    "production.md: sudo chgrp -R analysts /srv/woopra": NEEDS_THE_MACHINE,
    "production.md: .venv/bin/pip install --constraint constraints.txt "
    "dagster-postgres==0.29.27 psycopg2-binary": NEEDS_INSTALLING,
    "production.md: sudo useradd --system --home-dir /srv/woopra --create-home woopra": (
        NEEDS_THE_MACHINE
    ),
    "real-project.md: woopra-pipeline backfill 2026-03-05 2026-03-05": NEEDS_A_PROJECT,
    "sandbox.md: woopra-pipeline sandbox --people 2000 --mood any --limits": SERVES,
    "tools.md: pip install 'dbt-core<1.12' dbt-duckdb 'duckdb>=1.5'": NEEDS_INSTALLING,
}
"""The shell blocks that do not run here, and why. What they name must exist all the same."""

MAY_BE_EMPTY = {
    # The demo has so little that no limit leaves anything out, and the service rejects nothing.
    "typed-tables.md: select event, key, value_count",
    "imports.md: select source, reason, count(*)",
}

KINDS = {
    "sh": "test_what_is_to_be_typed_works, or ONLY_CHECKED",
    "sql": "test_every_query_works",
    "sql attached": "test_an_attached_model_can_be_asked",
    "python": "test_the_python_runs",
    "python asset": "test_the_asset_shown_works",
    "yaml": "the tests of the page",
    "json 2026-01-01": "test_the_example_of_the_rules_comes_out_as_told",
    "json 2026-01-02": "test_the_example_of_the_rules_comes_out_as_told",
    "ini": "test_what_is_named_exists",
    "cron": "test_what_is_named_exists",
    "dockerfile": "test_what_is_named_exists",
    "mermaid": "the schema's and the architecture's tests",
    "text": "the tests of the page",
}
"""What runs the blocks of a kind."""

PAGES_OF = {
    "yaml": {"typed-tables.md", "production.md"},
    "mermaid": {"architecture.md", "schema.md"},
    "text": {"README.md", "reports.md", "rules.md", "privacy.md"},
}
"""Kinds that only tests of these pages know."""


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.title)
def test_every_block_is_tested(block):
    assert block.kind in KINDS, f"write a test that runs blocks of {block.kind or 'no kind'}"
    assert block.page in PAGES_OF.get(block.kind, {block.page}), "write a test that looks at it"


def test_what_is_only_checked_is_there():
    assert ONLY_CHECKED.keys() <= {block.title for block in BLOCKS if block.kind == "sh"}
    assert {block.title for block in BLOCKS if block.kind == "sql"} >= MAY_BE_EMPTY


# Shell


def runnable(page: str) -> list[str]:
    """The shell blocks of a page that run here, in order."""
    return [
        block.text
        for block in BLOCKS
        if (block.page, block.kind) == (page, "sh") and block.title not in ONLY_CHECKED
    ]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if runnable(page) and page not in RUN_ELSEWHERE]
)
def test_what_is_to_be_typed_works(demo_line, tmp_path, page):
    shutil.copytree(demo_line.folder, tmp_path / "data")
    (tmp_path / ".venv").symlink_to(PROGRAMS.parent)
    (tmp_path / "docs").mkdir()
    (tmp_path / "programs").mkdir()
    # Each block in a shell of its own, as in a new terminal.
    script = "\n".join(f"(\n{text})" for text in runnable(page))
    with forked_for_shells(tmp_path / "programs") as path:
        done = subprocess.run(
            ["bash", "-euc", script],
            env=demo_line.environment(
                PATH=path, HOME=str(tmp_path), WOOPRA_DATA_DIR=str(tmp_path / "data")
            ),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert done.returncode == 0, done.stderr


def named_commands(page: str) -> Iterator[list[str]]:
    """The words behind `woopra-pipeline`, in blocks and in running text."""
    text = PAGES[page].replace("\\\n", " ")
    for line in re.findall(r"(?:(?<![\w/-])|(?<=bin/))woopra-pipeline ([^\n;&|`]+)", text):
        try:
            yield shlex.split(line, comments=True)
        except ValueError:
            yield line.split()


def problem(words: list[str]) -> str | None:
    """What of a command line does not exist."""
    command: click.Command = cli.group
    for word in words:
        option = word.partition("=")[0]
        known = {name for of in command.params for name in (*of.opts, *of.secondary_opts)}
        if option.startswith("--") and option.strip("-"):
            if option not in known | {"--help"} and command.name != "ui":
                return f"{command.name} has no option {option}"
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return f"there is no command {word}"
            command = found
    return None


def test_a_command_that_does_not_exist_is_noticed():
    assert problem(["lake", "update"]) is None
    assert problem(["lake", "mend"]) == "there is no command mend"
    assert problem(["backfill", "2026-01-01", "--fast"]) == "backfill has no option --fast"


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_exists(page):
    text = PAGES[page]
    # Prose such as "woopra-pipeline is" names no command.
    problems = [problem(words) for words in named_commands(page) if words[0] not in {"is", "or"}]
    assert [found for found in problems if found] == []
    for target, variable in re.findall(
        r"(?:^|\s)make (?:-C \S+ )?([a-z-]+)(?: ([A-Z]+)=)?", "\n".join(code(text))
    ):
        assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE), target
        assert variable in MAKEFILE
    modules = r"python -m ((?:woopra_pipeline|benchmarks)(?:\.[a-z_]+)*)([^`\n]*)"
    for module, arguments in re.findall(modules, text):
        source = Path(source_of(module)).read_text(encoding="utf-8")
        for option in re.findall(r"--[a-z-]+", arguments):
            assert f'"{option}"' in source, f"{module} has no option {option}"
    for program in re.findall(r"\.venv/bin/([\w-]+)", text):
        # The extra `explore` brings marimo.
        assert (PROGRAMS / program).exists() or program == "marimo", program
    groups = {spec.group_name for spec in definitions.resolve_all_asset_specs()}
    assert set(re.findall(r"\bgroup:\"?(\w+)", text)) <= groups
    known = set(re.findall(r"`(WOOPRA_[A-Z_]+)`", PAGES["settings.md"]))
    assert set(re.findall(r"\bWOOPRA_[A-Z_]*[A-Z]\b", text)) <= known


def source_of(module: str) -> str:
    """The file that `python -m` runs for a module or a package."""
    found = importlib.util.find_spec(module)
    assert found, f"there is no module {module}"
    if found.submodule_search_locations:
        found = importlib.util.find_spec(f"{module}.__main__")
    assert found, f"{module} cannot be run"
    return str(found.origin)


def code(text: str) -> Iterator[str]:
    """What a reader types: code blocks, and texts between backquotes that begin with make."""
    parts = re.split(r"^```.*$", text, flags=re.MULTILINE)
    yield from parts[1::2]
    for prose in parts[::2]:
        yield from re.findall(r"`(make [^`]+)`", prose)


# SQL

WITH_ANSWERS = {"rules.md", "reports.md"}


def queries() -> list[Block]:
    return [block for block in BLOCKS if block.kind == "sql" and block.page not in WITH_ANSWERS]


@pytest.mark.parametrize("block", queries(), ids=lambda block: block.title)
def test_every_query_works(demo_line, block):
    done = demo_line("query", block.text, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1 or block.title in MAY_BE_EMPTY


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
    done = demo_line("query", blocks("README.md", "sql")[0], "--format", "json")
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
    done = demo_line("query", blocks("README.md", "sql")[1], "--format", "json")
    assert {row["came_from"]: row["people"] for row in json.loads(done.stdout)} == people


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_the_numbers_shown_are_those_of_the_demo(demo):
    (shown,) = blocks("README.md", "text")
    _, done = demo
    printed = lines(done.stdout)
    assert all(line in printed for line in lines(shown))


@pytest.mark.parametrize(
    ("sql", "answer"),
    [*zip(blocks("reports.md", "sql"), blocks("reports.md", "text"), strict=True)],
)
def test_every_answer_of_the_reports_page_is_what_the_demo_says(demo_line, sql, answer):
    done = demo_line("query", sql, COLUMNS="100")
    assert done.returncode == 0, done.stderr
    assert lines(done.stdout) == lines(answer)


def test_the_example_of_the_rules_comes_out_as_told(tmp_path):
    directory = DataDirectory(tmp_path)
    for log_day in ("2026-01-01", "2026-01-02"):
        (logged,) = blocks("rules.md", f"json {log_day}")
        put_day(directory, date.fromisoformat(log_day), logged.encode())
    update_model(directory)
    with connect_published(directory) as connection:
        for sql, answer in zip(blocks("rules.md", "sql"), blocks("rules.md", "text"), strict=True):
            rows = connection.execute(sql).fetchall()
            assert [" | ".join(map(str, row)) for row in rows] == answer.splitlines()


@pytest.fixture
def beside_data(demo_line, tmp_path, monkeypatch):
    """A working directory with what the demo made in `data/`, as in a checkout."""
    (tmp_path / "data").symlink_to(demo_line.folder)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.kind == "sql attached"],
    ids=lambda block: block.page,
)
def test_an_attached_model_can_be_asked(beside_data, block):
    with duckdb.connect() as connection:
        assert connection.execute(block.text).fetchall()


# Python


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "python"], ids=lambda block: block.title
)
def test_the_python_runs(beside_data, monkeypatch, block):
    monkeypatch.setenv("WOOPRA_DATA_DIR", "data")
    # pandas and Polars are not installed here; Arrow stands for them.
    source = re.sub(r"\.(df|pl)\(\)", ".to_arrow_table()", block.text)
    names: dict[str, object] = {}
    exec(source, names)
    rows = {
        name: value.num_rows if isinstance(value, pa.Table) else len(value)
        for name, value in names.items()
        if isinstance(value, pa.Table | list)
    }
    assert rows in ({"people": 1035}, {"weeks": 5, "funnel": 3})


def test_the_asset_shown_works(demo_line, tmp_path, monkeypatch):
    (source,) = blocks("tools.md", "python asset")
    monkeypatch.chdir(tmp_path)
    names: dict[str, AssetsDefinition] = {}
    exec(source, names)
    model = DuckDBResource(
        database=str(demo_line.directory.published_model),
        connection_config={"access_mode": "READ_ONLY"},
    )
    assert materialize([names["customers"]], resources={"duckdb": model}).success
    assert len(Path("customers.csv").read_text().splitlines()) > 1


# Settings in YAML


def test_the_types_shown_can_be_pinned(tmp_path):
    (shown,) = blocks("typed-tables.md", "yaml")
    (tmp_path / "types.yml").write_text(shown)
    assert read_pinned_types(tmp_path / "types.yml") == {
        ("payment", "amount"): "DOUBLE",
        ("payment", "invoice.number"): "VARCHAR",
        (None, "score.total"): "DOUBLE",
    }


def test_the_instance_shown_differs_from_ours_in_its_storage_only():
    shown, _ = map(yaml.safe_load, blocks("production.md", "yaml"))
    ours = yaml.safe_load((checkout() / "dagster.yaml").read_text(encoding="utf-8"))
    postgres = shown.pop("storage")
    assert postgres == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    for name, section in shown.items():
        folder = ours[name]["config"]["base_dir"].removeprefix("data/")
        assert section == {**ours[name], "config": {"base_dir": f"/srv/woopra/{folder}"}}


def test_the_containers_shown_run_programs_that_are_there():
    _, shown = map(yaml.safe_load, blocks("production.md", "yaml"))
    (image,) = blocks("production.md", "dockerfile")
    (started,) = re.findall(r"^CMD (.*)$", image, re.MULTILINE)
    commands = [json.loads(started), shown["services"]["webserver"]["command"].split()]
    assert all((PROGRAMS / program).exists() for program, *_ in commands)
    assert [words[-1] for words in commands] == ["woopra_pipeline.definitions"] * 2
    assert {service["env_file"] for service in shown["services"].values()} == {"woopra.env"}
    volumes = {name for service in shown["services"].values() for name in service["volumes"]}
    assert volumes == {f"{name}:/srv/woopra" for name in shown["volumes"]}
