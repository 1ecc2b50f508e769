import csv
import io
import json
import os
import shlex
import subprocess

import pyarrow.parquet as pq
import pytest

from woopra_pipeline_tests.cli.conftest import PROGRAM

EXACT = """
    select
        170141183460469231731687303715884105727::hugeint as huge,
        1.50::decimal(4, 2) as amount,
        12345678901234567890.123456789::decimal(38, 9) as precise,
        0.1::double as fraction,
        'nan'::double as no_number,
        true as yes,
        null as nothing,
        'quo"te, comma' as words,
        [1, 2] as numbers,
        {'key': [date '2026-01-02']} as nested,
        map {'a': 1} as mapped,
        '{"a": 1.50, "b": 12345678901234567890123}'::json as object,
        '"text"'::json as string,
        timestamptz '2026-01-01 00:30:00-08' as instant,
        date '2026-01-02' as log_day,
        1 as twice,
        2 as twice
"""


def output(command_line, *arguments):
    done = command_line("query", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sql_may_begin_with_a_comment(demo_line):
    assert output(demo_line, "-- one\nselect 1 as one", "--format", "csv") == "one\n1\n"


def test_json_keeps_every_value_exact(demo_line):
    printed = output(demo_line, EXACT, "--format", "json")
    assert '"amount":1.50,"precise":12345678901234567890.123456789,' in printed
    assert '"object":{"a": 1.50, "b": 12345678901234567890123}' in printed
    assert json.loads(printed) == [
        {
            "huge": 170141183460469231731687303715884105727,
            "amount": 1.5,
            "precise": 12345678901234567890.123456789,
            "fraction": 0.1,
            "no_number": None,
            "yes": True,
            "nothing": None,
            "words": 'quo"te, comma',
            "numbers": [1, 2],
            "nested": {"key": ["2026-01-02"]},
            "mapped": {"a": 1},
            "object": {"a": 1.5, "b": 12345678901234567890123},
            "string": "text",
            "instant": "2026-01-01 08:30:00+00",
            "log_day": "2026-01-02",
            "twice": 1,
            "twice_1": 2,
        }
    ]


def test_csv_can_be_read_back(demo_line):
    rows = list(csv.reader(io.StringIO(output(demo_line, EXACT, "--format", "csv"))))
    row = dict(zip(*rows, strict=True))
    assert row["huge"] == "170141183460469231731687303715884105727"
    assert row["words"] == 'quo"te, comma'
    assert row["nothing"] == ""
    assert row["object"] == '{"a": 1.50, "b": 12345678901234567890123}'
    assert row["instant"] == "2026-01-01 08:30:00+00"


def test_a_table_is_for_reading(demo_line):
    printed = output(demo_line, "select 'a [bold] word' as word, null as nothing, 7 as number")
    assert "a [bold] word" in printed
    assert "NULL" in printed


def test_a_long_table_is_cut_and_says_so(demo_line):
    done = demo_line("query", "select 'row' || range from range(1001)")
    assert "row999" in done.stdout
    assert "row1000" not in done.stdout
    assert done.stderr == (
        "These are the first 1,000 rows; --format csv, json or parquet gives all of them\n"
    )


@pytest.mark.parametrize(
    ("output_format", "printed"),
    [pytest.param("json", "[]\n", id="json"), pytest.param("csv", "pid\n", id="csv")],
)
def test_no_rows(demo_line, output_format, printed):
    assert output(demo_line, "select pid from profiles limit 0", "--format", output_format) == (
        printed
    )


def test_a_reader_may_stop_early(demo_line):
    with demo_line.start("query", "from range(10_000_000)", "--format", "csv") as process:
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.mark.long
def test_memory_stays_bounded_however_many_rows_there_are(demo_line):
    """Two million rows of 300 letters: 600 MB of text alone, were they held at once."""
    sql = "select repeat('x', 300) from range(2_000_000)"
    with demo_line.start("query", sql, "--format", "csv") as process:
        assert sum(1 for _ in process.stdout) == 2_000_001
        _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    assert usage.ru_maxrss < 400_000


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        pytest.param("create table t (i int)", "query only reads", id="create"),
        pytest.param("delete from log.lines", "query only reads", id="delete"),
        pytest.param("drop view visits", "query only reads", id="drop"),
        pytest.param("copy (select 1) to '/tmp/x.csv'", "query only reads: COPY", id="copy"),
        pytest.param("attach '/tmp/other.duckdb'", "query only reads: ATTACH", id="attach"),
        pytest.param("export database '/tmp/x'", "query only reads: EXPORT", id="export"),
        pytest.param(
            "explain analyze copy (select 1) to '/tmp/x.csv'",
            "query only reads: COPY",
            id="explain",
        ),
        pytest.param(
            "pragma profiling_output = '/tmp/x'", "it changes TimeZone and Calendar", id="pragma"
        ),
        pytest.param(
            "set log_query_path = '/tmp/x'", "it changes TimeZone and Calendar", id="setting"
        ),
        pytest.param(
            "call enable_logging(storage_path = '/tmp/x')", "query only reads: CALL", id="call"
        ),
        pytest.param(
            "select 1; from enable_logging(storage_path = '/tmp/x')",
            "query only reads: the function enable_logging",
            id="function",
        ),
        pytest.param(
            "create persistent secret s (type s3)", "query only reads: CREATE", id="secret"
        ),
        pytest.param("from read_text('/etc/passwd')", "it opens no other file", id="another file"),
        pytest.param("from '/etc/x.csv'", "it opens no other file", id="a file as a table"),
        pytest.param("from glob('/*')", "it opens no other file", id="a folder"),
        pytest.param("selec 1", 'syntax error at or near "selec"', id="syntax error"),
        pytest.param("from nowhere", "nowhere does not exist", id="unknown table"),
        pytest.param("select 1/'x'", "Could not convert string 'x'", id="while it runs"),
        pytest.param("  ", "The SQL is empty", id="nothing"),
    ],
)
def test_what_cannot_be_done_is_one_line(demo_line, sql, sentence):
    before = demo_line.directory.published_model.stat()
    failed = demo_line("query", sql)
    assert failed.returncode != 0
    assert failed.stdout == ""
    assert len(failed.stderr.splitlines()) == 1
    assert sentence in failed.stderr
    assert demo_line.directory.published_model.stat() == before


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("show tables", id="show"),
        pytest.param("describe profiles", id="describe"),
        pytest.param("explain select 1", id="explain"),
        pytest.param("explain analyze select count(*) from visits", id="explain analyze"),
        pytest.param("summarize log_days", id="summarize"),
        pytest.param("pragma table_info('visits')", id="pragma"),
        pytest.param("from duckdb_columns()", id="DuckDB's own tables"),
        pytest.param("from visits_as_of('2026-01-10')", id="as of"),
        pytest.param("from imports", id="imports"),
        pytest.param("set timezone = 'America/Los_Angeles'; select now()", id="setting first"),
        pytest.param("set variable x = 1; select getvariable('x'); select 2;", id="several"),
        pytest.param("pivot actions on name using count(*) group by log_day", id="pivot"),
    ],
)
def test_whatever_returns_rows_is_printed(demo_line, sql):
    assert output(demo_line, sql).strip()


