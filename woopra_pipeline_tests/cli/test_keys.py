"""The keys that the schema page shows hold in the demo's model."""

import duckdb
import pytest

from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.tables import IMPORT_TABLES, MODEL_TABLES
from woopra_pipeline.tables.keys import KEYS, REFERENCES


@pytest.fixture
def connection(demo_line):
    with connect_with_imports(demo_line.directory) as opened:
        yield opened


def count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((number,),) = connection.execute(sql).fetchall()
    return int(number)


def test_every_public_table_has_a_key():
    tables = {table.name: table for table in (*MODEL_TABLES, *IMPORT_TABLES)}
    assert KEYS.keys() == tables.keys(), "name the key of the table in tables/keys.py"
    for name, key in KEYS.items():
        assert set(key) <= set(tables[name].column_names)


def test_no_two_rows_have_the_same_key(connection):
    for name, key in KEYS.items():
        columns = ", ".join(key)
        # A row of import_lines that was set aside is in no batch, and has no key.
        rows = f"from {name}" + (" where batch is not null" if name == "import_lines" else "")
        different = count(connection, f"select count(*) from (select distinct {columns} {rows})")
        assert count(connection, f"select count(*) {rows}") == different, name


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda it: f"{it.table}: {it.columns[-1]}")
def test_what_is_named_is_there(connection, reference):
    assert len(reference.columns) == len(KEYS[reference.target])
    pairs = zip(reference.columns, KEYS[reference.target], strict=True)
    same = " and ".join(f"its.{own} = other.{key}" for own, key in pairs)
    known = " and ".join(f"its.{own} is not null" for own in reference.columns)
    lost = count(
        connection,
        f"select count(*) from {reference.table} as its "
        f"anti join {reference.target} as other on {same} where {known}",
    )
    rows = count(connection, f"select count(*) from {reference.table} as its where {known}")
    assert lost == 0
    assert rows > 0
