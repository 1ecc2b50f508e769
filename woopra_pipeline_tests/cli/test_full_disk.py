"""On a disk that is really full: one line says so; with room, the same command carries on."""

import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def small_disk(folder, size):
    """A file system of so many bytes at `folder`, in memory; needs the right to mount."""
    folder.mkdir()
    options = f"size={size}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.long
@pytest.mark.parametrize(
    "kilobytes",
    [
        pytest.param(64, id="nothing fits"),
        pytest.param(900, id="Dagster"),
        pytest.param(3_000, id="parsing"),
        pytest.param(8_000, id="the model"),
    ],
)
def test_a_backfill_says_so_in_one_line(command_line, kilobytes):
    folder = command_line.folder / "disk"
    with small_disk(folder, kilobytes << 10):
        failed = type(command_line)(folder / "data")("backfill", "2026-01-01", "2026-01-06")
    assert failed.returncode == 1
    assert failed.stdout == ""
    *progress, error = failed.stderr.splitlines()
    assert error.startswith(f"Error: The disk {folder} is full, with ")
    assert "bytes free, while " in error
    assert error.endswith("make room there, then try again")
    assert not any("SQL" in line or "Traceback" in line for line in progress), failed.stderr


def test_the_same_command_carries_on_when_there_is_room(command_line):
    folder = command_line.folder / "disk"
    with small_disk(folder, 3 << 20):
        data = type(command_line)(folder / "data")
        failed = data("backfill", "2026-01-01", "2026-01-03")
        assert failed.returncode == 1
        assert f"The disk {folder} is full" in failed.stderr
        subprocess.run(["mount", "-o", "remount,size=200m", folder], check=True)
        assert data("backfill", "2026-01-01", "2026-01-03").returncode == 0


@pytest.mark.parametrize("name", ["runs.db", "index.db"])
def test_damaged_files_of_dagster_are_said_in_one_line(after_backfill, name):
    found = list((after_backfill.folder / "dagster").rglob(name))
    assert len(found) == 1
    found[0].write_bytes(b"damaged " * 1000)
    failed = after_backfill("backfill", "2026-01-01", "2026-01-01")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith("Error: Dagster's files in ")
    assert "rename that folder" in line
