"""R9 for the current day: killed at any point of a step, what is known of it is whole."""

import multiprocessing
import shutil
import signal
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.current_day import day_files, follow_current_day
from woopra_pipeline.parse.parsed_days import MANIFEST_NAME, find_parsed_day
from woopra_pipeline.tables import VISITS_LOG
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.settings import WoopraSettings
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.scripted_server import whole
from woopra_pipeline_tests.sudden_death import die_at_touch

DAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LINE = b'{"type":"visit","pid":"a"}\n'

processes = multiprocessing.get_context("forkserver")


def _step(
    parsed_folder: Path,
    settings: WoopraSettings,
    now: datetime,
    fatal_event: int | None,
    most_files: int,
) -> None:
    """In a process of its own: a step that dies at the given one of its touches of a file."""
    day_files.MOST_FILES = most_files
    with WoopraClient(settings) as client:
        if fatal_event is not None:
            die_at_touch(fatal_event)
        follow_current_day(client, parsed_folder, clock=frozen_clock(now))


def step_that_dies(
    parsed_folder: Path,
    settings: WoopraSettings,
    now: datetime,
    fatal_event: int | None,
    most_files: int = day_files.MOST_FILES,
) -> int | None:
    """Returns the exit code."""
    process = processes.Process(
        target=_step, args=(parsed_folder, settings, now, fatal_event, most_files)
    )
    process.start()
    process.join(60)
    return process.exitcode


def _run(
    parsed_folder: Path, base_url: str, most_files: int = 500, fatal_event: int | None = None
) -> int | None:
    settings = settings_for(base_url=base_url)
    return step_that_dies(parsed_folder, settings, NOW, fatal_event, most_files)


def _lines_known(parsed_folder: Path) -> list[int] | None:
    """The numbers of the lines of the day, seen the same in its manifest and in its files."""
    day = find_parsed_day(parsed_folder, DAY)
    if day is None:
        return None
    rows = [
        row
        for path in day.parquet_files(VISITS_LOG)
        for row in parquet.read_table(path)["log_line"].to_pylist()
    ]
    assert len(rows) == day.line_count
    return rows


@pytest.mark.parametrize(
    ("known", "most_files"),
    [
        pytest.param(None, 500, id="first step"),
        pytest.param(3, 500, id="later step"),
        pytest.param(3, 0, id="step that starts over"),
    ],
)
@pytest.mark.parametrize(
    "every", [pytest.param(9, id="some points"), pytest.param(1, id="all", marks=pytest.mark.long)]
)
def test_a_step_killed_at_any_point_leaves_a_whole_day(tmp_path, server, known, most_files, every):
    if known is not None:
        server.answers(whole(LINE * known))
        assert _run(tmp_path / "before", server.base_url) == 0
    before = _lines_known(tmp_path / "before")
    after = list(range(1, 6))
    left_behind = []
    for fatal_event in range(1, 500, every):
        folder = tmp_path / str(fatal_event)
        if known is not None:
            shutil.copytree(tmp_path / "before", folder)
        # What is asked for again is the last of the known lines.
        server.answers(whole(LINE * (5 if known is None else 5 - known + 1)))
        exit_code = _run(folder, server.base_url, most_files, fatal_event)
        left_behind.append(_lines_known(folder))

        server.answers(whole(LINE * (1 if left_behind[-1] == after else 3)))
        if left_behind[-1] is None:
            server.answers(whole(LINE * 5))
        assert _run(folder, server.base_url) == 0
        assert _lines_known(folder) == after
        assert {path.name for path in (folder / str(DAY)).iterdir()} == {
            MANIFEST_NAME,
            find_parsed_day(folder, DAY).folder.name,
        }
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
    else:
        pytest.fail("no step was left alive")
    changed_at = left_behind.index(after)
    assert changed_at > 0
    assert left_behind == [before] * changed_at + [after] * (len(left_behind) - changed_at)
