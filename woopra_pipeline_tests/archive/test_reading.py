import io
import random
from dataclasses import replace
from datetime import date

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.errors import ArchiveError
from woopra_pipeline_tests.scripted_server import whole

DAY = date(2026, 3, 5)
BODY = b"".join(
    b'{"type":"visit","pid":"%030x"}\n' % random.Random(17).getrandbits(120) for _ in range(60_000)
)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


@pytest.fixture
def archived(server, make_client, archive):
    server.answers(whole(BODY))
    return fetch_log_day(make_client(), archive, DAY).archived


def read_in_blocks(archive, archived, size):
    with archive.open(archived) as stream:
        return list(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("size", [1_000, 65_536, 1 << 20, 16 << 20])
def test_blocks_are_full_but_for_the_last(archive, archived, size):
    blocks = read_in_blocks(archive, archived, size)
    assert b"".join(blocks) == BODY
    assert {len(block) for block in blocks[:-1]} <= {size}


def test_lines_can_be_iterated(archive, archived):
    with archive.open(archived) as stream:
        assert list(stream) == list(io.BytesIO(BODY))


def test_a_stream_need_not_be_read_to_its_end(archive, archived):
    archived.path.write_bytes(archived.path.read_bytes()[:-1])
    with archive.open(archived) as stream:
        assert stream.read(10) == BODY[:10]
    assert stream.closed


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", id="emptied"),
        pytest.param(lambda content: content[:-1], id="last byte missing"),
        pytest.param(lambda content: content[: len(content) // 2], id="half missing"),
        pytest.param(flipped, id="a bit flipped"),
        pytest.param(lambda content: content + content, id="twice"),
        pytest.param(lambda content: content + b"more", id="garbage behind"),
        pytest.param(lambda content: b"garbage", id="garbage"),
    ],
)
def test_a_damaged_file_is_noticed_and_says_what_to_do(archive, archived, damage):
    archived.path.write_bytes(damage(archived.path.read_bytes()))
    with pytest.raises(ArchiveError) as raised:
        read_in_blocks(archive, archived, 1 << 20)
    assert str(archived.path) in str(raised.value)
    assert "`woopra-pipeline backfill 2026-03-05 2026-03-05`" in str(raised.value)


def test_content_of_the_right_size_but_not_what_was_downloaded_is_noticed(archive, archived):
    with pytest.raises(ArchiveError, match="not what was downloaded"):
        archive.verify(replace(archived, sha256="0" * 64))


def test_a_missing_file_is_noticed(archive, archived):
    archived.path.unlink()
    with pytest.raises(ArchiveError, match="damaged"):
        read_in_blocks(archive, archived, 1 << 20)


def test_a_day_that_is_not_archived_is_not_found(archive):
    assert archive.find(DAY) is None
    assert archive.log_days() == []
    with pytest.raises(ArchiveError, match="is not archived: fetch the day with"):
        archive.get(DAY)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"log_day": "2026-03-05"}'])
def test_a_damaged_manifest_is_noticed(archive, archived, content):
    manifest = archived.path.with_name("manifest.json")
    manifest.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"manifest\.json is damaged .*: fetch"):
        archive.find(DAY)


def test_log_days_are_the_folders_with_a_manifest_in_order(archive):
    for name in ("2026-03-07", "2025-12-31", "2026-02-30", "notes"):
        (archive.folder / name).mkdir(parents=True)
        (archive.folder / name / "manifest.json").touch()
    (archive.folder / "2026-03-06").mkdir()
    assert archive.log_days() == [date(2025, 12, 31), date(2026, 3, 7)]
