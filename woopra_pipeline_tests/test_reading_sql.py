"""SQL of users reads, whatever it says, and a locked connection cannot write a file."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from woopra_pipeline.errors import ReadingError
from woopra_pipeline.reading_sql import lock, require_reading, split


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(tmp_path / "model.duckdb") as writing:
        writing.execute("create table people as select 1 as a; create view others as from people")
        writing.execute("create schema events; create view events.pay as from people")
    with duckdb.connect(tmp_path / "model.duckdb", read_only=True) as reading:
        yield reading


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("select 1", 1),
        ('select \';\', ";" -- ;\n from (select 1 as ";"); /* ; */ ;; select $$;$$', 2),
        ("pivot people on a using count(*); select 'ä;'", 2),
        ("-- nothing", 0),
    ],
)
def test_statements_are_split_as_duckdb_does(connection, sql, count):
    assert len(split(connection, sql)) == count


@pytest.mark.parametrize(
    "sql",
    [
        "from people, others",
        "select sum(a) from events.pay",
        "with a as (from people) from a",
        "values (1)",
        "(select 1)",
        "show tables",
        "describe people",
        "summarize people",
        "pragma table_info('people')",
        "pivot people on a using count(*)",
        "unpivot people on a",
        "explain select 1",
        "explain (select 1)",
        "explain analyze (select 1)",
        "explain (analyze, format json) select 1",
        "EXPLAIN /* really */ ANALYZE -- it\n from people",
        "explain pivot people on a using count(*)",
        "from query('from people')",
        "from range(3), json_each('{}')",
        "from duckdb_settings()",
        "from information_schema.tables",
        "set variable x = 1",
    ],
)
def test_what_reads_may_run(connection, sql):
    lock(connection)
    require_reading(connection, sql)
    connection.sql(sql)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("insert into people values (2)", "INSERT statements"),
        ("create temp table x as select 1", "CREATE statements"),
        ("create temp table x as pivot people on a using count(*)", "statements are not run"),
        ("explain create temp table x as select 1", "CREATE statements"),
        ("explain analyze copy people to 'x'", "COPY statements"),
        ("explain (analyze) copy (select 1) to 'x'", "COPY statements"),
        ("explain /* so */ analyze -- it\n copy (select 1) to 'x'", "COPY statements"),
        ("explain set threads = 1", "SET statements"),
        ("call enable_logging(storage_path = 'x')", "CALL statements"),
        ("from enable_logging(storage_path = 'x')", "function enable_logging"),
        ("select (select count(*) from system.main.enable_logging())", "function enable_logging"),
        ("explain analyze from enable_logging()", "function enable_logging"),
        ("from query('from enable_logging()')", "function enable_logging"),
        ("pivot (from query('from enable' || '_logging()')) on a", "function query"),
        ('pivot (from "Enable_Logging"()) on a', "function enable_logging"),
        ("from enable_profiling(save_location = 'x')", "function enable_profiling"),
        ("from force_checkpoint()", "function force_checkpoint"),
        ("from json_execute_serialized_sql(json_serialize_sql('select 1'))", "json_execute"),
        ("use model; begin", "TRANSACTION statements"),
        ("prepare x as select 1", "PREPARE statements"),
        ("install httpfs", "LOAD statements"),
    ],
)
def test_what_does_more_than_read_may_not_run(connection, sql, reason):
    *harmless, last = split(connection, sql)
    for statement in harmless:
        require_reading(connection, statement)
    with pytest.raises(ReadingError, match=reason):
        require_reading(connection, last)


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to '{}/x.csv'",
        "explain analyze copy (select 1) to '{}/x.csv'",
        "pragma profiling_output = '{}/x'",
        "set log_query_path = '{}/x'",
        "set temp_directory = '{}/x'",
        "create persistent secret s (type s3)",
        "export database '{}/x'",
        "attach '{}/x'",
        "from read_text('{}/secret')",
        "from '{}/*.csv'",
        "install httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "reset lock_configuration",
    ],
)
def test_a_locked_connection_touches_no_file(connection, tmp_path, sql):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret.csv").write_text("x\n1\n")
    before = sorted(tmp_path.iterdir())
    lock(connection)
    with pytest.raises(duckdb.Error):
        connection.execute(sql.format(tmp_path))
    assert sorted(tmp_path.iterdir()) == before


def test_no_variable_of_the_program_is_a_table(connection):
    lock(connection)
    program = duckdb.sql("select 1")
    assert program
    with pytest.raises(duckdb.CatalogException):
        connection.execute("from program")


def test_folders_may_be_read_and_links_lead_out_of_none(connection, tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.csv").write_text("a\n1\n")
    (inside / "link").symlink_to(outside)
    lock(connection, [inside])
    assert connection.execute(f"from '{inside}/*.csv'").fetchall() == [(1,)]
    for path in (outside / "a.csv", inside / ".." / "out" / "a.csv", inside / "link" / "a.csv"):
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"from '{path}'")


def test_a_locked_connection_still_spills(connection, tmp_path):
    connection.execute("set memory_limit = '60MB'")
    connection.execute("set threads = 1")
    connection.execute("set temp_directory = ?", [str(tmp_path / "spill")])
    lock(connection)
    rows = "select range as number, repeat('x', 100) || range as text from range(600_000)"
    connection.execute(f"from ({rows}) order by hash(number)")
    assert any((tmp_path / "spill").iterdir())
    assert len(connection.fetchall()) == 600_000
