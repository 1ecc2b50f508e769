import hashlib
from datetime import UTC, date, datetime, timedelta

import orjson
import pyarrow as pa
import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.errors import (
    ArchiveError,
    CredentialsRejectedError,
    DiskFullError,
    LogDayNotClosedError,
    LogDayNotFoundError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline_tests.scripted_server import chunked, gzipped, short, whole

DAY = date(2026, 3, 5)
LINE = b'{"type":"visit","pid":"a"}\n'
VISIT = LINE[:-1]
FIRST = LINE * 3
SECOND = b'{"type":"visit","pid":"b"}\n' * 5


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


@pytest.fixture
def fetch(server, make_client, archive, frozen_time):
    """Fetches the day with the service answering as told, a minute after the last time."""

    def fetch_answer(*answers):
        server.answers(*answers)
        frozen_time.now += timedelta(minutes=1)
        return fetch_log_day(make_client(attempts=3), archive, DAY, clock=frozen_time.clock)

    return fetch_answer


def content(archive, archived):
    with archive.open(archived) as stream:
        return stream.read()


def on_disk(archive):
    """Every file of the archive with its bytes and its time of change."""
    return {
        path.relative_to(archive.folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in archive.folder.rglob("*")
        if path.is_file()
    }


def test_a_new_day_is_archived_with_its_manifest(fetch, archive):
    headers = {
        "ETag": '"e"',
        "Last-Modified": "Fri, 06 Mar 2026 08:00:01 GMT",
        "Content-Type": "text/plain",
        "Date": "Tue, 10 Mar 2026 12:01:00 GMT",
        "Server": "woopra",
        "Set-Cookie": "session=17",
        "X-Trace": "abc",
    }
    fetched = fetch(whole(FIRST, headers=headers))
    digest = hashlib.sha256(FIRST).hexdigest()
    name = f"{digest[:16]}.jsonl.zst"
    path = archive.folder / "2026-03-05" / name
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        assert stream.read() == FIRST
    manifest = orjson.loads((archive.folder / "2026-03-05" / "manifest.json").read_bytes())
    assert manifest == {
        "log_day": "2026-03-05",
        "current": {
            "file": name,
            "sha256": digest,
            "bytes": len(FIRST),
            "compressed_bytes": path.stat().st_size,
            "lines": 3,
            "fetched_at": "2026-03-10T12:01:00Z",
            "status": 200,
            "headers": {
                "content-length": str(len(FIRST)),
                "content-type": "text/plain",
                "date": "Tue, 10 Mar 2026 12:01:00 GMT",
                "etag": '"e"',
                "last-modified": "Fri, 06 Mar 2026 08:00:01 GMT",
                "server": "woopra",
            },
            "notes": [],
        },
        "earlier": [],
    }
    assert (fetched.outcome, fetched.previous) == ("new", None)
    assert fetched.archived == archive.get(DAY)
    assert fetched.archived.fetched_at == datetime(2026, 3, 10, 12, 1, tzinfo=UTC)
    assert archive.log_days() == [DAY]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(whole(FIRST), id="plain"),
        pytest.param(chunked(FIRST), id="chunked"),
        pytest.param(gzipped(FIRST), id="gzip"),
    ],
)
def test_the_same_bytes_change_nothing_however_they_come(fetch, archive, answer):
    fetch(whole(FIRST))
    before = on_disk(archive)
    fetched = fetch(answer)
    assert fetched.outcome == "unchanged"
    assert fetched.previous == fetched.archived == archive.get(DAY)
    assert on_disk(archive) == before


def test_other_bytes_become_current_and_the_earlier_file_is_kept(fetch, archive):
    first = fetch(whole(FIRST)).archived
    fetched = fetch(gzipped(SECOND))
    assert fetched.outcome == "changed"
    assert fetched.previous == first
    current = archive.get(DAY)
    assert current == fetched.archived
    assert current.earlier == (first,)
    assert current.headers["content-encoding"] == "gzip"
    assert content(archive, current) == SECOND
    assert content(archive, first) == FIRST


def test_an_earlier_file_can_become_current_again(fetch, archive):
    fetch(whole(FIRST))
    second = fetch(whole(FIRST.replace(b'"a"', b'"b"'))).archived
    again = fetch(whole(FIRST))
    assert again.outcome == "changed"
    assert [version.sha256 for version in again.archived.earlier] == [second.sha256]
    assert again.archived.fetched_at > second.fetched_at
    assert content(archive, archive.get(DAY)) == FIRST
    assert len(on_disk(archive)) == 3


def test_earlier_files_are_listed_in_the_order_they_were_replaced(fetch):
    bodies = [LINE * number for number in (1, 2, 3)]
    for body in bodies:
        fetched = fetch(whole(body))
    assert [version.line_count for version in fetched.archived.earlier] == [1, 2]
    assert all(version.earlier == () for version in fetched.archived.earlier)


def test_an_empty_day_is_an_archived_day(fetch, archive):
    fetched = fetch(whole(b""))
    assert (fetched.archived.byte_count, fetched.archived.line_count) == (0, 0)
    assert fetched.archived.notes == ()
    assert content(archive, archive.get(DAY)) == b""


