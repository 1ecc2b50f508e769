"""Where the columns of the model come from names nothing that is not there."""

import pytest

from woopra_pipeline.defs.assets.model import SOURCES as ASSET_SOURCES
from woopra_pipeline.defs.lineage import SOURCES, column_lineage
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES

LOG_COLUMNS = {f"{table.name}.{column}" for table in PARSED_TABLES for column in table.column_names}
OF_FILES = {
    "log_days": {
        *("line_count", "blank_count", "is_open", "raw_bytes", "raw_sha256", "fetched_at"),
        "applied_at",
    }
}
"""Columns that are about a file, and not in any line of it."""


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_every_column_comes_from_columns_of_the_log(table):
    sources = SOURCES[table.name]
    assert set(sources) == set(table.column_names) - OF_FILES.get(table.name, set())
    assert all(sources.values())
    assert {column for columns in sources.values() for column in columns} <= LOG_COLUMNS


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_columns_come_from_the_tables_the_asset_depends_on(table):
    upstream = set(ASSET_SOURCES.get(table.name, [parsed.name for parsed in PARSED_TABLES]))
    named = {
        dep.asset_key.to_user_string()
        for deps in column_lineage(table).deps_by_column.values()
        for dep in deps
    }
    assert named <= upstream


def test_dagster_is_given_the_same():
    lineage = column_lineage(
        next(table for table in MODEL_TABLES if table.name == "profile_merges")
    )
    [dep] = lineage.deps_by_column["to_pid"]
    assert (dep.asset_key.to_user_string(), dep.column_name) == ("deletes_log", "new_id")
