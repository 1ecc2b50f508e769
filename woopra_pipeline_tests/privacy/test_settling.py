"""The files of the log are brought in line with the register, whatever of them is there."""

import shutil
from datetime import UTC, date, datetime, timedelta

import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.archive.overwriting import overwrite_archived
from woopra_pipeline.current_day.day_files import (
    find_usable_day,
    grow,
    log_file,
    start_current_day,
)
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import find_parsed_day
from woopra_pipeline.privacy import settling
from woopra_pipeline.privacy.erasing import enter
from woopra_pipeline.privacy.merges import Life
from woopra_pipeline.privacy.plan import Finder, Identifier
from woopra_pipeline.privacy.register import (
    Counts,
    Erasure,
    Register,
    digest_key,
    read_register,
    write_register,
)
from woopra_pipeline.privacy.settling import settle_erasures
from woopra_pipeline.privacy.verification import search
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.published_tables import in_order, published_tables
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.shared_folders import shared_folder

FIRST_DAY = date(2026, 3, 3)
ADA = Identifier("email", "ada@example.com")
OF_ADA = (
    b'{"type":"visit","pid":"ada","time":1772500000000,"visitor":{"email":"ada@example.com"},'
    b'"actions":[{"name":"pv","time":1772500000000}]}\n'
    b'{"type":"identify","pid":"ada","time":0,"visitor":{"email":"ada@example.com"}}\n'
)
OF_BOB = (
    b'{"type":"visit","pid":"bob","time":1772500000000,"visitor":{"email":"bob@example.com"},'
    b'"actions":[{"name":"pv","time":1772500000000}]}\nwhat is this?\n\n'
)
LOG = {
    FIRST_DAY: OF_ADA + OF_BOB,
    FIRST_DAY + timedelta(days=1): OF_BOB,
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
def directory(tmp_path, tmp_path_factory):
    """Three days, all of them in the model."""
    made = shared_folder(tmp_path_factory, "privacy-settling", make_days)
    return DataDirectory(shutil.copytree(made, tmp_path / "data"))


def make_days(folder):
    directory = DataDirectory(folder)
    archive = Archive(directory.raw)
    for log_day, file in LOG.items():
        archive_file(archive, log_day, file)
        parse_log_day(archive, log_day, directory.parsed)
    update_model(directory)


def erase(directory):
    directory.erasures.mkdir()
    write_register(directory.erasures, Register((ERASURE,)))
    update_model(directory)


def test_only_days_with_lines_of_hers_are_rewritten(directory):
    untouched = FIRST_DAY + timedelta(days=1)
    before = find_parsed_day(directory.parsed, untouched)
    erase(directory)
    assert find_parsed_day(directory.parsed, untouched) == before
    assert in_order(published_tables(directory)) == in_order(tables(interpret(LOG, [ERASURE])))
    assert not search(directory, [ADA]).finds


def test_a_day_whose_raw_file_is_gone_is_made_of_its_own_rows(directory):
    for log_day in LOG:
        remove(directory.raw / log_day.isoformat())
    erase(directory)
    assert in_order(published_tables(directory)) == in_order(tables(interpret(LOG, [ERASURE])))
    assert not search(directory, [ADA]).finds
    for log_day in LOG:
        day = find_parsed_day(directory.parsed, log_day)
        day.verify()
        assert len(list(day.folder.parent.iterdir())) == 2
    assert not update_model(directory).published


def test_a_day_whose_raw_file_is_damaged_is_made_of_its_own_rows(directory):
    for path in directory.raw.rglob("*.zst"):
        path.write_bytes(path.read_bytes()[:-9])
    erase(directory)
    assert in_order(published_tables(directory)) == in_order(tables(interpret(LOG, [ERASURE])))
    assert {find.path.split("/")[0] for find in search(directory, [ADA]).finds} <= {"raw"}


@pytest.mark.parametrize("is_usable", [True, False], ids=["can be followed on", "cannot be"])
def test_the_current_day_is_made_without_her(directory, is_usable):
    current = FIRST_DAY + timedelta(days=3)
    day = start_current_day(directory.parsed, current, datetime(2026, 3, 7, tzinfo=UTC))
    log_file(day).write_bytes(OF_BOB + OF_ADA)
    grow(day, len(OF_BOB + OF_ADA), datetime(2026, 3, 7, tzinfo=UTC))
    update_model(directory)
    if not is_usable:
        log_file(day).unlink()
    erase(directory)
    made = find_parsed_day(directory.parsed, current)
    assert (made.is_open, made.erased_count, made.visit_count) == (True, 2, 1)
    assert not day.folder.exists()
    assert (find_usable_day(directory.parsed, current) is not None) == is_usable
    expected = tables(interpret({**LOG, current: OF_BOB + OF_ADA}, [ERASURE]))
    assert in_order(published_tables(directory)) == in_order(expected)
    assert not search(directory, [ADA]).finds


def test_a_day_that_comes_meanwhile_is_not_taken_for_one_that_was_read(directory, monkeypatch):
    late = FIRST_DAY + timedelta(days=3)

    def fetch_meanwhile(archive, log_day, persons):
        monkeypatch.undo()
        archive_file(archive, late, OF_ADA + OF_BOB)
        parse_log_day(archive, late, directory.parsed)
        return overwrite_archived(archive, log_day, persons)

    monkeypatch.setattr(settling, "overwrite_archived", fetch_meanwhile)
    erase(directory)
    expected = tables(interpret({**LOG, late: OF_ADA + OF_BOB}, [ERASURE]))
    assert in_order(published_tables(directory)) == in_order(expected)
    assert not search(directory, [ADA]).finds


def test_a_damaged_parsed_day_is_parsed_again_and_without_her(directory):
    day = find_parsed_day(directory.parsed, FIRST_DAY)
    for name, size in day.files.items():
        (day.folder / name).write_bytes(bytes(size))
    erase(directory)
    assert in_order(published_tables(directory)) == in_order(tables(interpret(LOG, [ERASURE])))
    assert not search(directory, [ADA]).finds


def test_what_was_read_is_not_read_again(directory):
    erase(directory)
    state = directory.erasures / "settled.json"
    written = state.stat().st_mtime_ns
    settled, overwritten = settle_erasures(directory)
    assert not overwritten.lines
    assert state.stat().st_mtime_ns == written
    state.unlink()
    again, overwritten = settle_erasures(directory)
    assert not overwritten.lines
    assert (again.raw, again.parsed) == (settled.raw, settled.parsed)


def test_a_raw_file_from_a_backup_is_overwritten_again(directory):
    erase(directory)
    archive_file(Archive(directory.raw), FIRST_DAY, LOG[FIRST_DAY])
    parse_log_day(Archive(directory.raw), FIRST_DAY, directory.parsed)
    assert search(directory, [ADA]).finds
    update_model(directory)
    assert in_order(published_tables(directory)) == in_order(tables(interpret(LOG, [ERASURE])))
    assert not search(directory, [ADA]).finds


def test_nobody_erased_costs_nothing(directory):
    assert settle_erasures(directory)[1].lines == {}
    assert not directory.erasures.exists()


def test_an_entry_that_was_never_made_is_no_lost_register(directory):
    directory.erasures.mkdir()
    (directory.erasures / ".tmp-abcdefghregister.json").write_bytes(b"{")
    assert read_register(directory.erasures) == Register()
    assert not update_model(directory).published


ANN = Identifier("email", "ann@example.com")
PHONE = Identifier("phone", "+43 660 1234567")
OF_ANN_AND_EVE = (
    b'{"type":"visit","pid":"ann","time":1772500000000,"visitor":{"email":"ann@example.com"}}\n'
    b'{"type":"visit","pid":"eve","time":1772500000000,"visitor":{"phone":"+43 660 1234567"}}\n'
)
AGAIN = {
    FIRST_DAY + timedelta(days=6): (
        b'{"type":"delete","pid":"ann","new_id":"new"}\n'
        b'{"type":"visit","pid":"new","time":1772500000000,"visitor":{"email":"ann@example.com"}}\n'
        b'{"type":"identify","pid":"new","time":0,"visitor":{"email":"ann@example.com"}}\n'
    ),
    # Ann turns out to be eve as well, whose phone nobody knew to be hers.
    FIRST_DAY + timedelta(days=7): (
        b'{"type":"delete","pid":"eve","new_id":"new"}\n'
        b'{"type":"identify","pid":"new","time":0,"visitor":{"phone":"+43 660 1234567"}}\n'
    ),
    FIRST_DAY + timedelta(days=8): (
        b'{"type":"identify","pid":"unknown","time":0,"visitor":{"email":"ANN@example.com"}}\n'
        b'{"type":"visit","pid":"unknown","email":"ann@example.com","time":1.5}\n'
    )
    + OF_BOB,
}


@pytest.mark.parametrize("days", [list(AGAIN), [*reversed(AGAIN)]], ids=["in order", "not"])
def test_history_that_is_logged_again_without_times_stays_away(directory, days):
    first_day = FIRST_DAY - timedelta(days=1)
    arrive(directory, first_day, OF_ANN_AND_EVE)
    with connect_published(directory) as connection:
        finder = Finder(connection)
        life = finder.find(ANN)
        plan = finder.plan(
            [ANN], [life], ERASURE.moment, and_future=False, identifier_keys=["email", "phone"]
        )
    enter(directory, plan)
    for log_day in days:
        arrive(directory, log_day, AGAIN[log_day])
    result = search(directory, [ANN, PHONE])
    assert (result.finds, result.unreadable) == ((), ())
    rows = published_tables(directory)
    assert {row["pid"] for row in rows["profiles"]} == {"bob"}
    erasures = read_register(directory.erasures).erasures
    log = {first_day: OF_ANN_AND_EVE, **LOG, **AGAIN}
    expected = tables(interpret(log, erasures, digest_key(directory.erasures)))
    assert in_order(rows) == in_order(expected)


def test_life_after_the_erasure_is_kept_with_what_it_says_again(directory):
    erase(directory)
    log_day = FIRST_DAY + timedelta(days=6)
    back = (
        b'{"type":"visit","pid":"ada","time":1773014400000,"visitor":{"email":"ada@example.com"}}\n'
        b'{"type":"identify","pid":"ada","time":0,"visitor":{"email":"ada@example.com"}}\n'
        b'{"type":"identify","pid":"ada","time":0,"visitor":{"plan":"pro"}}\n'
    )
    arrive(directory, log_day, back)
    assert find_parsed_day(directory.parsed, log_day).erased_count == 0
    rows = published_tables(directory)
    (profile,) = [row for row in rows["profiles"] if row["pid"] == "ada"]
    assert (profile["email"], profile["visit_count"]) == ("ada@example.com", 1)


def arrive(directory, log_day, file):
    archive_file(Archive(directory.raw), log_day, file)
    parse_log_day(Archive(directory.raw), log_day, directory.parsed)
    update_model(directory)


def test_rejected_lines_of_a_day_without_its_raw_file_go_as_well(directory):
    log_day = FIRST_DAY + timedelta(days=3)
    arrive(directory, log_day, OF_BOB + b'{"pid":"ada","email":"ada@example.com"}\nnot hers\n')
    remove(directory.raw / log_day.isoformat())
    erase(directory)
    day = find_parsed_day(directory.parsed, log_day)
    assert (day.rejected_count, day.erased_count, day.line_count) == (2, 1, 5)
    assert not search(directory, [ADA]).finds
