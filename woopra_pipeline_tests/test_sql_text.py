"""Texts, names and paths of any kind as SQL, read back by DuckDB."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from woopra_pipeline.sql_text import literal, quoted, read_parquet

TEXTS = [
    pytest.param("it's", id="a quote"),
    pytest.param("''", id="two quotes"),
    pytest.param('say "no"', id="double quotes"),
    pytest.param("back\\slash\\'", id="backslashes"),
    pytest.param("two\nlines; select 1 -- no", id="lines and a semicolon"),
    pytest.param("käse 🧀 %20 $1 {x}", id="no ASCII"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_that_text(text):
    assert duckdb.sql(f"select {literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("name", TEXTS)
def test_a_name_is_that_name(name):
    assert duckdb.sql(f"select 1 as {quoted(name)}").columns == [name]


@pytest.mark.parametrize(
    "folder",
    [
        "env=prod",
        "log_day=2026-01-01",
        "what? [x]*",
        "*",
        "**",
        "[!a]",
        "[[]",
        'it\'s "quoted"',
        "per%20cent, and {a,b}",
        "back\\slash",
        "käse\n🧀",
    ],
)
def test_a_parquet_file_is_read_wherever_it_is(tmp_path, folder):
    """Each lies beside one that its path would match as a pattern."""
    for number, name in enumerate((folder, "x", "what1 x2", "b")):
        path = tmp_path / name / "rows.parquet"
        path.parent.mkdir()
        parquet.write_table(pa.table({"number": [number], "log_day": ["a day"]}), path)
    first = tmp_path / folder / "rows.parquet"
    assert duckdb.sql(f"from {read_parquet([first])}").fetchall() == [(0, "a day")]
    other = tmp_path / "x" / "rows.parquet"
    assert duckdb.sql(f"select number from {read_parquet([first, other])}").fetchall() == [
        (0,),
        (1,),
    ]


def test_parquet_files_have_no_columns_but_their_own(tmp_path):
    path = Path(tmp_path, "a=1", "b=2", "rows.parquet")
    path.parent.mkdir(parents=True)
    parquet.write_table(pa.table({"a": ["own"]}), path)
    rows = duckdb.sql(f"from {read_parquet([path])}")
    assert (rows.columns, rows.fetchall()) == (["a"], [("own",)])
