"""R9 for parsed days: killed at any point, a day is there whole, and parsing again completes it."""

import multiprocessing
import shutil
import signal
from datetime import date
from pathlib import Path

from pyarrow import parquet

from woopra_pipeline.archive import Archive
from woopra_pipeline.parse import parse_day
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import MANIFEST_NAME, find_parsed_days
from woopra_pipeline.tables import VISITS_LOG
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.sudden_death import die_at_touch

DAY = date(2026, 3, 5)
LINE = b'{"type":"visit","pid":"a"}\n'

processes = multiprocessing.get_context("forkserver")


def _parse(archive_folder: Path, parsed_folder: Path, fatal_event: int) -> None:
    """In a process of its own: parse the day, dying at the given one of its touches of a file."""
    parse_day.CHUNK_BYTES = 100
    die_at_touch(fatal_event)
    parse_log_day(Archive(archive_folder), DAY, parsed_folder)


def _lines_on_disk(parsed_folder: Path) -> int:
    """The number of lines of the day, seen the same in its manifest and in its files."""
    day = find_parsed_days(parsed_folder)[DAY]
    rows: int = sum(parquet.read_metadata(path).num_rows for path in day.parquet_files(VISITS_LOG))
    assert rows == day.line_count
    return rows


def test_a_parse_killed_at_any_point_leaves_a_whole_day(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "raw")
    archive_file(archive, DAY, LINE * 3)
    parse_log_day(archive, DAY, tmp_path / "before")
    archive_file(archive, DAY, LINE * 5)
    left_behind: list[int] = []
    exit_code: int | None = -signal.SIGKILL
    while exit_code == -signal.SIGKILL:
        fatal_event = len(left_behind) + 1
        parsed_folder = tmp_path / f"killed at event {fatal_event}"
        shutil.copytree(tmp_path / "before", parsed_folder)
        process = processes.Process(
            target=_parse, args=(archive.folder, parsed_folder, fatal_event)
        )
        process.start()
        process.join()
        exit_code = process.exitcode
        left_behind.append(_lines_on_disk(parsed_folder))

        day = parse_log_day(archive, DAY, parsed_folder)
        assert _lines_on_disk(parsed_folder) == 5
        parse_log_day(archive, DAY, parsed_folder)
        assert set(day.folder.parent.iterdir()) == {day.folder, day.folder.parent / MANIFEST_NAME}
    assert exit_code == 0
    assert left_behind == sorted(left_behind)
    assert set(left_behind) == {3, 5}