def test_every_query_has_a_folder_of_its_own_to_spill_to(demo_line):
    """DuckDB crashes where two processes share one."""
    sql = "select current_setting('temp_directory')"
    first, second = (output(demo_line, sql, "--format", "csv") for _ in range(2))
    assert first != second
    assert not list(demo_line.folder.glob("*.tmp"))


def test_sql_stands_in_a_file_too(demo_line, tmp_path):
    path = tmp_path / "people.sql"
    path.write_text("-- people\nselect count(*) as people from profiles;\n", encoding="utf-8-sig")
    assert output(demo_line, "--file", str(path), "--format", "csv").startswith("people\n")
    both = demo_line("query", "select 1", "--file", str(path))
    assert "Give the SQL, or a file with it" in both.stderr


def test_sql_comes_from_stdin_too(demo_line):
    done = subprocess.run(
        [PROGRAM, "query", "--file", "-", "--format", "csv"],
        input="select 1 as one",
        env=demo_line.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "one\n1\n"


def test_parquet_has_all_rows_and_their_types(demo_line, tmp_path):
    path = tmp_path / "rows.parquet"
    sql = "select pid, properties, first_seen_at, 1 as n, 2 as n from profiles order by pid"
    with path.open("wb") as file:
        subprocess.run(
            [PROGRAM, "query", sql, "--format", "parquet"],
            stdout=file,
            env=demo_line.environment(),
            check=True,
        )
    rows = pq.read_table(path)
    assert rows.schema.names == ["pid", "properties", "first_seen_at", "n", "n_1"]
    assert str(rows.schema.field("first_seen_at").type) == "timestamp[us, tz=UTC]"
    assert rows.num_rows == int(output(demo_line, "from profiles select count(*)").split()[-1])


def on_terminal(command_line, columns, *arguments):
    """What a command prints to a terminal that is so many columns wide."""
    command = shlex.join([PROGRAM, *arguments])
    done = subprocess.run(
        ["script", "-qec", f"unset COLUMNS; stty cols {columns}; {command}", os.devnull],
        env=command_line.environment(TERM="xterm"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_table_that_does_not_fit_is_shown_one_row_below_the_other(demo_line):
    sql = "select repeat('a', 40) as first, repeat('b', 700) as second, null as third from range(2)"
    assert "row 1" not in on_terminal(demo_line, 2_000, "query", sql)
    shown = on_terminal(demo_line, 60, "query", sql)
    assert "row 2" in shown
    assert "a" * 40 in shown
    assert "b… (700" in shown
    assert "NULL" in shown
    piped = output(demo_line, sql)
    assert "row 1" not in piped
    assert "b" * 700 in piped
