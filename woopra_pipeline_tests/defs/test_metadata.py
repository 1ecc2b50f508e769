"""What is shown of a table: its columns, where they come from, a few rows, how many there are."""

from datetime import UTC, datetime

import pytest
from dagster import AssetKey, TableColumnDep

from woopra_pipeline.defs.metadata import LONGEST_VALUE, PREVIEW_ROWS, is_impersonal, rows_as_table
from woopra_pipeline.defs.pictures import SERIES
from woopra_pipeline.parse.parsed_days import find_parsed_days
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES

DAY = "2026-01-01"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, None, id="null"),
        pytest.param(True, True, id="boolean"),
        pytest.param(17, 17, id="integer"),
        pytest.param(0.5, 0.5, id="decimal"),
        pytest.param(1 / 3, 0.333, id="many decimals"),
        pytest.param("short", "short", id="text"),
        pytest.param("x" * LONGEST_VALUE, "x" * LONGEST_VALUE, id="longest text"),
        pytest.param(
            "x" * (LONGEST_VALUE + 1), "x" * (LONGEST_VALUE - 1) + "…", id="text that is cut"
        ),
        pytest.param(
            datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00+00:00", id="anything else"
        ),
    ],
)
def test_values_are_shown_as_they_are_but_short(value, shown):
    [record] = rows_as_table(["column"], [[value]]).records
    assert record.data == {"column": shown}


def test_what_is_shown_after_a_backfill(project):
    project.backfill(DAY, DAY)
    for table in MODEL_TABLES:
        [record] = project.materializations(table.name)
        metadata = record.asset_materialization.metadata
        rows = metadata["preview"].records
        assert len(rows) == min(PREVIEW_ROWS, metadata["dagster/row_count"].value), table.name
        columns = [column for column in table.columns if is_impersonal(table, column)]
        assert all(row.data.keys() == {column.name for column in columns} for row in rows)
        assert next(iter(metadata)) == ("chart" if table.name in SERIES else "dagster/row_count")
        assert metadata["dagster/column_lineage"].column_lineage.deps_by_column
    [record] = project.materializations("log_days")
    [row] = record.asset_materialization.metadata["preview"].records
    [day] = find_parsed_days(project.directory.parsed).values()
    assert row.data["log_day"] == DAY
    assert row.data["visit_count"] == day.visit_count
    lineage = project.materializations("visits")[0].asset_materialization.metadata[
        "dagster/column_lineage"
    ]
    assert lineage.column_lineage.deps_by_column["country"] == [
        TableColumnDep(AssetKey("visits_log"), "country")
    ]
    for table in PARSED_TABLES:
        [record] = project.materializations(table.name)
        metadata = record.asset_materialization.metadata
        assert record.partition_key == DAY
        assert metadata["dagster/partition_row_count"].value == day.row_count(table)
        assert metadata["deletes"].value == day.delete_count
        assert metadata["path"].value == str(day.folder)
