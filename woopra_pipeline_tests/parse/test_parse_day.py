"""An archived day becomes Parquet files: every line once, with its number, whole or not at all."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from woopra_pipeline.archive import Archive
from woopra_pipeline.errors import ArchiveError, ParsedDayError
from woopra_pipeline.parse import parse_day
from woopra_pipeline.parse.lines import split_lines
from woopra_pipeline.parse.parse_day import days_at_once, parse_log_day, whole_lines
from woopra_pipeline.parse.parsed_days import MANIFEST_NAME, ParsedDay, find_parsed_days
from woopra_pipeline.parse.workers import Workers
from woopra_pipeline.tables import ACTIONS_LOG, PARSED_TABLES, PROPERTIES_LOG, VISITS_LOG
from woopra_pipeline_tests.parse.archived_files import FETCHED_AT, archive_file
from woopra_pipeline_tests.parse.test_chunks import expected_rows

DAY = date(2026, 3, 5)

LINES = [
    b'{"type":"visit","pid":"a","time":1,"visitor":{"k":1,"l":[ 2 ]},"actions":[{"name":"x"},{}]}',
    b"",
    b'{"type":"delete","pid":"a","new_id":"b"}',
    b"broken",
    b'{"type":"identify","pid":"b","visitor":{"k":"\\ud800"},"lat":1e400}',
    b'{"type":"visit","pid":"b","new":[1, 2],"city":"Z\xc3\xbcrich\xff"}\r',
    b" \t",
]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "raw")


@pytest.fixture
def parsed_folder(tmp_path: Path) -> Path:
    return tmp_path / "parsed"


def rows_of(parsed_day: ParsedDay) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: [
            row
            for path in parsed_day.parquet_files(table)
            for row in parquet.read_table(path).to_pylist()
        ]
        for table in PARSED_TABLES
    }


def on_disk(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below the folder with its bytes and its time of change."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


FILES = {
    "nothing": b"",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "blank lines": b"\n\r\n \n",
    "every kind of line": b"\n".join(LINES) + b"\n",
    "a last line without newline": b"\n".join(LINES[:-1]),
    "a byte order mark": b"\xef\xbb\xbf" + b"\n".join(LINES),
    "many lines": b"\n".join(LINES) * 10,
}


@given(st.text("ab\n").map(str.encode), st.integers(1, 8))
def test_a_stream_is_cut_where_lines_end(file: bytes, size: int) -> None:
    pieces = list(whole_lines(io.BytesIO(file), size))
    assert b"".join(pieces) == file
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    longest_line = max(map(len, file.splitlines(keepends=True)), default=0)
    assert all(0 < len(piece) < size + longest_line for piece in pieces)


@pytest.mark.parametrize("chunk_bytes", [100, 1000, 16 << 20])
@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_every_line_is_read_once_under_its_number(
    archive: Archive,
    parsed_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    chunk_bytes: int,
) -> None:
    monkeypatch.setattr(parse_day, "CHUNK_BYTES", chunk_bytes)
    archived = archive_file(archive, DAY, content)
    parsed_day = parse_log_day(archive, DAY, parsed_folder)
    lines = split_lines(content)
    rows = rows_of(parsed_day)
    assert rows == {
        name: [{**row, "log_day": DAY} for row in table_rows]
        for name, table_rows in expected_rows(lines).items()
    }
    assert parsed_day.line_count == len(lines)
    assert parsed_day.line_count == (
        parsed_day.visit_count
        + parsed_day.identify_count
        + parsed_day.delete_count
        + parsed_day.rejected_count
        + parsed_day.blank_count
    )
    types = [row["type"] for row in rows["visits_log"]]
    assert parsed_day.visit_count == types.count("visit")
    assert parsed_day.identify_count == types.count("identify")
    for table in PARSED_TABLES:
        assert parsed_day.row_count(table) == len(rows[table.name])
        for path in parsed_day.parquet_files(table):
            assert parquet.read_schema(path).equals(table.arrow_schema)
    assert (parsed_day.raw_sha256, parsed_day.raw_bytes) == (archived.sha256, len(content))
    assert parsed_day.fetched_at == FETCHED_AT
    assert find_parsed_days(parsed_folder) == {DAY: parsed_day}


def test_worker_processes_write_the_same_files(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_day, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(parse_day, "WORTH_WORKERS_BYTES", 1)
    archive_file(archive, DAY, FILES["many lines"])
    alone = parse_log_day(archive, DAY, tmp_path / "alone", processes=1)
    together = parse_log_day(archive, DAY, tmp_path / "together", processes=2)
    assert len(together.parquet_files(VISITS_LOG)) > 1
    assert together.files == alone.files
    assert rows_of(together) == rows_of(alone)


def test_days_may_be_parsed_side_by_side(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The third file is a large one: several processes share it.
    monkeypatch.setattr(parse_day, "WORTH_WORKERS_BYTES", 10_000)
    monkeypatch.setattr(parse_day, "CHUNK_BYTES", 1_000)
    days = [DAY + timedelta(days=number) for number in range(4)]
    for log_day, repeats in zip(days, (1, 3, 100, 2), strict=True):
        archive_file(archive, log_day, b"\n".join(LINES) * repeats)
    alone, together = tmp_path / "alone", tmp_path / "together"
    expected = [parse_log_day(archive, log_day, alone, processes=1) for log_day in days]
    with Workers() as workers, ThreadPoolExecutor(3) as threads:
        parsed = threads.map(
            lambda log_day: parse_log_day(archive, log_day, together, workers=workers), days
        )
        assert [rows_of(day) for day in parsed] == [rows_of(day) for day in expected]


@pytest.mark.parametrize(
    ("sizes", "at_once"),
    [
        pytest.param([], 1, id="no days"),
        pytest.param([200], 1, id="one day"),
        pytest.param([50, 49], 1, id="little to read"),
        pytest.param([50, 50], 2, id="much to read"),
        pytest.param([30] * 9, 3, id="many days"),
    ],
)
def test_days_are_parsed_side_by_side_where_it_pays(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, sizes: list[int], at_once: int
) -> None:
    monkeypatch.setattr(parse_day, "WORTH_WORKERS_BYTES", 50)
    monkeypatch.setattr(parse_day, "_most_processes", lambda: 3)
    days = [DAY + timedelta(days=number) for number in range(len(sizes))]
    for log_day, size in zip(days, sizes, strict=True):
        archive_file(archive, log_day, b"x" * size)
    assert days_at_once(archive, days) == at_once


def test_the_same_bytes_are_parsed_once(archive: Archive, parsed_folder: Path) -> None:
    archive_file(archive, DAY, FILES["every kind of line"])
    first = parse_log_day(archive, DAY, parsed_folder)
    before = on_disk(parsed_folder)
    assert parse_log_day(archive, DAY, parsed_folder) == first
    assert on_disk(parsed_folder) == before


def test_other_bytes_take_the_place_of_the_day(archive: Archive, parsed_folder: Path) -> None:
    archive_file(archive, DAY, b"\n".join(LINES))
    first = parse_log_day(archive, DAY, parsed_folder)
    archive_file(archive, DAY, LINES[0])
    second = parse_log_day(archive, DAY, parsed_folder)
    assert second.fingerprint != first.fingerprint
    assert find_parsed_days(parsed_folder) == {DAY: second}
    assert rows_of(second)["visits_log"] == rows_of(first)["visits_log"][:1]
    assert first.folder.is_dir(), "readers of the earlier files may still need them"
    parse_log_day(archive, DAY, parsed_folder)
    assert [path for path in second.folder.parent.iterdir() if path.is_dir()] == [second.folder]


def test_a_new_parser_parses_the_same_bytes_again(
    archive: Archive, parsed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_file(archive, DAY, LINES[0])
    first = parse_log_day(archive, DAY, parsed_folder)
    monkeypatch.setattr(parse_day, "PARSER_VERSION", first.parser_version + 1)
    second = parse_log_day(archive, DAY, parsed_folder)
    assert second.fingerprint != first.fingerprint
    assert second.parser_version == first.parser_version + 1


def test_days_are_found_in_calendar_order_and_nothing_else_is(
    archive: Archive, parsed_folder: Path
) -> None:
    assert find_parsed_days(parsed_folder) == {}
    days = [date(2026, 3, 6), date(2025, 12, 31), DAY]
    for log_day in days:
        archive_file(archive, log_day, LINES[0])
        parse_log_day(archive, log_day, parsed_folder)
    (parsed_folder / "2026-03-07").mkdir()
    (parsed_folder / "notes").mkdir()
    (parsed_folder / "2026-3-8").mkdir()
    (parsed_folder / ".DS_Store").touch()
    assert list(find_parsed_days(parsed_folder)) == sorted(days)


def test_a_day_that_is_not_archived_cannot_be_parsed(archive: Archive, parsed_folder: Path) -> None:
    with pytest.raises(ArchiveError, match="2026-03-05 is not archived"):
        parse_log_day(archive, DAY, parsed_folder)
    assert not parsed_folder.exists()


@pytest.mark.parametrize("worth_workers_bytes", [1, 1 << 30], ids=["workers", "no workers"])
def test_a_damaged_archive_file_leaves_the_parsed_day_as_it_was(
    archive: Archive,
    parsed_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    worth_workers_bytes: int,
) -> None:
    monkeypatch.setattr(parse_day, "WORTH_WORKERS_BYTES", worth_workers_bytes)
    archive_file(archive, DAY, LINES[0])
    first = parse_log_day(archive, DAY, parsed_folder)
    archived = archive_file(archive, DAY, FILES["many lines"])
    archive_file(archive, date(2026, 3, 6), LINES[1]).path.replace(archived.path)
    with pytest.raises(ArchiveError, match="is damaged"):
        parse_log_day(archive, DAY, parsed_folder)
    assert find_parsed_days(parsed_folder) == {DAY: first}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


DAMAGE = {
    "manifest cut short": lambda day: _cut(day.folder.parent / MANIFEST_NAME),
    "manifest empty": lambda day: (day.folder.parent / MANIFEST_NAME).write_bytes(b""),
    "manifest of other content": lambda day: (day.folder.parent / MANIFEST_NAME).write_text("{}"),
    "manifest not UTF-8": lambda day: (day.folder.parent / MANIFEST_NAME).write_bytes(b'{"\xff"'),
    "file missing": lambda day: day.parquet_files(VISITS_LOG)[0].unlink(),
    "file cut short": lambda day: _cut(day.parquet_files(ACTIONS_LOG)[0]),
    "folder missing": lambda day: day.folder.rename(day.folder.with_name("elsewhere")),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_parsed_day_is_reported_and_made_again(
    archive: Archive, parsed_folder: Path, damage: Any
) -> None:
    archive_file(archive, DAY, FILES["every kind of line"])
    first = parse_log_day(archive, DAY, parsed_folder)
    rows = rows_of(first)
    damage(first)
    with pytest.raises(
        ParsedDayError, match="`woopra-pipeline backfill 2026-03-05 2026-03-05` makes"
    ):
        find_parsed_days(parsed_folder)
    again = parse_log_day(archive, DAY, parsed_folder)
    assert again == first
    assert rows_of(again) == rows


def test_a_manifest_in_the_folder_of_another_day_is_reported(
    archive: Archive, parsed_folder: Path
) -> None:
    archive_file(archive, DAY, LINES[0])
    parse_log_day(archive, DAY, parsed_folder)
    (parsed_folder / "2026-03-05").rename(parsed_folder / "2026-03-06")
    with pytest.raises(ParsedDayError, match=r"2026-03-05.*backfill 2026-03-06 2026-03-06"):
        find_parsed_days(parsed_folder)


def test_files_that_cannot_be_written_are_reported(archive: Archive, tmp_path: Path) -> None:
    archive_file(archive, DAY, LINES[0])
    (tmp_path / "parsed").touch()
    with pytest.raises(ParsedDayError, match=r"2026-03-05 cannot be written .*then parse the day"):
        parse_log_day(archive, DAY, tmp_path / "parsed")


def test_json_columns_and_times_are_what_duckdb_takes_them_for(
    archive: Archive, parsed_folder: Path
) -> None:
    deep = "[" * 5000 + "]" * 5000
    odd = r'{"a":1e400,"b":' + "9" * 500 + r',"c\u0000d":"\ud83d\ude00\u0000","d":' + deep + "}"
    line = (
        r'{"type":"visit","pid":"p","time":253402300799999,"city":"a\u0000b",'
        f'"visitor":{odd},"new":{odd},'
        f'"actions":[{{"time":-62135596800000,"properties":{odd},"new":{odd}}}]}}'
    )
    archive_file(archive, DAY, line.encode())
    day = parse_log_day(archive, DAY, parsed_folder)
    [visits], [actions], [properties] = map(
        day.parquet_files, (VISITS_LOG, ACTIONS_LOG, PROPERTIES_LOG)
    )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")

        def first_row(query: str, path: Path) -> Any:
            return connection.execute(f"{query} from read_parquet(?)", [str(path)]).fetchone()

        assert first_row(
            "select visitor::json->>'a', extra::json->'new'->>'b', visitor::json->>'d', "
            "visitor = visitor::json::varchar, year(started_at), city",
            visits,
        ) == ("1e400", "9" * 500, deep, True, 9999, "a\x00b")
        assert first_row(
            "select properties::json->>'b', extra::json->'new'->>'a', year(occurred_at), "
            "typeof(occurred_at)",
            actions,
        ) == ("9" * 500, "1e400", 1, "TIMESTAMP WITH TIME ZONE")
        assert first_row("select count(*), bool_and(json_valid(value))", properties) == (4, True)
