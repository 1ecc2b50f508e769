"""How the model's database is opened."""

import duckdb

from woopra_pipeline.model.database import connect


def test_who_writes_leaves_half_of_the_threads_and_who_reads_has_all(tmp_path):
    path = tmp_path / "model.duckdb"
    setting = "select current_setting('threads')"
    with duckdb.connect() as connection:
        ((threads,),) = connection.execute(setting).fetchall()
    with connect(path) as connection:
        assert connection.execute(setting).fetchall() == [(max(1, threads // 2),)]
        connection.execute("create table numbers as select 1 as number")
    with connect(path, read_only=True) as connection:
        assert connection.execute(setting).fetchall() == [(threads,)]


def test_files_have_the_form_that_every_client_from_1_5_reads(tmp_path):
    path = tmp_path / "model.duckdb"
    with connect(path) as connection:
        ((form,),) = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where database_name = 'model'"
        ).fetchall()
    assert form == "v1.5.0+"
    # A reader that says nothing of forms, as clients do, and one of ours at the same time.
    with duckdb.connect(path, read_only=True), connect(path, read_only=True) as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]
