"""Every public table as Parquet: the rows of the model, what its columns mean, whole files."""

import pyarrow.parquet as pq
import pytest

from woopra_pipeline.imports.publication import connect_with_imports
from woopra_pipeline.sql_text import read_parquet
from woopra_pipeline.tables import IMPORT_TABLES, MODEL_TABLES

TABLES = (*MODEL_TABLES, *IMPORT_TABLES)


@pytest.fixture(scope="module")
def exported(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "of the demo"
    done = demo[0]("export", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_file_has_the_rows_of_its_table(exported, demo_line, table):
    path = exported[0] / f"{table.name}.parquet"
    with connect_with_imports(demo_line.directory) as connection:
        connection.execute("set TimeZone = 'UTC'")
        ((differing,),) = connection.execute(
            f"select count(*) from ((from {read_parquet([path])} except all from {table.name}) "
            f"union all (from {table.name} except all from {read_parquet([path])}))"
        ).fetchall()
    assert differing == 0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_file_says_what_its_columns_mean(exported, table):
    schema = pq.read_schema(exported[0] / f"{table.name}.parquet")
    assert schema.metadata[b"comment"].decode() == table.comment
    comments = {field.name: field.metadata[b"comment"].decode() for field in schema}
    assert list(comments)[: len(table.columns)] == list(table.column_names)
    assert {column.name: column.comment for column in table.columns}.items() <= comments.items()
    assert all(comments.values())


def test_each_event_has_a_file(exported, demo_line):
    folder = exported[0] / "events"
    with connect_with_imports(demo_line.directory) as connection:
        ((paid,),) = connection.execute("select sum(amount) from events.payment").fetchall()
        names = connection.execute(
            "select view_name from duckdb_views() where schema_name = 'events'"
        ).fetchall()
        path = folder / "payment.parquet"
        assert connection.sql(f"select sum(amount) from {read_parquet([path])}").fetchall() == [
            (paid,)
        ]
    assert len(list(folder.iterdir())) == len(names) > 3
    assert b"comment" in pq.read_schema(path).field("amount").metadata


def test_says_what_it_has_written(exported):
    folder, done = exported
    files = list(folder.rglob("*.parquet"))
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    assert f"{len(files)} tables with {rows:,} rows in {folder}" in done.stdout
    assert {path.stem for path in folder.glob("*.parquet")} == {table.name for table in TABLES}


def test_a_file_is_no_folder(demo_line, tmp_path):
    (tmp_path / "file").touch()
    done = demo_line("export", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "is a file: name a folder to export to" in done.stderr