@pytest.mark.parametrize("archived_before", [False, True], ids=["new day", "archived day"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(whole(b"", 404), LogDayNotFoundError, id="404"),
        pytest.param(whole(b"", 403), CredentialsRejectedError, id="403"),
        pytest.param(whole(b"", 400), RequestRejectedError, id="400"),
        pytest.param(whole(b"", 500), ServiceUnavailableError, id="500"),
        pytest.param(short(SECOND, missing=4), ServiceUnavailableError, id="broken body"),
        pytest.param(whole(b"<html>"), ServiceUnavailableError, id="web page"),
    ],
)
def test_an_error_never_touches_what_is_there(fetch, archive, answer, error, archived_before):
    if archived_before:
        fetch(whole(FIRST))
    before = on_disk(archive)
    with pytest.raises(error):
        fetch(answer)
    assert on_disk(archive) == before
    assert archive.log_days() == ([DAY] if archived_before else [])


def test_a_day_that_is_not_closed_is_refused(fetch, archive, frozen_time):
    frozen_time.now = datetime(2026, 3, 6, 7, tzinfo=UTC)
    with pytest.raises(LogDayNotClosedError):
        fetch(whole(FIRST))
    assert not archive.folder.exists()


def test_a_broken_download_leaves_nothing_of_itself_in_the_next(fetch, archive):
    fetched = fetch(short(SECOND * 9_999, missing=1), whole(FIRST))
    assert content(archive, fetched.archived) == FIRST
    assert fetched.archived.line_count == 3


CUT = b'{"type":"visit","pid":"a"}\n{"type":"vis'
LONGER = CUT + b'it","pid":"b"}'
NOT_UTF8 = b'{"type":"visit","pid":"\xff"}'


@pytest.mark.parametrize(
    ("answers", "body", "requests", "noted"),
    [
        pytest.param([CUT, CUT], CUT, 2, True, id="cut twice alike"),
        pytest.param([CUT, LONGER], LONGER, 2, False, id="whole the second time"),
        pytest.param([CUT, CUT[:-1], CUT], CUT, 3, True, id="the first again after another"),
        pytest.param([LONGER], LONGER, 1, False, id="last line whole"),
        pytest.param([LONGER + b"\r"], LONGER + b"\r", 1, False, id="carriage return"),
        pytest.param([FIRST + b" \t"], FIRST + b" \t", 1, False, id="blank last line"),
        pytest.param([b"\xef\xbb\xbf" + VISIT], b"\xef\xbb\xbf" + VISIT, 1, False, id="with a BOM"),
        pytest.param([NOT_UTF8], NOT_UTF8, 1, False, id="not UTF-8"),
        pytest.param([CUT + b"\n"], CUT + b"\n", 1, False, id="newline after what is no JSON"),
    ],
)
def test_a_body_that_ends_within_a_line_must_come_twice(
    *, fetch, server, answers, body, requests, noted
):
    archived = fetch(*(whole(answer) for answer in answers)).archived
    assert archived.sha256 == hashlib.sha256(body).hexdigest()
    assert len(server.requests) == requests
    assert any("no JSON" in note for note in archived.notes) == noted


def test_a_body_that_is_cut_elsewhere_each_time_is_not_taken(fetch, archive):
    with pytest.raises(ServiceUnavailableError, match="the body ended within a line"):
        fetch(*(whole(CUT[:-number]) for number in (1, 2, 3)))
    assert archive.find(DAY) is None


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(LINE, 1, id="one"),
        pytest.param(LINE + VISIT, 2, id="no newline at the end"),
        pytest.param(b"\n\n", 2, id="blank lines"),
        pytest.param(LINE + b" ", 2, id="space at the end"),
        pytest.param(LINE + b"{}\r{}\x0b{}\x0c{}\xc2\x85\xe2\x80\xa8\n", 2, id="other separators"),
        pytest.param(b"\xef\xbb\xbf", 0, id="only a BOM"),
        pytest.param(b"\xef\xbb\xbf" + VISIT, 1, id="BOM and a line"),
        pytest.param(LINE + b"\xef\xbb\xbf", 2, id="BOM elsewhere"),
        pytest.param(LINE * 100_000 + VISIT, 100_001, id="many"),
    ],
)
def test_physical_lines_are_counted(fetch, body, lines):
    assert fetch(chunked(body) if body else whole(body)).archived.line_count == lines


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-3]), id="truncated"),
        pytest.param(lambda path: path.write_bytes(b"garbage"), id="garbage"),
    ],
)
def test_a_fetch_repairs_a_damaged_file(fetch, archive, damage):
    before = fetch(whole(FIRST)).archived
    damage(before.path)
    fetched = fetch(whole(FIRST))
    assert (fetched.outcome, fetched.archived) == ("unchanged", before)
    assert content(archive, archive.get(DAY)) == FIRST


def test_a_file_that_would_fill_the_disk_is_given_up(server, make_client, archive):
    server.answers(whole(SECOND))
    client = make_client(least_free_bytes=1 << 60)
    with pytest.raises(DiskFullError, match=r"is full, with .* while fetching log day 2026-03-05"):
        fetch_log_day(client, archive, DAY)
    assert len(server.requests) == 1
    assert on_disk(archive) == {}


def test_an_archive_that_cannot_be_written_is_named(fetch, archive):
    archive.folder.write_text("in the way")
    with pytest.raises(ArchiveError, match=r"2026-03-05 could not be written.*raw can be written"):
        fetch(whole(FIRST))
