"""`woopra-pipeline dbt-sources`: the tables of the model as dbt's `sources.yml`."""

from typing import Any

import click
import yaml

from woopra_pipeline.cli.terminal import ValueOutput
from woopra_pipeline.tables import MODEL_TABLES, ModelTable

DATABASE = "woopra"
"""How DuckDB names an attached `woopra.duckdb`."""


@click.command("dbt-sources")
def command() -> None:
    """Print a sources.yml for dbt: every table of the model and its columns, with their meaning."""
    source = {
        "name": "woopra",
        "description": "Woopra's log as a model: every person one profile, every action once",
        "database": DATABASE,
        "schema": "main",
        "tables": [_table(table) for table in MODEL_TABLES],
    }
    ValueOutput().write(
        yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True)
    )


def _table(table: ModelTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "description": table.comment,
        # By this key dagster-dbt finds the asset.
        "config": {"meta": {"dagster": {"asset_key": [table.name]}}},
        "columns": [
            {"name": column.name, "description": column.comment, "data_type": column.type.value}
            for column in table.columns
        ],
    }
