"""R10 for what comes from the service: lines of erased persons never get into the data directory.

What is compared is what was delivered: a day that comes again as it was changes nothing.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.archive.overwriting import overwrite_archived
from woopra_pipeline.current_day import follow_current_day
from woopra_pipeline.current_day.day_files import log_file, overwrite_current_day
from woopra_pipeline.errors import LinesLostError
from woopra_pipeline.parse.lines import TOMBSTONE
from woopra_pipeline.parse.parsed_days import find_parsed_day
from woopra_pipeline.privacy.persons import FOR_EVER, ErasedPersons
from woopra_pipeline_tests.scripted_server import whole

DAY = date(2026, 3, 5)
CURRENT_DAY = date(2026, 3, 10)
ADA = b'{"type":"visit","pid":"ada","time":1772700000000,"visitor":{"email":"ada@example.com"}}\n'
BOB = b'{"type":"visit","pid":"bob","time":1772700000000,"visitor":{"email":"bob@example.com"}}\n'
MERGED = b'{"type":"delete","pid":"ada","new_id":"eve"}\n'
GONE = TOMBSTONE.ljust(len(ADA) - 1) + b"\n"
FILE = ADA + BOB + MERGED + ADA
PERSONS = ErasedPersons({"ada": datetime(2026, 3, 9, tzinfo=UTC)})


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "raw")


@pytest.fixture
def fetch(server, make_client, archive, frozen_time):
    def fetch_answer(body, **options):
        server.answers(whole(body), whole(body))
        frozen_time.now += timedelta(minutes=1)
        return fetch_log_day(
            make_client(attempts=3), archive, DAY, clock=frozen_time.clock, **options
        )

    return fetch_answer


def content(archive, archived):
    with archive.open(archived) as stream:
        return stream.read()


def on_disk(archive):
    return {path.name: path.read_bytes() for path in archive.folder.rglob("*") if path.is_file()}


def test_a_new_day_arrives_without_them(fetch, archive):
    fetched = fetch(FILE, persons=PERSONS)
    archived = archive.get(DAY)
    assert fetched.outcome == "new"
    assert content(archive, archived) == GONE + BOB + MERGED + GONE
    assert archived.delivered_sha256 == hashlib.sha256(FILE).hexdigest() != archived.sha256
    assert (archived.erased_line_count, archived.line_count) == (2, 4)
    assert archived.byte_count == len(FILE)
    assert len(list(archive.folder.rglob("*.zst"))) == 1
    assert not list(archive.folder.rglob(".tmp-*"))


def test_an_archived_day_is_overwritten_in_all_its_versions(fetch, archive):
    fetch(FILE)
    fetch(FILE + BOB)
    with pytest.raises(LinesLostError):
        fetch(ADA)
    assert overwrite_archived(archive, DAY, PERSONS) == 5
    archived = archive.get(DAY)
    assert content(archive, archived) == GONE + BOB + MERGED + GONE + BOB
    assert [content(archive, one) for one in archived.earlier] == [GONE + BOB + MERGED + GONE]
    assert [content(archive, one) for one in archived.held_back] == [GONE]
    assert len(list(archive.folder.rglob("*.zst"))) == 3
    before = on_disk(archive)
    assert overwrite_archived(archive, DAY, PERSONS) == 0
    assert on_disk(archive) == before


@pytest.mark.parametrize("persons", [PERSONS, ErasedPersons({})], ids=["filtered", "as it came"])
def test_the_same_day_again_changes_nothing(fetch, archive, persons):
    fetch(FILE, persons=PERSONS)
    before = on_disk(archive)
    assert fetch(FILE, persons=persons).outcome == "unchanged"
    assert on_disk(archive) == before


def test_a_day_with_a_damaged_file_is_mended_without_them(fetch, archive):
    archived = fetch(FILE, persons=PERSONS).archived
    archived.path.write_bytes(b"damaged")
    assert fetch(FILE, persons=PERSONS).outcome == "unchanged"
    assert content(archive, archive.get(DAY)) == GONE + BOB + MERGED + GONE


def test_other_bytes_become_current_without_them(fetch, archive):
    fetch(FILE)
    overwrite_archived(archive, DAY, PERSONS)
    assert fetch(FILE + ADA + BOB, persons=PERSONS).outcome == "changed"
    archived = archive.get(DAY)
    assert content(archive, archived) == GONE + BOB + MERGED + GONE + GONE + BOB
    assert [one.erased_line_count for one in archived.earlier] == [2]


def test_erased_lines_count_as_lines_that_could_be_read(fetch, archive):
    fetch(ADA * 9 + BOB, persons=PERSONS)
    assert fetch(ADA * 9 + BOB * 2, persons=PERSONS).outcome == "changed"
    with pytest.raises(LinesLostError):
        fetch(ADA + BOB * 2, persons=PERSONS)
    (held_back,) = archive.get(DAY).held_back
    assert content(archive, held_back) == GONE + BOB * 2


class FollowedDay:
    def __init__(self, folder, server, client, clock):
        self.folder, self.server, self.client, self.clock = folder, server, client, clock
        self.notices = []

    def step_to(self, file, persons):
        def answer(connection, closing):
            position = int(self.server.requests[-1].query["pos"])
            whole(file[position:])(connection, closing)

        self.server.answers(answer)
        return follow_current_day(
            self.client,
            self.folder,
            persons=persons,
            clock=self.clock,
            notify=self.notices.append,
        ).day

    def content(self):
        return log_file(find_parsed_day(self.folder, CURRENT_DAY)).read_bytes()


@pytest.fixture
def followed(tmp_path, server, make_client, frozen_time):
    return FollowedDay(tmp_path / "parsed", server, make_client(attempts=3), frozen_time.clock)


def test_the_current_day_is_followed_without_them(followed):
    persons = ErasedPersons({"ada": FOR_EVER})
    day = followed.step_to(ADA + BOB, persons)
    assert (day.line_count, day.visit_count, day.erased_count) == (2, 1, 1)
    day = followed.step_to(ADA + BOB + ADA + ADA, persons)
    assert (day.line_count, day.visit_count, day.erased_count) == (4, 1, 3)
    day = followed.step_to(ADA + BOB + ADA + ADA + BOB, persons)
    assert followed.content() == GONE + BOB + GONE + GONE + BOB
    assert (day.line_count, day.visit_count, day.erased_count) == (5, 2, 3)
    assert not followed.notices, "it was never followed again"


def test_the_current_day_goes_on_after_an_erasure(followed):
    followed.step_to(ADA + BOB + ADA, ErasedPersons({}))
    persons = ErasedPersons({"ada": FOR_EVER})
    assert overwrite_current_day(followed.folder, CURRENT_DAY, persons) == 2
    assert followed.content() == GONE + BOB + GONE
    assert len(list((followed.folder / str(CURRENT_DAY)).glob("open-*"))) == 1
    day = followed.step_to(ADA + BOB + ADA + BOB, persons)
    assert followed.content() == GONE + BOB + GONE + BOB
    assert (day.line_count, day.visit_count, day.erased_count) == (4, 2, 2)
    assert overwrite_current_day(followed.folder, CURRENT_DAY, persons) == 0


def test_a_current_day_with_nobody_left_is_followed_again(followed):
    persons = ErasedPersons({"ada": FOR_EVER})
    followed.step_to(ADA, persons)
    server_file = ADA + BOB
    followed.server.answers(*[whole(server_file)] * 5)
    day = followed.step_to(server_file, persons)
    assert followed.content() == GONE + BOB
    assert (day.visit_count, day.erased_count) == (1, 1)
