"""Adding a table to the model: what is forgotten is named, as docs/model.md tells the steps."""

import re
from importlib.resources import files

import duckdb
import pytest

import woopra_pipeline.model
from woopra_pipeline.model.schema import SCHEMA_VERSION
from woopra_pipeline.model.update import create_tables
from woopra_pipeline.tables import (
    DELETES_LOG,
    MODEL_TABLES,
    Column,
    ColumnType,
    ModelTable,
)
from woopra_pipeline_tests.model.interpreter import interpret, tables

NEW = "new_table"


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        create_tables(connection)
        yield connection


def test_every_column_says_what_it_is_made_of():
    column = Column("from_pid", ColumnType.VARCHAR, "pid that was deleted")
    with pytest.raises(ValueError, match=re.escape("new_table.from_pid does not say what")):
        ModelTable(NEW, "A new table", (column,), made_of=(DELETES_LOG,))


def test_a_column_is_made_of_columns_that_are_there():
    column = Column("from_pid", ColumnType.VARCHAR, "pid that was deleted")
    with pytest.raises(ValueError, match=re.escape("new_table.from_pid is made of visits_log.pid")):
        ModelTable(NEW, "A new table", (column.of("visits_log.pid"),), made_of=(DELETES_LOG,))
    assert ModelTable(NEW, "A new table", (column.of("deletes_log.pid"),), made_of=(DELETES_LOG,))


def test_a_column_that_is_about_the_file_comes_from_no_column():
    column = Column("raw_bytes", ColumnType.BIGINT, "Size of the file")
    assert ModelTable(NEW, "A new table", (column.of(),), made_of=(DELETES_LOG,))


def test_every_view_has_its_sql():
    folder = files(woopra_pipeline.model) / "sql" / "views"
    written = {path.name for path in folder.iterdir()}
    declared = {f"{table.name}.sql" for table in MODEL_TABLES if table.is_view}
    assert declared <= written, (
        f"write model/sql/views/{min(declared - written)}, or declare the table with is_view=False"
    )
    assert written <= declared, (
        f"declare the table that model/sql/views/{min(written - declared)} makes in "
        "tables/model.py, and list it in MODEL_TABLES"
    )


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_the_sql_makes_the_columns_that_are_declared(database, table):
    made = database.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where schema_name = 'main' and table_name = ? order by column_index",
        [table.name],
    ).fetchall()
    made = [
        (name, kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), *rest)
        for name, kind, *rest in made
    ]
    assert made == [(column.name, column.type.value, column.comment) for column in table.columns], (
        f"the columns that SQL makes for {table.name} and those that tables/model.py declares "
        "must be the same, in the same order"
    )


@pytest.mark.parametrize("table", MODEL_TABLES, ids=lambda table: table.name)
def test_the_reference_interpreter_knows_every_table(table):
    assert table.name in tables(interpret({})), (
        f"say in tables() of woopra_pipeline_tests/model/interpreter.py which rows {table.name} has"
    )


def test_another_form_of_the_tables_has_another_version(database, snapshot):
    columns = database.execute(
        "select schema_name || '.' || table_name, column_name || ' ' || data_type "
        "from duckdb_columns() where not internal order by 1, column_index"
    ).fetchall()
    form: dict[str, list[str]] = {}
    for table, column in columns:
        form.setdefault(table, []).append(column)
    assert form == snapshot(name=f"version {SCHEMA_VERSION}"), (
        "raise SCHEMA_VERSION in model/schema.py, so that models are built again, then run "
        "pytest woopra_pipeline_tests/model/test_tables.py --snapshot-update"
    )
