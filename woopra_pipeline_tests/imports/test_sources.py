"""Which SQL files are sources, what they are given, and what their columns mean."""

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, ModelError, SourceError
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import (
    Shape,
    copy_example,
    example_names,
    find_sources,
    get_source,
    read_source,
    sources_folder,
)
from woopra_pipeline.sql_text import literal
from woopra_pipeline_tests.imports.conftest import DAY, write_source

SETTINGS = ImportSettings(memory_limit="200MB")


def read(directory, sql, log_day=DAY, settings=SETTINGS):
    """The shape of a source, and its rows as texts."""
    write_source(directory, "it", sql)
    source = get_source(directory, "it")
    with read_source(directory, source, log_day, settings) as rows:
        return rows.shape, [row for chunk in rows.chunks for row in chunk.column("row").to_pylist()]


def test_sources_are_the_sql_files_of_the_folder_by_name(directory):
    assert find_sources(directory) == []
    write_source(directory, "orders", "-- What was bought\nselect 1")
    write_source(directory, "crm", "select 1")
    write_source(directory, "käufe [2026]", "select 1")
    (sources_folder(directory) / "notes.txt").write_text("none")
    (sources_folder(directory) / ".hidden.sql").write_text("none")
    assert [source.name for source in find_sources(directory)] == ["crm", "käufe [2026]", "orders"]
    assert [source.description for source in find_sources(directory)] == ["", "", "What was bought"]


def test_an_unknown_source_is_an_error_that_says_where_to_write_it(directory):
    with pytest.raises(SourceError, match=r"no import source 'crm': write .*crm\.sql"):
        get_source(directory, "crm")


@pytest.mark.parametrize(
    ("sql", "shape", "row"),
    [
        pytest.param(
            "select {'email': 'a'} as visitor, [{'name': 'x', 'time': 1}] as actions, 'AU' as city",
            Shape.VISITS,
            '{"visitor":{"email":"a"},"actions":[{"name":"x","time":1}],"city":"AU"}',
            id="visits",
        ),
        pytest.param(
            "select {'email': 'a'} as visitor, 'x' as name, 1 as time",
            Shape.EVENTS,
            '{"visitor":{"email":"a"},"name":"x","time":1}',
            id="events without properties",
        ),
        pytest.param(
            "select {'email': 'a'} as visitor, 'x' as name, 1 as time, {'n': 2} as properties",
            Shape.EVENTS,
            '{"visitor":{"email":"a"},"name":"x","time":1,"properties":{"n":2}}',
            id="events",
        ),
        pytest.param(
            "select {'email': 'a'} as visitor",
            Shape.PROFILES,
            '{"visitor":{"email":"a"}}',
            id="profiles",
        ),
        pytest.param(
            "select map {'email': 'a'} as visitor",
            Shape.PROFILES,
            '{"visitor":{"email":"a"}}',
            id="map",
        ),
        pytest.param(
            """select '{"email": "a"}'::json as visitor""",
            Shape.PROFILES,
            '{"visitor":{"email":"a"}}',
            id="json",
        ),
        pytest.param(
            """select '{"email":"a"}' as visitor""",
            Shape.PROFILES,
            '{"visitor":{"email":"a"}}',
            id="json as text",
        ),
        pytest.param(
            "select 'me' as visitor", Shape.PROFILES, '{"visitor":"me"}', id="text that is no json"
        ),
        pytest.param(
            "select {'id': 1} as visitor, null as actions, null as city, 'AU' as \"a \"\"b\"",
            Shape.VISITS,
            '{"visitor":{"id":1},"a \\"b":"AU"}',
            id="NULL columns are left out",
        ),
        pytest.param(
            "-- first\nselect {'id': 1} as visitor; -- last;\n/* really; */",
            Shape.PROFILES,
            '{"visitor":{"id":1}}',
            id="semicolon and comments",
        ),
        pytest.param(
            "from (values ({'id': 'ü;'})) as t (visitor);;",
            Shape.PROFILES,
            '{"visitor":{"id":"ü;"}}',
            id="semicolon in a text that is not ASCII",
        ),
        pytest.param(
            "select {'id': 170141183460469231731687303715884105727::hugeint, 'x': 1.50} as visitor",
            Shape.PROFILES,
            '{"visitor":{"id":170141183460469231731687303715884105727,"x":1.5}}',
            id="numbers are exact",
        ),
    ],
)
def test_columns_decide_the_shape(directory, sql, shape, row):
    assert read(directory, sql) == (shape, [row])


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("select 1 as a", "returns a, which has no meaning"),
        ("select {'id': 1} as visitor, 'x' as name", "returns visitor, name, which has no meaning"),
        ("select {'id': 1} as visitor, 'x' as name, 1 as time, 1 as more", "has no meaning"),
        ("select {'id': 1} as visitor; select 2", "exactly one query"),
        ("-- nothing", "exactly one query"),
        ("create table t (a int)", "exactly one query"),
        ("copy (select 1) to 'x.csv'", "exactly one query"),
        ("select $day as visitor", r"uses the parameter \$day"),
        ("select visitor from nowhere", "Table with name nowhere does not exist"),
        ("selct", "syntax error"),
        ("select {'id': 1} as visitor, [] as actions, 1 as a, 2 as A", "column A twice"),
        ("select pid as visitor from profiles", "there is no model yet: make one with"),
        (
            "select {'id': error('https://me:secret@x.com/y')} as visitor",
            "https://…@x.com/y",
        ),
        ("select {'id': error('late')} as visitor from range(3)", "late"),
    ],
)
def test_what_is_no_source_is_an_error_that_names_the_file(directory, sql, problem):
    with pytest.raises(SourceError, match=rf"it\.sql.*{problem}"):
        read(directory, sql)


