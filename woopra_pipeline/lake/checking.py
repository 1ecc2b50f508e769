"""Checks whether the tables of the lake equal those of `woopra.duckdb`, row by row.

On both sides it counts the rows and adds up their hashes. It compares the rows themselves only if
these differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.attaching import open_tables
from woopra_pipeline.lake.engine import EVENTS_PREFIX
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.publication import the_publication
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sql_text import quoted
from woopra_pipeline.tables import MODEL_TABLES

HOW_IT_WENT = {"fetched_at", "applied_at"}
"""Columns that depend on when and how the days came, and are not compared."""

MOST_EXAMPLES = 5

Types = Mapping[str, str]
"""The types of the columns of a query, as DuckDB names them, by the names of the columns."""


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
    """Compare all published tables of the lake with the published model.

    Tables that only one side has are compared too.

    Raises `LakeError` if the lake has no tables or cannot be read, and `ModelError` if there is no
    model.
    """
    publication = the_publication(lake)
    with connect_published(directory, memory_limit=memory_limit) as model:
        in_lake = {
            name: query for name, (_, query) in open_tables(model, lake, publication).items()
        }
        in_model = _model_queries(model)
        for name in dict.fromkeys((*in_model, *in_lake)):
            yield _compare(model, name, in_lake.get(name), in_model.get(name))


def _model_queries(model: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The query for the rows of each table of the model, by its name in the lake."""
    events = model.sql(
        "select table_name from information_schema.tables where table_schema = 'events' order by 1"
    ).fetchall()
    return {table.name: f"from {table.name}" for table in MODEL_TABLES} | {
        f"{EVENTS_PREFIX}{name}": f"from events.{quoted(name)}" for (name,) in events
    }


def _compare(
    connection: duckdb.DuckDBPyConnection, name: str, lake: str | None, model: str | None
) -> Comparison:
    """Compare two queries; None stands for one without rows or columns."""
    lake_types, model_types = (
        {} if query is None else _types(connection, query) for query in (lake, model)
    )
    columns = tuple(
        column for column in dict.fromkeys((*model_types, *lake_types)) if column not in HOW_IT_WENT
    )
    lake = _values(columns, lake, lake_types, model_types)
    model = _values(columns, model, model_types, lake_types)
    lake_rows, *lake_hashes = _sums(connection, lake)
    model_rows, *model_hashes = _sums(connection, model)
    comparison = Comparison(name, columns, lake_rows, model_rows)
    if (lake_rows, lake_hashes) == (model_rows, model_hashes):
        return comparison
    only_in_lake, lake_examples = _surplus(connection, lake, model)
    only_in_model, model_examples = _surplus(connection, model, lake)
    return Comparison(
        name,
        columns,
        lake_rows,
        model_rows,
        only_in_lake,
        only_in_model,
        lake_examples,
        model_examples,
    )


def _types(connection: duckdb.DuckDBPyConnection, query: str) -> Types:
    described = connection.execute(f"describe {query}").fetchall()
    return {name: kind for name, kind, *_ in described}


def _values(columns: Sequence[str], query: str | None, types: Types, others: Types) -> str:
    """The query for these columns, with the types of both sides; NULL for missing ones."""
    if query is None:
        return f"select {', '.join(['null'] * len(columns))} where false"
    selected = []
    for name in columns:
        # JSON as its text, of which every character counts.
        is_text = "JSON" in (types.get(name), others.get(name)) or (
            types.get(name) != others.get(name, types.get(name))
        )
        value = quoted(name) if name in types else "null"
        selected.append(f"{value}{'::varchar' if is_text else ''} as {quoted(name)}")
    return f"select {', '.join(selected)} from ({query})"


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
    """How many rows, each as often as it occurs, are not among the others; and some of them."""
    query = f"create or replace temp table surplus as {rows} except all {others}"
    connection.execute(query)
    ((count,),) = connection.execute("select count(*) from surplus").fetchall()
    examples = connection.execute(f"from surplus order by all limit {MOST_EXAMPLES}").fetchall()
    return count, examples
