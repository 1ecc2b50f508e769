"""A damaged manifest of the archive is made again from the files, if they are whole."""

import os
from datetime import UTC, date, datetime

import pytest

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.archive.fetch import fetch_log_day
from woopra_pipeline.archive.repairing import MADE_AGAIN, get_or_repair
from woopra_pipeline.errors import ArchiveError
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.scripted_server import whole

LOG_DAY = date(2026, 3, 5)
FILE = b'{"type":"visit","pid":"a"}\n{"type":"visit","pid":"b"}'
SHORTER = b'{"type":"visit","pid":"a"}\n'
DAMAGES = [b"", b"{", b"\xff\xfe{}", b"[]", b'{"log_day":"2026-03-05"}']


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


def damage(archive, content=b"{"):
    (archive.day_folder(LOG_DAY) / "manifest.json").write_bytes(content)


@pytest.mark.parametrize("content", DAMAGES)
def test_reading_alone_says_what_to_do_and_changes_nothing(archive, content):
    archive_file(archive, LOG_DAY, FILE)
    damage(archive, content)
    with pytest.raises(ArchiveError, match=r"is damaged .* `woopra-pipeline backfill 2026-03-05"):
        archive.get(LOG_DAY)
    assert (archive.day_folder(LOG_DAY) / "manifest.json").read_bytes() == content


@pytest.mark.parametrize("content", DAMAGES)
def test_a_manifest_is_made_from_its_file(archive, tmp_path, content):
    before = archive_file(archive, LOG_DAY, FILE)
    os.utime(before.path, (1772800000, 1772800000))
    damage(archive, content)
    parsed = parse_log_day(archive, LOG_DAY, tmp_path / "parsed")
    assert parsed.line_count == 2
    repaired = archive.get(LOG_DAY)
    assert (repaired.path, repaired.sha256) == (before.path, before.sha256)
    assert (repaired.byte_count, repaired.line_count) == (len(FILE), 2)
    assert repaired.fetched_at == datetime.fromtimestamp(1772800000, UTC)
    assert repaired.notes == (MADE_AGAIN,)
    archive.verify(repaired)


def test_the_current_file_is_the_latest_that_loses_no_lines(archive):
    first = archive_file(archive, LOG_DAY, SHORTER)
    second = archive_file(archive, LOG_DAY, FILE)
    third = archive_file(archive, LOG_DAY, SHORTER.replace(b"a", b"c"))
    for number, version in enumerate((first, second, third)):
        os.utime(version.path, (1772800000 + number, 1772800000 + number))
    damage(archive)
    repaired = get_or_repair(archive, LOG_DAY)
    assert repaired.sha256 == second.sha256
    assert [version.sha256 for version in repaired.earlier] == [first.sha256, third.sha256]


def test_a_file_that_is_not_what_its_name_says_is_none(archive):
    archived = archive_file(archive, LOG_DAY, FILE)
    archived.path.write_bytes(archived.path.read_bytes()[:-5])
    damage(archive)
    with pytest.raises(ArchiveError, match="is damaged"):
        get_or_repair(archive, LOG_DAY)


def test_a_day_that_is_not_archived_stays_so(archive):
    with pytest.raises(ArchiveError, match="is not archived"):
        get_or_repair(archive, LOG_DAY)
    assert not archive.folder.exists()


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_fetch_needs_nobody_to_remove_a_manifest(
    archive, server, make_client, frozen_time, is_whole
):
    archived = archive_file(archive, LOG_DAY, FILE)
    if not is_whole:
        archived.path.write_bytes(b"damaged")
    damage(archive)
    server.answers(whole(FILE), whole(FILE))
    fetched = fetch_log_day(make_client(), archive, LOG_DAY, clock=frozen_time.clock)
    assert fetched.outcome == ("unchanged" if is_whole else "new")
    archive.verify(archive.get(LOG_DAY))
