"""The SQL of the lake's tables: every query says truly what it reads, and cites its rules."""

import re

import pytest

from woopra_pipeline.lake.script import STATEMENT, queries, script_text
from woopra_pipeline.tables import LAKE_TABLES, PARSED_TABLES

GIVEN = {
    *(table.name for table in PARSED_TABLES),
    *("day_ledger", "forest", "identifier_keys", "typed_events", "dictionary"),
}
"""What is read from Parquet, or comes from Python."""

RULES_OF_TABLES = {"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R11"}
READS_TOLD = {
    name: set(told.split(", "))
    for told, name in re.findall(
        r"^-- Reads: (.+)\.\ncreate (?:table|temporary view) (\w+) as$", script_text(), re.MULTILINE
    )
}


def reads_found(text: str) -> set[str]:
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text)
    subqueries = set(re.findall(r"(\w+) as \(\s*(?:select|with)\b", code))
    read = set(re.findall(r"\b(?:from|join)\s+([a-z_]\w*)", code))
    return read - subqueries


def test_the_whole_file_is_queries():
    left = STATEMENT.sub("", script_text())
    assert not [line for line in left.splitlines() if line and not line.startswith("--")]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_every_query_says_what_it_reads(query):
    assert READS_TOLD.get(query.name) == reads_found(query.text)


def test_what_a_query_reads_was_made_before():
    there = set(GIVEN)
    for query in queries():
        assert reads_found(query.text) <= there, query.name
        there.add(query.name)


def test_every_public_table_is_made():
    assert {table.name for table in LAKE_TABLES} <= {query.name for query in queries()}


@pytest.mark.parametrize("rule", sorted(RULES_OF_TABLES))
def test_every_rule_is_named_where_it_is_applied(rule):
    assert re.search(rf"\b{rule}\b", script_text())


def test_every_query_is_asked_for_or_read():
    made = [query.name for query in queries()]
    read = set().union(*(reads_found(query.text) for query in queries()))
    public = {table.name for table in LAKE_TABLES}
    # Python reads the steps of the merges, and what decides which typed tables there are.
    assert set(made) - read - public == {"merge_steps", "named_actions", "typed_sums"}
