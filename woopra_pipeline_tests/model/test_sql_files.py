"""The files of SQL: each has a place in the order, and says truly what it reads and writes."""

import re
from importlib.resources import as_file, files
from typing import NamedTuple

import pytest

import woopra_pipeline.model
from woopra_pipeline.model.checks import MODEL_CHECKS
from woopra_pipeline.model.database import statements
from woopra_pipeline.model.schema import LOG_TABLES
from woopra_pipeline.model.stages import ON_DEMAND, Stage
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES

IN_ORDER = [name for stage in Stage for name in stage.value]
QUERIES = [*ON_DEMAND, *(f"checks/{check.name}" for check in MODEL_CHECKS)]
GIVEN = {
    *(table.name for table in (*LOG_TABLES, *PARSED_TABLES, *MODEL_TABLES)),
    "forest",  # which Python numbers
}
"""What is there before the first file of an update runs, or comes from Python."""


class Uses(NamedTuple):
    """The relations and macros that a file reads, changes, and makes."""

    reads: set[str]
    writes: set[str]
    makes: set[str]


def uses_found(sql: str) -> Uses:
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", sql)
    subqueries = set(re.findall(r"(\w+) as (?:materialized )?\(\s*(?:select|from|with)\b", code))
    made = r"create (?:or replace (?:temp (?:table|view)|macro)|macro|view) (\w+)"
    makes = set(re.findall(made, code))
    changed = r"(?:delete from|insert into|^update) ([\w.]+)"
    writes = set(re.findall(changed, code, re.MULTILINE))
    rest = re.sub(changed, "", code, flags=re.MULTILINE)
    reads = set(re.findall(r"(?<!distinct )\b(?:from|join|using)\s+([a-z_][\w.]*)", rest))
    return Uses(reads - subqueries - makes - {"select"}, writes - makes, makes)


def uses_told(sql: str) -> Uses:
    header = re.match(r"(?:--[^\n]*\n)+", sql)
    text = re.sub(r"\n--     ", " ", header[0]) if header else ""
    told = dict(re.findall(r"^-- (Reads|Writes|Makes): (.+)\.$", text, re.MULTILINE))
    return Uses(
        *(set(told.get(word, "").split(", ")) - {""} for word in ("Reads", "Writes", "Makes"))
    )


def tables_dropped(sql: str) -> set[str]:
    return set(re.findall(r"^drop table (\w+);", sql, re.MULTILINE))


def test_every_file_has_a_place_in_the_order():
    with as_file(files(woopra_pipeline.model) / "sql") as folder:
        written = {
            path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.sql")
        }
    listed = {*IN_ORDER, *QUERIES}
    assert written <= listed, (
        f"give model/sql/{min(written - listed)}.sql a place in model/stages.py, or, if it is a "
        "check, in model/checks.py"
    )
    assert listed <= written, f"write model/sql/{min(listed - written)}.sql, which is listed"


def test_no_file_runs_twice():
    assert len({*IN_ORDER, *QUERIES}) == len([*IN_ORDER, *QUERIES])


@pytest.mark.parametrize("name", [*IN_ORDER, *QUERIES])
def test_every_file_says_what_it_reads_and_writes(name):
    sql = statements(name)
    assert uses_told(sql) == uses_found(sql), (
        f"the first lines of model/sql/{name}.sql must name what it reads, writes and makes, as "
        "`-- Reads: a, b.`"
    )


def test_what_a_file_reads_was_made_before():
    there = set(GIVEN)
    for name in IN_ORDER:
        uses = uses_found(statements(name))
        missing = (uses.reads | uses.writes) - there
        assert not missing, f"{name} uses {missing}, which no file makes that runs before it"
        there |= uses.makes
        there -= tables_dropped(statements(name))


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_writes_nothing(name):
    uses = uses_found(statements(name))
    assert not uses.writes | uses.makes
    assert uses.reads <= GIVEN
