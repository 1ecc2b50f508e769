"""The search finds an identifier in every kind of file there is, however it is written there."""

import json
import sqlite3
from contextlib import closing
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.privacy import verification
from woopra_pipeline.privacy.plan import Identifier
from woopra_pipeline.privacy.verification import BLOCK_BYTES, search

NAME = Identifier("name", 'Ada "É" Łow@example.com')


def plain(path, text):
    path.write_text(text, encoding="utf-8")


def far_behind(path, text):
    """Across the end of what is read at once."""
    path.write_bytes(b"x" * (BLOCK_BYTES - 5) + text.encode())


def in_zstd(path, text):
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(json.dumps({"visitor": {"name": text}}).encode())


def in_parquet(path, text):
    table = pa.table({"n": [1, 2], "value": [None, text]})
    parquet.write_table(table, path, compression="zstd")


def in_duckdb(path, text):
    with duckdb.connect(path) as connection:
        connection.execute("create table rows as select 'Person ' || i as v from range(9999) r(i)")
        connection.execute("insert into rows values (?)", [text])


def in_sqlite(path, text):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table rows (n integer, content text)")
        connection.execute("insert into rows values (1, ?)", [json.dumps({"row": text * 500})])
        connection.commit()


@pytest.mark.parametrize(
    "write",
    [plain, far_behind, in_zstd, in_parquet, in_duckdb, in_sqlite],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(NAME.value, id="as it is"),
        pytest.param(NAME.value.upper(), id="capitals"),
        pytest.param(json.dumps(NAME.value), id="JSON"),
        pytest.param(json.dumps(json.dumps(NAME.value)), id="JSON in JSON"),
        pytest.param(f"https://example.com/?q={quote(NAME.value)}", id="URL"),
    ],
)
def test_it_is_found(tmp_path, write, text):
    directory = DataDirectory(tmp_path)
    suffix = ".zst" if write is in_zstd else ""
    if text.isupper() and write in {plain, far_behind, in_zstd, in_sqlite}:
        # Bytes: letters beyond ASCII are compared as they are.
        text = NAME.value.replace("Ada", "ADA")
    write(tmp_path / f"file{suffix}", text)
    (find, *_) = search(directory, [NAME]).finds
    assert find.path == f"file{suffix}"
    assert not search(directory, [Identifier("name", "Adam Low")]).finds


def test_a_damaged_file_is_said(tmp_path):
    in_parquet(tmp_path / "file", NAME.value)
    (tmp_path / "file").write_bytes((tmp_path / "file").read_bytes()[:-9])
    (tmp_path / "other.zst").write_bytes(b"damaged")
    result = search(DataDirectory(tmp_path), [NAME])
    assert [text.split()[0] for text in result.unreadable] == ["file", "other.zst"]


def test_what_stands_for_woopra_is_left_out_and_said(tmp_path):
    (tmp_path / "sandbox").mkdir()
    plain(tmp_path / "sandbox" / "world", NAME.value)
    result = search(DataDirectory(tmp_path), [NAME])
    assert (result.finds, result.left_out) == ((), ("sandbox",))


def test_what_begins_in_one_value_and_ends_in_the_next_is_none(tmp_path):
    table = pa.table({"value": ["here: Ada", " Low", "ada low".upper()]})
    parquet.write_table(table.slice(0, 2), tmp_path / "none", compression="zstd")
    parquet.write_table(table, tmp_path / "one", compression="zstd")
    finds = search(DataDirectory(tmp_path), [Identifier("name", "Ada Low")]).finds
    assert {find.path for find in finds if "column" in find.what} == {"one"}


def test_processes_find_what_one_process_finds(tmp_path, monkeypatch):
    directory = DataDirectory(tmp_path)
    for number, write in enumerate((plain, in_parquet, in_duckdb, in_sqlite)):
        write(tmp_path / f"file{number}", NAME.value)
    (tmp_path / "other.zst").write_bytes(b"damaged")
    by_one = search(directory, [NAME])
    monkeypatch.setattr(verification, "WORTH_WORKERS_BYTES", 0)
    assert search(directory, [NAME]) == by_one
    assert len({find.path for find in by_one.finds}) == 4