def test_a_source_that_is_no_text_is_an_error_and_hides_no_other(directory):
    write_source(directory, "it", "")
    (sources_folder(directory) / "it.sql").write_bytes(b"select '\xff'")
    [source] = find_sources(directory)
    assert source.description == ""
    with (
        pytest.raises(SourceError, match=r"it\.sql is not UTF-8"),
        read_source(directory, source, DAY, SETTINGS),
    ):
        pass


@pytest.mark.parametrize(
    ("log_day", "hours"),
    [(date(2026, 3, 5), 24), (date(2026, 3, 8), 23), (date(2026, 11, 1), 25)],
    ids=["ordinary day", "short day", "long day"],
)
def test_parameters_are_the_pacific_day(directory, log_day, hours):
    _, [row] = read(
        directory,
        "select {'id': strftime($log_day, '%Y%m%d'), 'start': $day_start_ms, "
        "'hours': ($day_end_ms - $day_start_ms) / 3600000} as visitor",
        log_day,
    )
    start = int(datetime(log_day.year, log_day.month, log_day.day, tzinfo=UTC).timestamp()) * 1000
    offset = 7 if log_day == date(2026, 11, 1) else 8
    assert row == (
        f'{{"visitor":{{"hours":{float(hours)},"id":"{log_day:%Y%m%d}",'
        f'"start":{start + offset * 3_600_000}}}}}'
    )


def test_relative_paths_start_at_the_sources_or_the_data_directory(directory):
    write_source(directory, "other", "")
    (sources_folder(directory) / "a.csv").write_text("email\nbeside\n")
    (directory.root / "b.csv").write_text("email\nabove\n")
    sql = "select {'email': email} as visitor from read_csv('a.csv') union all by name "
    sql += "select {'email': email} as visitor from read_csv('b.csv')"
    assert read(directory, sql)[1] == [
        '{"visitor":{"email":"beside"}}',
        '{"visitor":{"email":"above"}}',
    ]


def test_a_file_of_the_working_directory_is_never_read_in_its_place(
    directory, tmp_path, monkeypatch
):
    write_source(directory, "other", "")
    (sources_folder(directory) / "a.csv").write_text("email\nbeside\n")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("email\nelsewhere\n")
    monkeypatch.chdir(tmp_path)
    sql = "select {{'email': email}} as visitor from read_csv('{}.csv')"
    assert read(directory, sql.format("a"))[1] == ['{"visitor":{"email":"beside"}}']
    with pytest.raises(SourceError, match=r"No files found that match the pattern"):
        read(directory, sql.format("b"))
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    "name", ["env=prod/email=x", "[x]*, {y}", "it's", "a\\b", "käse\n"], ids=ascii
)
def test_the_path_of_the_data_directory_is_no_part_of_the_rows(tmp_path, name):
    directory = DataDirectory(tmp_path / name)
    write_source(directory, "other", "")
    orders = directory.root / "orders" / "plan=pro"
    orders.mkdir(parents=True)
    for folder in (sources_folder(directory), orders):
        (folder / "a.csv").write_text("email\nbeside\n")
        (folder / "b.csv").write_text("email\nbehind\n")
    sql = "select rows as visitor from read_csv('{}') as rows order by all"
    assert read(directory, sql.format("*.csv"))[1] == [
        '{"visitor":{"email":"behind"}}',
        '{"visitor":{"email":"beside"}}',
    ]
    # Below the data directory DuckDB sees partitions, as always.
    assert read(directory, sql.format("orders/**/a.csv"))[1] == [
        '{"visitor":{"email":"beside","plan":"pro"}}'
    ]


