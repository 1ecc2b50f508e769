"""Raw files go when their day is parsed and old enough; what was known of it stays."""

from datetime import UTC, date, datetime, timedelta

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.archive.keeping import remove_old_files
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, LinesLostError
from woopra_pipeline.model.outstanding import find_outstanding
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse import parse_day
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.privacy.merges import Life
from woopra_pipeline.privacy.register import Counts, Erasure, Register, write_register
from woopra_pipeline_tests.model.published_tables import in_order, published_tables
from woopra_pipeline_tests.scripted_server import whole

DAY = date(2026, 3, 5)
TODAY = date(2026, 3, 10)
FILE = b'{"type":"visit","pid":"a","time":5}\n{"type":"visit","pid":"b","time":5}\nodd\n'


@pytest.fixture
def directory(tmp_path):
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def archive(directory):
    return Archive(directory.raw)


@pytest.fixture
def fetch(server, make_client, archive, directory, frozen_time):
    def fetch_answer(body):
        server.answers(whole(body), whole(body))
        frozen_time.now += timedelta(minutes=1)
        fetched = fetch_log_day(make_client(attempts=3), archive, DAY, clock=frozen_time.clock)
        parse_log_day(archive, DAY, directory.parsed)
        update_model(directory)
        return fetched

    return fetch_answer


def files(directory):
    return list(directory.raw.rglob("*.zst"))


@pytest.fixture
def remove(archive, directory):
    return lambda keep=4: remove_old_files(archive, directory.parsed, TODAY, keep)


def test_old_files_go_in_all_versions_and_the_model_stays(fetch, directory, archive, remove):
    fetch(FILE)
    fetch(FILE + b'{"type":"visit","pid":"c"}\n')
    before = in_order(published_tables(directory))
    assert remove(keep=5) == []
    assert len(files(directory)) == 2
    assert remove() == [DAY]
    assert files(directory) == []
    archived = archive.get(DAY)
    assert (archived.is_removed, archived.line_count, archived.earlier) == (True, 4, ())
    with pytest.raises(ArchiveError, match="was removed, because"), archive.open(archived):
        pass
    assert not update_model(directory).published
    assert in_order(published_tables(directory)) == before
    assert not find_outstanding(directory).to_parse
    assert remove() == []


def test_files_of_days_that_are_not_parsed_whole_stay(fetch, directory, archive, remove):
    fetch(FILE)
    day = parse_log_day(archive, DAY, directory.parsed)
    (day.folder / next(iter(day.files))).write_bytes(b"damaged")
    assert remove() == []
    assert len(files(directory)) == 1


def test_a_file_beside_which_one_is_held_back_stays(fetch, directory, remove):
    fetch(FILE)
    with pytest.raises(LinesLostError):
        fetch(FILE[:36])
    assert remove() == []
    assert len(files(directory)) == 2


def test_the_same_day_again_is_the_same(fetch, directory, archive, remove):
    fetch(FILE)
    remove()
    assert fetch(FILE).outcome == "unchanged"
    assert not archive.get(DAY).is_removed
    archive.verify(archive.get(DAY))
    assert remove() == [DAY]


def test_another_file_may_not_lose_lines(fetch, archive, remove):
    fetch(FILE)
    remove()
    with pytest.raises(LinesLostError, match="1 readable"):
        fetch(FILE[:36])
    assert archive.get(DAY).is_removed
    more = fetch(FILE + FILE)
    assert more.outcome == "changed"
    assert [version.is_removed for version in more.archived.earlier] == [False, True]


def test_another_parser_leaves_the_day_as_it_is(fetch, directory, archive, remove, monkeypatch):
    fetch(FILE)
    before = parse_log_day(archive, DAY, directory.parsed)
    remove()
    monkeypatch.setattr(parse_day, "PARSER_VERSION", 99)
    monkeypatch.setattr("woopra_pipeline.model.outstanding.PARSER_VERSION", 99)
    assert parse_log_day(archive, DAY, directory.parsed) == before
    assert not find_outstanding(directory).to_parse


def test_persons_are_erased_from_what_was_parsed(fetch, directory, remove):
    fetch(FILE)
    remove()
    directory.erasures.mkdir()
    erasure = Erasure(
        name="first",
        moment=datetime(2026, 3, 7, tzinfo=UTC),
        and_future=False,
        lives=(Life("a", 0),),
        pids=("a",),
        counts=Counts(0, 0, 0, 0, 0, 0, 0),
    )
    write_register(directory.erasures, Register((erasure,)))
    update_model(directory)
    assert [row["pid"] for row in published_tables(directory)["profiles"]] == ["b"]
    assert [row["erased_count"] for row in published_tables(directory)["log_days"]] == [1]
    assert not find_outstanding(directory).to_parse
    assert not update_model(directory).published
