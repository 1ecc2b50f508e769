"""Where the columns of the model come from, as Dagster is told it."""

import pytest

from woopra_pipeline.defs.lineage import column_lineage
from woopra_pipeline.tables import LOG_DAYS, MODEL_TABLES, PROFILE_MERGES
from woopra_pipeline_tests.defs.test_definitions import asset_specs

OF_FILES = {
    *(
        "line_count",
        "blank_count",
        "erased_count",
        "is_open",
        "raw_bytes",
        "raw_sha256",
        "fetched_at",
    ),
    "applied_at",
}
"""Columns of `log_days` that are about a file, and not in any line of it."""


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_every_column_comes_from_columns_of_the_log(table):
    told = set(column_lineage(table).deps_by_column)
    about_files = OF_FILES if table is LOG_DAYS else set()
    assert told == set(table.column_names) - about_files


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_columns_come_from_the_tables_the_asset_depends_on(table):
    upstream = {dep.asset_key for dep in asset_specs()[table.name].deps}
    named = {
        dep.asset_key for deps in column_lineage(table).deps_by_column.values() for dep in deps
    }
    assert named <= upstream


def test_dagster_is_given_the_same():
    [dep] = column_lineage(PROFILE_MERGES).deps_by_column["to_pid"]
    assert (dep.asset_key.to_user_string(), dep.column_name) == ("deletes_log", "new_id")
