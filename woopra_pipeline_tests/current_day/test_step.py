"""A step takes up what the growing file has more, whatever the service does."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from pyarrow import parquet

from woopra_pipeline.archive import Archive
from woopra_pipeline.current_day import follow_current_day
from woopra_pipeline.current_day.day_files import log_file
from woopra_pipeline.errors import (
    DiskFullError,
    ParsedDayError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import MANIFEST_NAME, find_parsed_day
from woopra_pipeline.tables import PARSED_TABLES
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.scripted_server import chunked, gzipped, raw, short, whole
from woopra_pipeline_tests.scripted_server import head as head_of

DAY = date(2026, 3, 10)
LINES = [
    b'{"type":"visit","pid":"a","time":1773000000000,"visitor":{"plan":"x"},'
    b'"actions":[{"name":"pv","time":1773000060000}]}\n',
    b'{"type":"identify","pid":"b","time":0,"visitor":{"email":"b@example.com"},"actions":[]}\n',
    b"\n",
    b'{"type":"delete","pid":"a","new_id":"b"}\n',
    b"<not a line>\n",
    b'{"type":"visit","pid":"b","time":1773000000000,"visitor":{},'
    b'"actions":[{"name":"pv","time":1773000060000},{"name":"buy","time":null}]}\n',
]
FILE = b"".join(LINES)
ENDS = [0, *itertools.accumulate(map(len, LINES))]


class StepwiseDay:
    """A folder of parsed days, followed on a server whose file is `content`."""

    def __init__(self, folder, server, client, clock):
        self.folder, self.server, self.client, self.clock = folder, server, client, clock
        self.notices = []

    def step(self, *answers):
        self.server.answers(*answers)
        return follow_current_day(
            self.client, self.folder, clock=self.clock, notify=self.notices.append
        )

    def step_to(self, content):
        """A step with a service that serves `content` from the position it is asked for."""
        return self.step(self.serving(content))

    def serving(self, content):
        def answer(connection, closing):
            position = int(self.server.requests[-1].query["pos"])
            whole(content[position:])(connection, closing)

        return answer

    @property
    def positions(self):
        return [int(request.query["pos"]) for request in self.server.requests]

    def rows(self):
        day = find_parsed_day(self.folder, DAY)
        return rows_of(day)


def rows_of(day):
    return {
        table.name: [
            row for path in day.parquet_files(table) for row in parquet.read_table(path).to_pylist()
        ]
        for table in PARSED_TABLES
    }


COUNTS = (
    *("line_count", "visit_count", "identify_count", "delete_count", "action_count"),
    *("property_count", "rejected_count", "blank_count", "raw_bytes", "raw_sha256"),
)


def as_closed(tmp_path, content):
    """What the ordinary parser makes of `content`."""
    archive = Archive(tmp_path / "raw of closed")
    archive_file(archive, DAY, content)
    day = parse_log_day(archive, DAY, tmp_path / "parsed closed", processes=1)
    return rows_of(day), {name: getattr(day, name) for name in COUNTS}


@pytest.fixture
def current_day(tmp_path, server, make_client, frozen_time):
    return StepwiseDay(tmp_path / "parsed", server, make_client(attempts=4), frozen_time.clock)


def is_as_closed(current_day, tmp_path, content):
    rows, counts = as_closed(tmp_path, content)
    day = find_parsed_day(current_day.folder, DAY)
    assert {name: getattr(day, name) for name in COUNTS} == counts
    assert current_day.rows() == rows
    return True


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("step", [11, 70, 10_000])
def test_steps_of_any_size_end_in_what_the_parser_makes_of_the_file(
    tmp_path, current_day, step, mark
):
    file = mark + FILE
    for end in (*range(0, len(file), step), len(file)):
        taken = current_day.step_to(file[:end])
        assert taken.day.raw_bytes == file.rfind(b"\n", 0, end) + 1
        assert taken.day.is_open
    assert is_as_closed(current_day, tmp_path, file)


def test_a_step_takes_one_request_that_asks_for_the_last_known_line_again(current_day):
    for end in ENDS:
        current_day.step_to(FILE[:end])
    # The line that is no JSON could be mistaken for a web page, and is not asked for on its own.
    assert current_day.positions == [0, 0, 0, ENDS[1], ENDS[1], ENDS[3], ENDS[3]]


def test_a_step_says_what_is_new(current_day):
    first = current_day.step_to(FILE[: ENDS[1]])
    assert (first.log_day, first.new_line_count, first.new_byte_count) == (DAY, 1, ENDS[1])
    assert first.latest_action_at == datetime.fromtimestamp(1773000060, UTC)
    second = current_day.step_to(FILE[: ENDS[3] + 5])
    assert (second.new_line_count, second.new_byte_count) == (2, ENDS[3] - ENDS[1])
    assert second.latest_action_at is None
    third = current_day.step_to(FILE[: ENDS[3] + 9])
    assert (third.new_line_count, third.new_byte_count) == (0, 0)
    assert third.day == second.day


def test_a_time_that_is_yet_to_come_is_not_the_latest(current_day):
    line = b'{"type":"visit","pid":"a","actions":[{"time":1773000000000},{"time":4000000000000}]}\n'
    latest = current_day.step_to(line).latest_action_at
    assert latest == datetime.fromtimestamp(1773000000, UTC)


def test_a_day_without_lines_is_there_too(tmp_path, current_day):
    current_day.step_to(b"")
    assert is_as_closed(current_day, tmp_path, b"")
    current_day.step_to(FILE)
    assert is_as_closed(current_day, tmp_path, FILE)


REST = FILE[ENDS[1] :]


@pytest.mark.parametrize(
    ("answers", "positions"),
    [
        pytest.param([gzipped(FILE)], 1, id="gzip"),
        pytest.param([chunked(FILE)], 1, id="chunked"),
        pytest.param([whole(b"", 500), whole(FILE)], 2, id="server error"),
        pytest.param([short(FILE, missing=1, reset=True), whole(FILE)], 2, id="connection reset"),
        pytest.param([short(FILE, missing=60), whole(FILE)], 2, id="less than announced"),
        pytest.param([gzipped(FILE, missing=9), whole(FILE)], 2, id="gzip cut short"),
        pytest.param([chunked(FILE, end=b""), whole(FILE)], 2, id="chunks cut short"),
        pytest.param([whole(FILE[:20]), whole(FILE)], 2, id="cut within the known line"),
        pytest.param([whole(b"{}\n" * 90), whole(FILE)], 2, id="another file once"),
    ],
)
def test_an_answer_that_is_not_whole_is_asked_for_again(tmp_path, current_day, answers, positions):
    current_day.step_to(FILE[: ENDS[1]])
    folder = find_parsed_day(current_day.folder, DAY).folder
    assert current_day.step(*answers).new_line_count == len(LINES) - 1
    assert is_as_closed(current_day, tmp_path, FILE)
    assert current_day.positions == [0] * (1 + positions)
    assert find_parsed_day(current_day.folder, DAY).folder == folder


def test_an_answer_without_length_that_ends_early_costs_only_time(tmp_path, current_day):
    cut = raw(head_of(200, {}), FILE[: ENDS[4] - 3])
    assert current_day.step(cut).new_line_count == 3
    assert current_day.step_to(FILE).new_line_count == 3
    assert is_as_closed(current_day, tmp_path, FILE)


PAGE = b"<html>\r\n<head><title>Down</title></head>\r\n</html>\r\n"


@pytest.mark.parametrize("end", [ENDS[4], ENDS[4] + 9], ids=["between lines", "within a line"])
def test_lines_that_go_over_into_a_web_page_are_asked_for_again(tmp_path, current_day, end):
    current_day.step_to(FILE[: ENDS[1]])
    assert current_day.step(whole(FILE[:end] + PAGE), whole(FILE)).new_line_count == len(LINES) - 1
    assert is_as_closed(current_day, tmp_path, FILE)


@pytest.mark.parametrize("error", [b'{"error":"internal"}\n', b"Unavailable\n", b"\n"])
def test_a_day_does_not_begin_with_what_cannot_be_read(tmp_path, current_day, error):
    assert current_day.step(whole(error)).day.line_count == 0
    assert current_day.notices == []
    current_day.step_to(FILE)
    assert is_as_closed(current_day, tmp_path, FILE)
    assert current_day.notices == []


def test_a_day_may_begin_with_lines_that_are_rejected(tmp_path, current_day):
    content = b'{"type":"click"}\n' + FILE
    for end in range(0, len(content), 40):
        current_day.step_to(content[:end])
    current_day.step_to(content)
    assert is_as_closed(current_day, tmp_path, content)


def test_a_step_leaves_room_on_the_disk(tmp_path, server, make_client, frozen_time):
    client = make_client(least_free_bytes=1 << 60)
    current_day = StepwiseDay(tmp_path / "parsed", server, client, frozen_time.clock)
    with pytest.raises(DiskFullError, match=r"is full, with .* bytes free, while following"):
        current_day.step_to(FILE)


OTHER = b'{"type":"visit","pid":"other"}\n' * 40


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(FILE[: ENDS[2]], id="shorter"),
        pytest.param(b"", id="empty"),
        pytest.param(OTHER, id="another file"),
        pytest.param(OTHER[:62], id="another and shorter file"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_followed_again(tmp_path, current_day, content):
    before = current_day.step_to(FILE)
    after = current_day.step_to(content)
    assert is_as_closed(current_day, tmp_path, content)
    assert after.day.folder != before.day.folder
    assert len(current_day.notices) == 1
    assert before.day.folder.exists(), "someone may be reading it"
    current_day.step_to(content + LINES[0])
    assert is_as_closed(current_day, tmp_path, content + LINES[0])
    assert not before.day.folder.exists()


def test_a_file_that_is_too_short_for_the_position_is_followed_again(tmp_path, current_day):
    current_day.step_to(FILE)
    current_day.step(whole(b"No such position", 416), whole(LINES[0]))
    assert is_as_closed(current_day, tmp_path, LINES[0])


def test_a_request_that_is_refused_is_an_error(current_day):
    with pytest.raises(RequestRejectedError):
        current_day.step(whole(b"No such parameter", 400))


def test_a_service_that_knows_no_positions_can_be_followed_too(tmp_path, current_day):
    for end in ENDS[1:]:
        current_day.step(whole(FILE[:end]))
        assert is_as_closed(current_day, tmp_path, FILE[:end])


def test_without_an_answer_the_day_stays_as_it_was(tmp_path, current_day):
    current_day.step_to(FILE[: ENDS[2]])
    with pytest.raises(ServiceUnavailableError):
        current_day.step(whole(b"", 500))
    assert is_as_closed(current_day, tmp_path, FILE[: ENDS[2]])


def test_a_file_that_is_not_there_yet_is_no_error(tmp_path, current_day):
    assert current_day.step(whole(b"", 404)).day is None
    assert find_parsed_day(current_day.folder, DAY) is None
    assert "no file of log day 2026-03-10" in current_day.notices[0]
    current_day.step_to(FILE)
    assert is_as_closed(current_day, tmp_path, FILE)
    assert [path.name for path in current_day.folder.glob(f"{DAY}/open-*")] == [
        find_parsed_day(current_day.folder, DAY).folder.name
    ]


def test_a_day_that_is_there_as_a_closed_one_is_left_alone(tmp_path, current_day):
    archive = Archive(tmp_path / "raw")
    archive_file(archive, DAY, FILE)
    closed = parse_log_day(archive, DAY, current_day.folder, processes=1)
    taken = current_day.step_to(FILE)
    assert (taken.day, taken.new_line_count) == (closed, 0)
    assert current_day.positions == []


def test_the_closed_day_takes_the_place_of_the_current_one(tmp_path, current_day, frozen_time):
    opened = current_day.step_to(FILE[: ENDS[4]]).day
    archive = Archive(tmp_path / "raw")
    archive_file(archive, DAY, FILE)
    closed = parse_log_day(archive, DAY, current_day.folder, processes=1)
    assert find_parsed_day(current_day.folder, DAY) == closed
    assert not closed.is_open
    assert is_as_closed(current_day, tmp_path, FILE)
    frozen_time.now += timedelta(days=1)
    assert current_day.step_to(b"").log_day == DAY + timedelta(days=1)
    assert not opened.folder.exists()
    assert {path.name for path in closed.folder.parent.iterdir()} == {
        MANIFEST_NAME,
        closed.folder.name,
    }


def test_a_closed_day_without_more_lines_takes_its_place_too(tmp_path, current_day):
    opened = current_day.step_to(FILE).day
    archive = Archive(tmp_path / "raw")
    archive_file(archive, DAY, FILE)
    closed = parse_log_day(archive, DAY, current_day.folder, processes=1)
    assert closed.fingerprint != opened.fingerprint
    assert find_parsed_day(current_day.folder, DAY) == closed


def test_at_midnight_the_next_day_begins_and_the_last_stays_as_it_is(current_day, frozen_time):
    yesterday = current_day.step_to(FILE).day
    frozen_time.now += timedelta(days=1)
    today = current_day.step_to(OTHER).day
    assert today.log_day == DAY + timedelta(days=1)
    assert find_parsed_day(current_day.folder, DAY) == yesterday


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda day: log_file(day).unlink(), id="file missing"),
        pytest.param(lambda day: log_file(day).write_bytes(FILE[:5]), id="file cut"),
        pytest.param(lambda day: log_file(day).write_bytes(FILE[::-1]), id="other bytes"),
        pytest.param(lambda day: next(day.folder.glob("vis*")).unlink(), id="part missing"),
        pytest.param(
            lambda day: (day.folder.parent / MANIFEST_NAME).write_bytes(b"{"), id="manifest"
        ),
    ],
)
def test_damage_is_mended_by_the_next_step(tmp_path, current_day, damage):
    damage(current_day.step_to(FILE[: ENDS[3]]).day)
    current_day.step_to(FILE)
    assert is_as_closed(current_day, tmp_path, FILE)


def test_another_version_of_the_parser_starts_again(tmp_path, current_day, monkeypatch):
    before = current_day.step_to(FILE[: ENDS[3]]).day
    monkeypatch.setattr("woopra_pipeline.current_day.day_files.PARSER_VERSION", -1)
    after = current_day.step_to(FILE).day
    assert after.folder != before.folder
    assert after.parser_version == -1
    assert is_as_closed(current_day, tmp_path, FILE)


def test_a_large_answer_becomes_parts_of_bounded_size(tmp_path, current_day, monkeypatch):
    monkeypatch.setattr("woopra_pipeline.current_day.day_files.CHUNK_BYTES", 1_000)
    current_day.step_to(OTHER * 100)
    current_day.step_to(OTHER * 200)
    assert is_as_closed(current_day, tmp_path, OTHER * 200)
    assert len(find_parsed_day(current_day.folder, DAY).parquet_files(PARSED_TABLES[0])) > 100


def test_many_small_parts_become_few_large_ones(tmp_path, current_day, monkeypatch):
    monkeypatch.setattr("woopra_pipeline.current_day.day_files.MOST_FILES", 50)
    counts = []
    for number in range(1, 61):
        step = current_day.step_to(OTHER * number)
        assert step.new_line_count == 40
        counts.append(len(step.day.files))
        if number % 7 == 0:
            assert is_as_closed(current_day, tmp_path, OTHER * number)
    assert 40 < max(counts) <= 53
    assert min(counts[10:]) < 10


def test_what_cannot_be_written_says_what_to_do(tmp_path, current_day):
    current_day.folder.mkdir()
    (current_day.folder / str(DAY)).touch()
    with pytest.raises(ParsedDayError, match="make room or correct the permissions"):
        current_day.step_to(FILE)