def test_files_are_read_below_the_data_directory_and_the_folders_that_are_named(
    directory, tmp_path
):
    shop, other = tmp_path / "it's, the shop", tmp_path / "other"
    for folder in (shop, other):
        folder.mkdir()
        (folder / "a.csv").write_text("email\nada\n")
    sql = "select {{'email': email}} as visitor from read_csv({})"
    assert ImportSettings().read_folders == ()
    named = ImportSettings(read_folders=(str(shop),))
    rows = read(directory, sql.format(literal(f"{shop}/a.csv")), settings=named)[1]
    assert rows == ['{"visitor":{"email":"ada"}}']
    for path in (other / "a.csv", shop / ".." / "other" / "a.csv"):
        with pytest.raises(SourceError, match="below the folders that WOOPRA_READ_FOLDERS names"):
            read(directory, sql.format(literal(str(path))), settings=named)
    with pytest.raises(ConfigurationError, match="must be absolute paths"):
        ImportSettings(read_folders=("shop",))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("enable_logging(storage_path = '{}/log')", "only reads: the function enable_logging"),
        ("enable_profiling(save_location = '{}/x')", "only reads: the function enable_profiling"),
        ("query('from enable_logging()')", "only reads: the function enable_logging"),
        ("read_text('/etc/passwd')", "WOOPRA_READ_FOLDERS"),
        ("'/etc/x.csv'", "WOOPRA_READ_FOLDERS"),
        ("glob('/*')", "WOOPRA_READ_FOLDERS"),
        ("read_csv('https://example.com/x.csv')", "httpfs"),
        ("sqlite_scan('{}/imports/ledger.sqlite', 'sources')", "sqlite_scan"),
        ("directory", "Table with name directory does not exist"),
    ],
)
def test_a_source_writes_nothing_and_reads_no_file_of_others(directory, table, problem):
    write_source(directory, "other", "")
    sql = f"select {{'id': 1}} as visitor from {table.format(directory.root)}"
    with pytest.raises(SourceError, match=rf"it\.sql.*{problem}"):
        read(directory, sql)
    assert sorted(path.name for path in directory.root.rglob("*") if path.is_file()) == [
        "it.sql",
        "other.sql",
    ]


def test_a_source_reads_the_model_and_cannot_change_it(directory):
    directory.root.mkdir()
    with duckdb.connect(directory.published_model) as connection:
        connection.execute("create table profiles as select 'p1' as pid")
    sql = "select {'id': pid} as visitor from profiles"
    assert read(directory, sql) == (Shape.PROFILES, ['{"visitor":{"id":"p1"}}'])
    with pytest.raises(SourceError, match="exactly one query"):
        read(directory, "delete from profiles returning {'id': pid} as visitor")


def test_rows_come_in_order_and_as_they_are_needed(directory):
    write_source(directory, "it", "select {'id': i} as visitor from range(100000) r(i)")
    source = get_source(directory, "it")
    with read_source(directory, source, DAY, SETTINGS) as rows:
        texts = [row for chunk in rows.chunks for row in chunk.column("row").to_pylist()]
    assert texts == [f'{{"visitor":{{"id":{number}}}}}' for number in range(100_000)]


def test_examples_are_copied_and_never_over_a_source(directory):
    for name in example_names():
        path = copy_example(directory, name)
        assert path.read_text(encoding="utf-8").startswith("-- ")
        assert get_source(directory, name).description
        with pytest.raises(SourceError, match="exists already"):
            copy_example(directory, name)
    with pytest.raises(SourceError, match="no example 'none': the examples are"):
        copy_example(directory, "none")


def test_a_damaged_model_is_said_with_what_to_do(imports):
    imports.directory.root.mkdir(exist_ok=True)
    imports.directory.published_model.write_bytes(b"damaged")
    imports.source("it", "select {'email': 'a'} as visitor")
    with pytest.raises(ModelError, match="puts a whole one in its place"):
        imports.run("it")
