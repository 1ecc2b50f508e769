"""Pictures in Dagster: charts of the model as images in the metadata of its tables."""

from base64 import b64encode
from collections.abc import Iterable, Mapping

from dagster import MarkdownMetadataValue, MetadataValue

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.report.charts import CHARTS, to_svg
from woopra_pipeline.report.figures import recent_period

CHART_OF = {
    "profiles": "identified",
    "visits": "activity",
    "actions": "activity",
    "profile_merges": "merges",
    "rejected_lines": "rejected",
}
"""The chart that shows what changes in a table."""


def charts_of(
    directory: DataDirectory, tables: Iterable[str]
) -> Mapping[str, MarkdownMetadataValue]:
    """Charts of the last weeks of the published model, for those of `tables` that have one.

    Each holds its picture within itself, for Dagster keeps no files with its events.
    """
    wanted = {table: CHART_OF[table] for table in tables if table in CHART_OF}
    with connect_published(directory) as connection:
        period = recent_period(connection)
        if period is None:
            return {}
        pictures = {
            name: to_svg(CHARTS[name](connection, period)) for name in sorted(set(wanted.values()))
        }
    return {table: _image(name, pictures[name]) for table, name in wanted.items()}


def _image(name: str, svg: str) -> MarkdownMetadataValue:
    encoded = b64encode(svg.encode()).decode()
    return MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{encoded})")
