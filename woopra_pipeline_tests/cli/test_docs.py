"""What the pages name is there, and what is there has its place on a page."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import woopra_pipeline
from woopra_pipeline import errors
from woopra_pipeline.cli import COMMANDS
from woopra_pipeline.data_directory import checkout
from woopra_pipeline.tables import MODEL_TABLES, REPORT_MACROS
from woopra_pipeline.tables.keys import KEYS
from woopra_pipeline.tables.schema_page import COMMAND, schema_page
from woopra_pipeline_tests.cli.pages import AT_THE_TOP, DOCS, PAGES

README = PAGES["README.md"]
RULES = PAGES["rules.md"]
MAKEFILE = (checkout() / "Makefile").read_text(encoding="utf-8")


def test_the_readme_has_three_screens_at_most():
    assert len(README.splitlines()) <= 150, "move what is not for everybody to a page of docs/"


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


def headings(page: str) -> set[str]:
    """The anchors of a page's headings, as they are made on the web."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name):
    page = checkout() / name if name in AT_THE_TOP else DOCS / name
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", PAGES[name])
    for path, _, anchor in ("".join(link).partition("#") for link in links):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in headings(target.read_text(encoding="utf-8")), anchor


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_listed(name):
    folder, _, file = name.rpartition("/")
    if name in AT_THE_TOP:
        assert name == "README.md" or f"({name})" in README
    elif folder and file != "README.md":
        assert f"({file})" in PAGES[f"{folder}/README.md"]
    else:
        assert f"(docs/{name})" in README


@pytest.mark.parametrize("rule", [f"R{number}" for number in range(1, 12)])
def test_every_rule_is_told(rule):
    assert re.search(rf"^\*\*{rule}, ", RULES, re.MULTILINE)


@pytest.mark.parametrize("macro", REPORT_MACROS, ids=lambda macro: macro.name)
def test_every_report_is_documented(macro):
    page = PAGES["reports.md"]
    (signature,) = re.findall(rf"^`{macro.name}\((.*?)\)`", page, re.MULTILINE)
    names = [part.split(" := ")[0] for part in signature.split(", ")]
    assert names == [parameter.name for parameter in macro.parameters]
    for parameter in macro.parameters:
        if parameter.default is not None and parameter.name not in ("since", "until", "tz"):
            assert f"{parameter.name} := {parameter.default}" in signature


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
