"""The current log day's file only ever grows, and becomes the closed day's file."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.sandbox import Sandbox, SandboxClock, SandboxSettings, serve
from woopra_pipeline.woopra.log_days import start_of_log_day
from woopra_pipeline_tests.sandbox.caller import Caller

WORLD = SandboxSettings(seed=3, people=80)
DAY = date(2026, 1, 20)


def test_each_state_of_the_file_begins_with_the_one_before(tmp_path: Path) -> None:
    before = b""
    lengths = []
    for hour in range(1, 24):
        clock = frozen_clock(start_of_log_day(DAY) + timedelta(hours=hour))
        now = Sandbox(tmp_path, WORLD, clock=clock).growing_file(DAY)
        assert now is not None
        assert now.startswith(before)
        lengths.append(len(now))
        before = now
    later = frozen_clock(start_of_log_day(DAY) + timedelta(days=2))
    closed = Sandbox(tmp_path, WORLD, clock=later).export_file(DAY)
    assert closed is not None
    assert closed.read_bytes().startswith(before)
    assert len(set(lengths)) > 15


def test_a_look_at_the_growing_file_changes_nothing(tmp_path: Path) -> None:
    later = frozen_clock(start_of_log_day(DAY) + timedelta(days=2))
    untouched = Sandbox(tmp_path / "untouched", WORLD, clock=later)
    looked_at = Sandbox(
        tmp_path, WORLD, clock=frozen_clock(start_of_log_day(DAY) + timedelta(hours=7))
    )
    looked_at.growing_file(DAY)
    looked_at.clock = later
    files = [sandbox.export_file(DAY) for sandbox in (untouched, looked_at)]
    assert files[0] is not None
    assert files[1] is not None
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_file_followed_by_position_is_the_whole_file(tmp_path: Path) -> None:
    clock = SandboxClock(start_of_log_day(DAY), base=frozen_clock(datetime(2026, 1, 1, tzinfo=UTC)))
    sandbox = Sandbox(tmp_path, WORLD, clock=clock)
    followed, position = b"", 0
    with serve(sandbox) as running:
        for _ in range(6):
            sandbox.clock = frozen_clock(sandbox.clock() + timedelta(hours=3, minutes=57))
            answer = Caller(running).export(f"{DAY}", pos=str(position))
            followed += answer.content
            position = int(answer.headers["X-Woopra-Pos"])
            assert position == len(followed)
    sandbox.clock = frozen_clock(start_of_log_day(DAY) + timedelta(days=1))
    closed = sandbox.export_file(DAY)
    assert closed is not None
    assert closed.read_bytes().startswith(followed)
    assert followed
