"""Whoever meets a full disk, the same sentence says which one, how much is free, and what was done.

What is raised here is raised by the real thing: Linux's always full device, SQLite at its largest
number of pages, a limit on the size of files.
"""

import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import create_engine, text

from woopra_pipeline.errors import DiskFullError, LedgerError
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.test_damaged_files import FIRST, SECOND, THIRD, days_in, directory

__all__ = ["directory"]

ALWAYS_FULL = Path("/dev/full")
SMALLER_THAN_A_BLOCK = 100_000
"""Bytes: room for DuckDB's headers and its log of a small table, not for a block of 256 KiB."""


def write_a_file(folder):
    with ALWAYS_FULL.open("wb", buffering=0) as file:
        file.write(b"x")


def write_with_duckdb(folder):
    duckdb.sql("select * from range(100000)").write_csv(str(ALWAYS_FULL))


def fill_sqlite(folder):
    connection = sqlite3.connect(folder / "small.sqlite")
    connection.execute("pragma max_page_count = 2")
    connection.execute("create table filled (content blob)")
    connection.execute("insert into filled values (?)", [bytes(100_000)])


def fill_sqlite_by_sqlalchemy(folder):
    with create_engine(f"sqlite:///{folder / 'small.sqlite'}").begin() as connection:
        connection.execute(text("pragma max_page_count = 2"))
        connection.execute(text("create table filled (content blob)"))
        connection.execute(text("insert into filled values (:it)"), {"it": bytes(100_000)})


def wrap_it(folder):
    try:
        write_a_file(folder)
    except OSError as error:
        raise LedgerError("put it back from a backup") from error


def meet_it_again(folder):
    with needs_room(folder, "updating the model"):
        write_a_file(folder)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "fill",
    [write_a_file, write_with_duckdb, fill_sqlite, fill_sqlite_by_sqlalchemy, wrap_it],
)
def test_it_is_said_in_a_sentence(tmp_path, fill):
    folder = tmp_path / "not" / "there"
    with pytest.raises(DiskFullError) as raised, needs_room(folder, "writing it"):
        fill(tmp_path)
    sentence = str(raised.value)
    assert sentence.startswith("The disk /")
    assert f"bytes free, while writing it in {folder}: make room there" in sentence
    assert "\n" not in sentence
    assert "SQL" not in sentence


def test_what_was_done_first_is_named(tmp_path):
    with (
        pytest.raises(DiskFullError, match="while updating the model"),
        needs_room(tmp_path, "recording runs"),
    ):
        meet_it_again(tmp_path)


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), needs_room(tmp_path, "reading"):
        (tmp_path / "absent").read_bytes()


def test_a_publication_that_finds_no_room_leaves_what_is_published(directory, monkeypatch):
    copy = "woopra_pipeline.model.database.shutil.copyfile"
    monkeypatch.setattr(copy, lambda source, target: write_a_file(target))
    with pytest.raises(DiskFullError, match="while updating the model"):
        update_model(directory)
    monkeypatch.undo()
    assert days_in(directory) == [FIRST, SECOND]
    update_model(directory)
    assert days_in(directory) == [FIRST, SECOND, THIRD]


def limited():
    """In a child: no file may get larger than this."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_limit_on_the_size_of_files_is_said_too(directory):
    script = """
import sys
from pathlib import Path
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model

update_model(DataDirectory(Path(sys.argv[1])))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, directory.root],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    last_line = done.stderr.splitlines()[-1]
    assert "DiskFullError: A file below" in last_line
    assert "raise the limit on the size of files (ulimit -f)" in last_line
    update_model(directory)
    assert days_in(directory) == [FIRST, SECOND, THIRD]


def test_a_database_that_does_not_fit_is_no_success(tmp_path):
    """DuckDB closes a database whose log it could not write into the file, and says nothing."""
    path = tmp_path / "small.duckdb"
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from woopra_pipeline.model.database import connect\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALLER_THAN_A_BLOCK},) * 2)\n"
        "with connect(Path(sys.argv[1])) as connection:\n"
        "    connection.execute('create table small as select 1 as one')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "File too large" in ended.stderr
