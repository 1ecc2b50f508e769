"""A lock is held by one, and by nobody once its process was killed; who holds it is told.

That is told as far as it is known, whatever is in the file that says so.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from woopra_pipeline.locks import (
    HeldElsewhereError,
    alone,
    held,
    lives,
    lock_until_closed,
    locked,
    locked_folder,
)

NOW = datetime(2026, 3, 5, tzinfo=UTC)


def hold(path):
    with held(path, NOW):
        pytest.fail("it is held already")


def test_the_holder_is_named_and_lives(tmp_path):
    path = tmp_path / "lock"
    with held(path, NOW):
        assert lives(path)
        with pytest.raises(HeldElsewhereError, match=f"process {os.getpid()} "):
            hold(path)
    assert not lives(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"process":"x"}'])
def test_a_damaged_file_names_nobody(tmp_path, content):
    path = tmp_path / "lock"
    with held(path, NOW):
        (tmp_path / "lock.holder.json").write_bytes(content)
        with pytest.raises(HeldElsewhereError, match="another process"):
            hold(path)


def test_the_holder_on_another_machine_may_live(tmp_path):
    path = tmp_path / "lock"
    (tmp_path / "lock.holder.json").write_text(
        '{"process":1,"host":"elsewhere","program":"p","since":"2026-03-05"}'
    )
    assert lives(path)


def is_held(path):
    try:
        with locked(path, waits=False):
            return False
    except HeldElsewhereError:
        return True


HOLDERS = {
    "held": "locks.held(path, datetime.now(UTC))",
    "alone": "locks.alone(path)",
    "locked": "locks.locked(path)",
    "locked_folder": "locks.locked_folder(path)",
}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_lock_dies_with_its_process(tmp_path, name):
    path = tmp_path / "lock"
    if name == "locked":
        path.touch()
    script = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from woopra_pipeline import locks

path = Path(sys.argv[1])
with {HOLDERS[name]}:
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        assert is_held(path)
        process.kill()
    assert not is_held(path)


def test_a_lock_file_is_held_by_one(tmp_path):
    path = tmp_path / "lock"
    with alone(path), pytest.raises(HeldElsewhereError), alone(path, waits=False):
        pytest.fail("it is held already")
    with alone(path, waits=False):
        assert is_held(path)


def test_what_is_locked_itself_stays_as_it_is(tmp_path):
    folder = tmp_path / "folder"
    with locked_folder(folder):
        assert is_held(folder)
    (folder / "file").write_bytes(b"content")
    with locked(folder / "file"):
        assert is_held(folder / "file")
    assert (folder / "file").read_bytes() == b"content"
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_an_open_file_is_locked_until_it_is_closed(tmp_path):
    path = tmp_path / "file"
    with path.open("wb") as file:
        lock_until_closed(file.fileno())
        assert is_held(path)
    assert not is_held(path)
