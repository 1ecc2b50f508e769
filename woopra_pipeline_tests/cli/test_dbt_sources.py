"""`dbt-sources` prints what is declared of the tables, as dbt reads it."""

import yaml

from woopra_pipeline.data_directory import checkout
from woopra_pipeline.tables import MODEL_TABLES


def test_every_table_and_column_is_printed(command_line_here):
    done = command_line_here("dbt-sources")
    assert done.returncode == 0, done.stderr
    (source,) = yaml.safe_load(done.stdout)["sources"]
    assert (source["database"], source["schema"]) == ("woopra", "main")
    assert [table["name"] for table in source["tables"]] == [table.name for table in MODEL_TABLES]
    for printed, table in zip(source["tables"], MODEL_TABLES, strict=True):
        assert printed["description"] == table.comment
        assert printed["config"]["meta"]["dagster"]["asset_key"] == [table.name]
        assert [
            (column["name"], column["data_type"], column["description"])
            for column in printed["columns"]
        ] == [(column.name, column.type.value, column.comment) for column in table.columns]


def test_the_example_has_the_sources_of_today(command_line_here):
    path = checkout() / "docs" / "examples" / "dbt" / "models" / "sources.yml"
    assert path.read_text(encoding="utf-8") == command_line_here("dbt-sources").stdout, (
        f"run `woopra-pipeline dbt-sources > {path.relative_to(checkout())}`"
    )
