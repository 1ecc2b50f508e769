"""Which columns of the log each column of the model is made of, as Dagster's catalogue shows it.

What decides whether a row is there at all, the delete lines, is told by the asset's own lineage.
"""

from dagster import TableColumnDep, TableColumnLineage

from woopra_pipeline.tables import Table


def column_lineage(table: Table) -> TableColumnLineage:
    """Where the columns of a table of the model come from; those of the files come from no log."""
    return TableColumnLineage(
        {
            column.name: [TableColumnDep(*source.split(".")) for source in column.sources]
            for column in table.columns
            if column.sources
        }
    )
