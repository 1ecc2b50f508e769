"""An erasure reaches the lake: its days, its tables, and machines that share it (R10)."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.archive.project import claim_archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.checking import compare_with_model
from woopra_pipeline.lake.days import find_archived, find_parsed
from woopra_pipeline.lake.erasing import erase_in_lake
from woopra_pipeline.lake.homes import bring_parsed_days, log_days_here, put_missing_days
from woopra_pipeline.lake.location import LAKE_VARIABLE
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_archived, take_day
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline.model.update import update_model
from woopra_pipeline.privacy.erasing import finish
from woopra_pipeline.privacy.merges import Life
from woopra_pipeline.privacy.plan import Identifier
from woopra_pipeline.privacy.register import Counts, Erasure, Register, write_register
from woopra_pipeline.privacy.verification import search
from woopra_pipeline_tests.cli.conftest import CommandLineHere
from woopra_pipeline_tests.lake.computed_tables import expected_tables
from woopra_pipeline_tests.lake.days_here import names_in, replace_day
from woopra_pipeline_tests.lake.published_lakes import put_log, seen_by_readers

FIRST_DAY = date(2026, 3, 3)
BOBS_DAY = FIRST_DAY + timedelta(days=1)
ADA = Identifier("email", "ada@example.com")
OF_ADA = (
    b'{"type":"visit","pid":"ada","time":1772500000000,"visitor":{"email":"ada@example.com"},'
    b'"actions":[{"name":"pv","time":1772500000000}]}\n'
)
OF_BOB = (
    b'{"type":"visit","pid":"bob","time":1772500000000,"visitor":{"email":"bob@example.com"},'
    b'"actions":[{"name":"pv","time":1772500000000}]}\n'
)
LOG = {
    FIRST_DAY: OF_ADA + OF_BOB,
    BOBS_DAY: OF_BOB,
    FIRST_DAY + timedelta(days=2): OF_BOB + OF_ADA + b'{"type":"delete","pid":"ada"}\n',
}
ERASURE = Erasure(
    name="first",
    moment=datetime(2026, 3, 7, tzinfo=UTC),
    and_future=False,
    lives=(Life("ada", 0),),
    pids=("ada",),
    counts=Counts(0, 0, 0, 0, 0, 0, 0),
)


@pytest.fixture
def here(tmp_path):
    directory = DataDirectory(tmp_path / "here")
    claim_archive(directory.raw, "shop.example")
    return directory


@pytest.fixture
def other(tmp_path):
    """Another machine."""
    return DataDirectory(tmp_path / "other")


def enter(directory):
    directory.erasures.mkdir(parents=True)
    write_register(directory.erasures, Register((ERASURE,)))


def finds(lake, directory):
    return [find.path for find in search(directory, [ADA], lake=lake).finds]


def test_the_command_erases_and_searches_in_the_lake(location, lake, here):
    put_log(lake, here, {log_day: LOG[log_day] for log_day in (FIRST_DAY, BOBS_DAY)})
    command_line = CommandLineHere(here.root)
    where = {LAKE_VARIABLE: location}
    assert command_line("lake", "update", **where).returncode == 0
    untouched = {name for name in names_in(lake) if str(BOBS_DAY) in name}
    assert update_model(here).row_counts["profiles"] == 2
    found = command_line("erase", "--verify", "--email", ADA.value, **where)
    assert found.returncode == 1
    assert f"Found in {lake.uri(f'raw/{FIRST_DAY}')}" in found.stdout
    assert f"Found in {lake.uri('tables')}" in found.stdout
    erased = command_line("erase", "--email", ADA.value, "--yes", **where)
    assert erased.returncode == 0, erased.stderr
    verified = command_line("erase", "--verify", "--email", ADA.value, **where)
    assert verified.returncode == 0, verified.stdout
    assert {name for name in names_in(lake) if str(BOBS_DAY) in name} == untouched
    assert all(comparison.is_equal for comparison in compare_with_model(lake, here))


def test_days_that_are_only_in_the_lake_are_reached(lake, here, other):
    put_log(lake, here, LOG)
    before = names_in(lake)
    enter(other)
    assert not bring_parsed_days(lake, other).bad
    finish(other, lake=lake)
    assert finds(lake, other) == []
    assert update_model(other).row_counts["visits"] == 3
    assert find_archived(lake, FIRST_DAY)[0].erased_line_count == 1
    assert {name for name in before if str(BOBS_DAY) in name} <= names_in(lake)


def test_earlier_versions_in_the_lake_are_reached(lake, here, other):
    put_log(lake, here, {BOBS_DAY: OF_BOB + OF_ADA})
    replace_day(here, OF_BOB + OF_BOB, BOBS_DAY)
    put_day(lake, here, BOBS_DAY)
    enter(other)
    finish(other, lake=lake)
    (earlier,) = find_archived(lake, BOBS_DAY)[0].earlier
    assert (earlier.erased_line_count, finds(lake, other)) == (1, [])


def test_the_tables_of_before_are_gone(lake, here):
    put_log(lake, here, LOG)
    before = update_tables(lake, here).publication
    enter(here)
    finish(here, lake=lake)
    assert finds(lake, here) == []
    rows = seen_by_readers(lake)
    assert len(rows["visits"]) == 3
    assert rows["profiles"] == expected_tables(dict.fromkeys(LOG, OF_BOB))["profiles"]
    with pytest.raises(duckdb.Error):
        seen_by_readers(lake, before)


def test_a_machine_with_a_copy_of_before_does_not_bring_it_back(lake, here, other):
    put_log(lake, here, LOG)
    put_log(lake, other, LOG)
    enter(here)
    finish(here, lake=lake)
    assert not put_missing_days(lake, other, log_days_here(other)).bad
    assert finds(lake, here) == []
    for log_day in LOG:
        take_day(lake, other, log_day)
    update_model(other)
    assert finds(None, other) == []


def test_what_is_taken_from_a_lake_that_was_not_reached_is_erased_here(lake, here, other):
    put_log(lake, here, LOG)
    enter(other)
    for log_day in LOG:
        take_day(lake, other, log_day)
    update_model(other)
    assert finds(None, other) == []
    take_archived(lake, Archive(other.raw), FIRST_DAY)
    assert finds(None, other) == []
    assert not put_missing_days(lake, other, log_days_here(other)).bad
    assert find_archived(lake, FIRST_DAY)[0].erased_line_count == 1


def test_what_a_killed_erasure_left_is_removed(lake, here):
    put_log(lake, here, LOG)
    enter(here)
    update_model(here)
    for log_day in LOG:
        put_day(lake, here, log_day, replaces=True)
    assert finds(lake, here) != []
    persons = Register((ERASURE,)).persons()
    assert erase_in_lake(lake, here, persons) == 0
    assert finds(lake, here) == []
    before = names_in(lake)
    assert erase_in_lake(lake, here, persons) == 0
    assert names_in(lake) == before


def test_rows_that_are_of_the_file_of_before_are_made_again(lake, here):
    put_log(lake, here, LOG)
    stale = find_parsed(lake, FIRST_DAY)[1].content
    enter(here)
    finish(here, lake=lake)
    manifest = f"parsed/{FIRST_DAY}/manifest.json"
    current = find_parsed(lake, FIRST_DAY)[0]
    lake.write(manifest, stale)
    erase_in_lake(lake, here, Register((ERASURE,)).persons())
    assert find_parsed(lake, FIRST_DAY)[0].raw_sha256 == current.raw_sha256
