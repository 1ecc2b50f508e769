"""A lake keeps files, in a folder as in an object store, and says what is wrong without keys."""

import os
import subprocess
import sys

import duckdb
import pytest

from woopra_pipeline.errors import ConfigurationError, LakeError, LakeUnreachableError
from woopra_pipeline.lake.location import LAKE_VARIABLE, Lake, open_lake
from woopra_pipeline_tests.lake.s3_server import ACCESS_KEY, SECRET_KEY


def test_what_is_written_is_read(lake):
    lake.write("raw/project", b"shop.example\n")
    lake.write("raw/project", b"shop.example.com\n")
    assert lake.read("raw/project") == b"shop.example.com\n"
    assert lake.size("raw/project") == 17


def test_what_is_missing_is_none(lake):
    assert lake.read("raw/project") is None
    assert lake.size("raw/project") is None
    assert list(lake.entries("raw")) == []
    assert lake.folders("raw") == []
    with pytest.raises(LakeError, match="has no raw/project"), lake.opened("raw/project"):
        pass


def test_a_file_larger_than_a_part_comes_back_as_it_was(lake, tmp_path):
    source = tmp_path / "source"
    content = b"".join(number.to_bytes(4, "big") for number in range(5_000_000))
    source.write_bytes(content)
    lake.upload("raw/large", source)
    with lake.opened("raw/large") as blocks:
        assert b"".join(blocks) == content


def test_one_of_two_creates_a_file(lake):
    assert lake.create("raw/project", b"one")
    assert not lake.create("raw/project", b"other")
    assert lake.read("raw/project") == b"one"


def test_a_file_is_exchanged_only_while_it_is_what_was_read(lake):
    assert not lake.exchange("manifest", b"new", "no version")
    lake.write("manifest", b"old")
    found = lake.read_with_version("manifest")
    assert lake.exchange("manifest", b"new", found.version)
    assert not lake.exchange("manifest", b"newer", found.version)
    assert lake.read("manifest") == b"new"


def test_files_and_folders_are_listed(lake):
    for name in ("raw/2026-01-02/a", "raw/2026-01-01/b", "parsed/2026-01-01/folder/c", "project"):
        lake.write(name, name.encode())
    entries = {entry.name: entry.size for entry in lake.entries("raw")}
    assert entries == {"raw/2026-01-01/b": 16, "raw/2026-01-02/a": 16}
    assert lake.folders("raw") == ["2026-01-01", "2026-01-02"]
    assert lake.folders("") == ["parsed", "raw"]


def test_removed_files_are_gone_and_others_stay(lake):
    for name in ("raw/2026-01-01/a", "raw/2026-01-01/b"):
        lake.write(name, b"")
    lake.remove(["raw/2026-01-01/a", "raw/2026-01-01/never"])
    assert [entry.name for entry in lake.entries("")] == ["raw/2026-01-01/b"]


def test_duckdb_reads_and_writes_there(lake):
    lake.write("here", b"")
    with duckdb.connect() as connection:
        lake.let_duckdb_reach(connection)
        path = lake.uri("rows.parquet")
        connection.execute(f"copy (select 17 as number) to '{path}'")
        assert connection.execute(f"from '{path}'").fetchall() == [(17,)]


def test_without_the_variable_there_is_no_lake(monkeypatch):
    monkeypatch.delenv(LAKE_VARIABLE, raising=False)
    assert Lake.from_environment() is None


@pytest.mark.parametrize(
    "location",
    ["ftp://host/folder", "s3://", "s3:///prefix", "s3://a b", "s3://bucket/a?b", "/folder/*"],
)
def test_what_is_no_place_is_refused(location):
    with pytest.raises(ConfigurationError, match=LAKE_VARIABLE):
        open_lake(location)


def test_credentials_in_the_location_are_not_repeated():
    with pytest.raises(ConfigurationError) as refused:
        open_lake("s3://user:pa55word@bucket/prefix")
    assert "pa55word" not in str(refused.value)


def test_an_endpoint_with_a_password_is_refused_without_it(s3_location, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:pa55word@127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL") as refused:
        open_lake(s3_location)
    assert "pa55word" not in str(refused.value)


def test_wrong_keys_are_said_and_not_shown(s3_location, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wr0ng")
    lake = open_lake(s3_location)
    for attempt in (
        lambda: lake.read("project"),
        lambda: lake.write("project", b""),
        lambda: list(lake.entries("raw")),
    ):
        with pytest.raises(LakeError, match=r"403 Forbidden.*AWS_SECRET_ACCESS_KEY") as refused:
            attempt()
        shown = repr(refused.value)
        assert not any(key in shown for key in ("wr0ng", ACCESS_KEY, SECRET_KEY))
        assert refused.value.__suppress_context__


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "raw").write_bytes(b"a file in the place of a folder")
    lake = open_lake(str(tmp_path))
    assert lake.read("raw/project") is None
    for attempt in (
        lambda: lake.write("raw/project", b""),
        lambda: lake.create("raw/project", b""),
        lambda: lake.upload("raw/copy", tmp_path / "raw"),
    ):
        with pytest.raises(LakeUnreachableError, match="cannot be written"):
            attempt()


def test_a_bucket_that_is_not_there_is_said(s3_location):
    lake = open_lake("s3://nobody-made-this/prefix")
    with pytest.raises(LakeError, match="there is no nobody-made-this"):
        lake.read("project")


def test_a_store_that_does_not_answer_is_said(s3_location, monkeypatch):
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("woopra_pipeline.lake.object_store.RETRIES", {"max_retries": 0})
    with pytest.raises(LakeError, match="cannot be reached: check the network"):
        open_lake(s3_location).read("project")


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "woopra_pipeline.lake.object_store", raising=False)
    with pytest.raises(ConfigurationError, match=r"pip install 'woopra-pipeline\[lake\]'"):
        open_lake("s3://bucket/prefix")


def test_all_but_the_lake_works_without_the_extra(tmp_path):
    without = "import sys; sys.modules.update(dict.fromkeys(['obstore', 'deltalake']));"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{without} import woopra_pipeline.definitions"],
        env={**os.environ, "WOOPRA_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_needs_no_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "obstore", None)
    open_lake(str(tmp_path)).write("project", b"shop.example")
    assert (tmp_path / "project").read_bytes() == b"shop.example"
