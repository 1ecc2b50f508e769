"""The tables of `woopra-pipeline lake`: computes, compares and opens them."""

from collections.abc import Sequence

import click

from woopra_pipeline.cli.terminal import TextTable, print_table, say, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.attaching import attach_statements
from woopra_pipeline.lake.checking import Comparison, compare_with_model
from woopra_pipeline.lake.engines import spark_from_environment
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import the_publication
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline.model.typed_settings import TypedSettings
from woopra_pipeline.wording import count


def compute(lake: Lake, directory: DataDirectory) -> None:
    """Compute the tables from the days in the lake, and show how many rows they have."""
    update = update_tables(
        lake,
        directory,
        spark=spark_from_environment(),
        typed=TypedSettings.from_environment(),
        notify=say,
    )
    of_days = f"of {count(update.day_count, 'log day')}, revision {update.publication.revision}"
    if not update.is_new:
        show(f"The tables in the lake are up to date: {of_days}")
        return
    table = TextTable()
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, rows in update.row_counts.items():
        table.add_row(name, f"{rows:,}")
    print_table(table)
    show(f"Computed by {update.publication.engine} in {update.seconds:.1f} s: {of_days}")


def compare(lake: Lake, directory: DataDirectory) -> None:
    """Compare each table with the model, and show what differs.

    Raises `click.ClickException` if anything does.
    """
    different = []
    for comparison in compare_with_model(lake, directory):
        show(f"{comparison.table}: {_described(comparison)}")
        if not comparison.is_equal:
            different.append(comparison.table)
            _show_examples("only in the lake", comparison.columns, comparison.lake_examples)
            _show_examples("only in the model", comparison.columns, comparison.model_examples)
    if different:
        raise click.ClickException(
            f"{', '.join(different)} in the lake and in woopra.duckdb differ: if log_days is among "
            "them, the lake or the model lacks a day: `woopra-pipeline lake update` or the next "
            "update of the model brings it"
        )


def print_statements(lake: Lake) -> None:
    """Print the statements that open the published tables in DuckDB."""
    for statement in attach_statements(lake, the_publication(lake)):
        show(f"{statement};")


def _described(comparison: Comparison) -> str:
    if comparison.is_equal:
        return f"equal, {count(comparison.lake_row_count, 'row')}"
    return (
        f"different: of {count(comparison.lake_row_count, 'row')} in the lake "
        f"{comparison.only_in_lake:,} are not in the model, and of "
        f"{count(comparison.model_row_count, 'row')} in the model {comparison.only_in_model:,} are "
        "not in the lake"
    )


def _show_examples(
    title: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
) -> None:
    if not rows:
        return
    table = TextTable(title)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("NULL" if value is None else str(value) for value in row))
    print_table(table)
