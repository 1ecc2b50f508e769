"""The commands on a lake, as they are typed, and machines that share one."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from woopra_pipeline.archive.project import claim_archive
from woopra_pipeline.lake.days import log_days_in
from woopra_pipeline.lake.location import LAKE_VARIABLE, open_lake
from woopra_pipeline.model.database import connect_published
from woopra_pipeline_tests.cli.conftest import CommandLine, CommandLineForked, CommandLineHere
from woopra_pipeline_tests.lake.days_here import DAY, content_here, log_of, make_day
from woopra_pipeline_tests.lake.s3_server import ACCESS_KEY, SECRET_KEY

FIRST, SECOND = log_of(3), log_of(5)


@pytest.fixture
def machine(tmp_path):
    """A machine whose only day is archived and parsed."""
    machine = CommandLineHere(tmp_path / "machine")
    claim_archive(machine.directory.raw, "shop.example")
    make_day(machine.directory, FIRST)
    return machine


@pytest.fixture
def other(tmp_path):
    """A machine with an empty disk."""
    return CommandLineHere(tmp_path / "other")


def test_days_go_to_the_lake_and_come_back(machine, other, location):
    lake = {LAKE_VARIABLE: location}
    done = machine("lake", "update", **lake)
    assert done.returncode == 0, done.stderr
    assert "1 log day here, 1 of them put into the lake now" in done.stdout
    done = other("restore", **lake)
    assert done.returncode == 0, done.stderr
    assert "1 log day in the lake, 1 of them brought here now" in done.stdout
    assert content_here(other.directory) == FIRST
    assert "0 of them brought here now (0 bytes)" in other("restore", **lake).stdout


def test_only_the_days_that_are_named_are_restored(machine, other, tmp_path):
    lake = {LAKE_VARIABLE: str(tmp_path / "lake")}
    machine("lake", "update", **lake)
    assert "0 log days in the lake" in other("restore", "2026-03-06", "2026-03-09", **lake).stdout
    assert "1 log day in the lake" in other("restore", "2026-03-05", **lake).stdout


def test_a_day_of_which_something_else_is_here_is_refused_until_it_is_settled(
    machine, other, tmp_path
):
    lake = {LAKE_VARIABLE: str(tmp_path / "lake")}
    machine("lake", "update", **lake)
    make_day(other.directory, SECOND)
    done = other("restore", **lake)
    assert done.returncode == 1
    assert f"Log day {DAY} is another file here" in done.stderr
    assert f"1 of 1 log day could not be restored: {DAY}" in done.stderr
    assert content_here(other.directory) == SECOND
    done = other("lake", "update", **lake)
    assert done.returncode == 1
    assert f"1 of 1 log day could not be put into the lake: {DAY}" in done.stderr
    assert other("restore", str(DAY), str(DAY), "--take-lake", **lake).returncode == 0
    assert content_here(other.directory) == FIRST
    assert other("lake", "update", **lake).returncode == 0


def test_a_lake_of_another_project_is_refused(machine, other, tmp_path):
    lake = {LAKE_VARIABLE: str(tmp_path / "lake")}
    machine("lake", "update", **lake)
    done = other("restore", WOOPRA_PROJECT="other.example", **lake)
    assert done.returncode == 1
    assert "must not be mixed with that of other.example" in done.stderr


@pytest.mark.parametrize("command", [["lake", "update"], ["restore"]])
def test_without_a_lake_it_is_said_what_to_set(machine, command):
    done = machine(*command)
    assert done.returncode == 1
    assert done.stderr.strip() == "Error: WOOPRA_LAKE is not set: say where the lake is"


def test_no_key_is_shown_when_the_store_refuses(machine, s3_location):
    done = machine(
        "--debug",
        "lake",
        "update",
        **{LAKE_VARIABLE: s3_location},
        AWS_SECRET_ACCESS_KEY="wr0ng-k3y",
    )
    assert done.returncode == 1
    assert "it refuses access: 403" in done.stderr
    assert not any(key in done.stderr for key in ("wr0ng-k3y", SECRET_KEY, ACCESS_KEY))


TABLES = ("profiles", "visits", "actions", "profile_merges", "pid_aliases", "relog_audit")


def tables(machine: CommandLine) -> dict[str, list[tuple[object, ...]]]:
    with connect_published(machine.directory) as connection:
        return {
            table: connection.execute(f"select * from {table} order by all").fetchall()
            for table in TABLES
        }


def test_machines_share_the_days_of_a_backfill(tmp_path, s3_location):
    """Two at once, with disks of their own, on days that overlap."""
    alone, one, two = (CommandLineForked(tmp_path / name) for name in ("alone", "one", "two"))
    lake = {LAKE_VARIABLE: s3_location}
    with ThreadPoolExecutor() as at_once:
        running = [
            at_once.submit(alone, "backfill", "2026-01-05", "2026-01-07"),
            at_once.submit(one, "backfill", "2026-01-05", "2026-01-06", **lake),
            at_once.submit(two, "backfill", "2026-01-06", "2026-01-07", **lake),
        ]
    for done in (each.result() for each in running):
        assert done.returncode == 0, done.stderr
    assert len(log_days_in(open_lake(s3_location))) == 3

    # A day once more, and the model has all days that are in the lake.
    done = one("backfill", "2026-01-05", "2026-01-05", **lake)
    assert done.returncode == 0, done.stderr
    assert tables(one) == tables(alone)
    found = subprocess.run(["grep", "-rl", SECRET_KEY, tmp_path], check=False, capture_output=True)
    assert not found.stdout
