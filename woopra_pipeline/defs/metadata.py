"""What Dagster shows of a table: its columns with their meaning, taken from its one definition."""

from dagster import TableColumn, TableColumnConstraints, TableSchema

from woopra_pipeline.tables import Table


def column_schema(table: Table) -> TableSchema:
    """The columns of `table` as Dagster's catalogue shows them."""
    return TableSchema(
        [
            TableColumn(
                column.name,
                column.type.value,
                column.comment,
                TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )
