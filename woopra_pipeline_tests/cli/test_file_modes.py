"""Nobody but the owner, or the group, can read anything below the data directory."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
select {'email': 'ada@example.com'} as visitor, 'order' as name, $day_start_ms as time
"""


def modes_below(folder):
    """The mode of every file and folder below `folder`, by its path."""
    return {
        str(path): stat.S_IMODE(path.lstat().st_mode)
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def test_of_what_the_demo_makes_nothing_can_be_read_by_others(demo_line):
    found = modes_below(demo_line.folder)
    assert len(found) > 300
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o077} == {}


def test_a_group_can_write_what_it_shares(command_line):
    folder = command_line.folder / "shared"
    done = [
        type(command_line)(folder)(*arguments, WOOPRA_FILE_MODE="group")
        for arguments in (
            ["backfill", "2026-01-01", "2026-01-02"],
            ["import", "--example", "orders"],
            ["import", "--list"],
        )
    ]
    (folder / "imports" / "sources" / "orders.sql").write_text(SOURCE)
    done.append(
        type(command_line)(folder)("import", "--day", "2026-01-02", WOOPRA_FILE_MODE="group")
    )
    assert [process.stderr for process in done if process.returncode] == []
    found = modes_below(folder)
    assert len(found) > 50
    for path, mode in {str(folder): stat.S_IMODE(folder.stat().st_mode), **found}.items():
        assert mode == (0o2770 if Path(path).is_dir() else 0o660), (path, oct(mode))


def test_a_directory_of_before_is_closed_by_the_next_command(after_backfill):
    for path in (after_backfill.folder, *after_backfill.folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert after_backfill("backfill", "2026-01-01", "2026-01-01").returncode == 0
    assert [path for path, mode in modes_below(after_backfill.folder).items() if mode & 0o077] == []


@pytest.mark.parametrize("command", [["status"], ["backfill", "2026-01-01", "2026-01-01"]])
def test_another_mode_than_there_is_is_said(command_line, command):
    failed = command_line(*command, WOOPRA_FILE_MODE="everyone")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith("Error: WOOPRA_FILE_MODE is 'everyone': set it to group")


def test_dagster_and_its_children_create_nothing_for_others(command_line):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import woopra_pipeline.definitions, os; print(oct(os.umask(0)))",
        ],
        env=command_line.environment(),
        capture_output=True,
        text=True,
        check=True,
        umask=0o022,
    )
    assert done.stdout.strip() == "0o77", os.fsdecode(done.stderr)
