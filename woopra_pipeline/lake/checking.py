"""Whether the tables of the lake are those of `woopra.duckdb`, row by row.

Of both, the rows are counted and their hashes added up. Only where these differ, the rows are
compared one with another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.attaching import open_tables
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import the_publication
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sql_text import quoted
from woopra_pipeline.tables import LAKE_TABLES, ColumnType, ModelTable

HOW_IT_WENT = {"fetched_at", "applied_at"}
"""Columns that depend on when and how the days came, and are not compared."""

MOST_EXAMPLES = 5
LAKE_PREFIX = "lake_"


@dataclass(frozen=True)
class Comparison:
    """What comparing one table found: how many rows there are, and which are on one side only."""

    table: str
    columns: tuple[str, ...]
    lake_row_count: int
    model_row_count: int
    only_in_lake: int = 0
    only_in_model: int = 0
    lake_examples: Sequence[tuple[object, ...]] = ()
    model_examples: Sequence[tuple[object, ...]] = ()

    @property
    def is_equal(self) -> bool:
        """Whether both have the same rows."""
        return self.only_in_lake == self.only_in_model == 0


def compare_with_model(
    lake: Lake, directory: DataDirectory, *, memory_limit: str | None = None
) -> Iterator[Comparison]:
    """Compare every published table of the lake with the published model.

    Raises `LakeError` if the lake has no tables or cannot be read, and `ModelError` if there is no
    model.
    """
    publication = the_publication(lake)
    with connect_published(directory, memory_limit=memory_limit) as model:
        open_tables(model, lake, publication, prefix=LAKE_PREFIX)
        for table in LAKE_TABLES:
            yield _compare(model, table)


def _compare(connection: duckdb.DuckDBPyConnection, table: ModelTable) -> Comparison:
    columns = tuple(column.name for column in table.columns if column.name not in HOW_IT_WENT)
    # JSON as its text, which is kept to the letter.
    values = ", ".join(
        f"{quoted(column.name)}{'::varchar' if column.type is ColumnType.JSON else ''}"
        for column in table.columns
        if column.name not in HOW_IT_WENT
    )
    lake = f"select {values} from {LAKE_PREFIX}{table.name}"
    model = f"select {values} from {table.name}"
    lake_rows, *lake_hashes = _sums(connection, lake)
    model_rows, *model_hashes = _sums(connection, model)
    comparison = Comparison(table.name, columns, lake_rows, model_rows)
    if (lake_rows, lake_hashes) == (model_rows, model_hashes):
        return comparison
    only_in_lake, lake_examples = _surplus(connection, lake, model)
    only_in_model, model_examples = _surplus(connection, model, lake)
    return Comparison(
        table.name,
        columns,
        lake_rows,
        model_rows,
        only_in_lake,
        only_in_model,
        lake_examples,
        model_examples,
    )


def _sums(connection: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, ...]:
    """The number of rows, and two sums over their hashes."""
    query = f"""
        select
            count(*),
            coalesce(sum(hash(rows)), 0),
            coalesce(bit_xor(hash('again', rows)), 0)
        from ({rows}) as rows
    """
    (sums,) = connection.execute(query).fetchall()
    return tuple(sums)


def _surplus(
    connection: duckdb.DuckDBPyConnection, rows: str, others: str
) -> tuple[int, list[tuple[object, ...]]]:
    """How many of the rows are not among the others, as often as they occur; and some of them."""
    query = f"create or replace temp table surplus as {rows} except all {others}"
    connection.execute(query)
    ((count,),) = connection.execute("select count(*) from surplus").fetchall()
    examples = connection.execute(f"from surplus order by all limit {MOST_EXAMPLES}").fetchall()
    return count, examples
