"""Each mood is what it says, over real HTTP, and only where it can be."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.sandbox import (
    Mood,
    Moods,
    RunningSandbox,
    Sandbox,
    SandboxClock,
    SandboxSettings,
    Service,
    serve,
)
from woopra_pipeline.sandbox.server import _File
from woopra_pipeline_tests.sandbox.caller import Caller

BASE = frozen_clock(datetime(2026, 1, 12, 20, tzinfo=UTC))
DAY = "2026-01-05"
TODAY = date(2026, 1, 12)
LINE = '{"visitor":{"email":"new@example.com"},"actions":[]}'


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSandbox]:
    sandbox = Sandbox(tmp_path, SandboxSettings(people=60), clock=SandboxClock(BASE(), base=BASE))
    with serve(sandbox, service=Service(compresses=False, slowness=0.05)) as running:
        yield running


@pytest.fixture(autouse=True)
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Bad moods are played, not suffered: the server itself never fails."""
    yield
    assert caplog.get_records("call") == []


def imported(running: RunningSandbox) -> int:
    sandbox = running.sandbox
    return (sandbox.growing_file(sandbox.today) or b"").count(b"new@example.com")


@pytest.mark.parametrize(
    ("mood", "status"),
    [
        pytest.param(Mood.SERVER_ERROR, 500),
        pytest.param(Mood.UNAUTHORIZED, 401),
        pytest.param(Mood.BUSY, 503),
    ],
)
def test_refusals_do_nothing(running: RunningSandbox, mood: Mood, status: int) -> None:
    running.moods.upcoming.extend([mood, mood])
    assert Caller(running).export(DAY).status_code == status
    answer = Caller(running).post(LINE)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (mood is Mood.BUSY)
    assert imported(running) == 0
    assert Caller(running).export(DAY).status_code == 200


def test_slow_answers_are_right(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.SLOW)
    answer = Caller(running).export(DAY)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() > 0.05


@pytest.mark.parametrize("mood", [Mood.RESET, Mood.WRONG_LENGTH])
def test_bodies_that_break(running: RunningSandbox, mood: Mood) -> None:
    running.moods.upcoming.append(mood)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        Caller(running).export(DAY)


def test_a_file_cut_without_notice(running: RunningSandbox) -> None:
    running.moods.upcoming.extend([Mood.TRUNCATED, Mood.TRUNCATED, None])
    first, second, whole = (Caller(running).export(DAY).content for _ in range(3))
    assert len({len(first), len(second), len(whole)}) == 3
    for cut in (first, second):
        assert whole.startswith(cut)
        assert not cut.endswith((b"\n", b"}\n"))
        assert whole[len(cut) : len(cut) + 1] != b"\n"


def test_a_file_cut_where_a_line_ends(running: RunningSandbox) -> None:
    running.moods.upcoming.extend([Mood.CUT_AT_LINE, None])
    cut, whole = (Caller(running).export(DAY) for _ in range(2))
    assert whole.content.startswith(cut.content)
    assert len(cut.content) < len(whole.content)
    assert cut.content.endswith(b"\n")
    assert cut.headers["X-Woopra-Pos"] == whole.headers["X-Woopra-Pos"] == str(len(whole.content))
    assert cut.headers["Content-Length"] == str(len(cut.content))


def test_an_error_in_the_place_of_a_file(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.ERROR_BODY)
    answer = Caller(running).export(DAY)
    assert (answer.status_code, answer.json()) == (200, {"error": "internal"})


def test_a_file_that_goes_over_into_a_web_page(running: RunningSandbox) -> None:
    running.moods.upcoming.extend([Mood.WEB_PAGE, None])
    spoilt, whole = (Caller(running).export(DAY) for _ in range(2))
    file, _, page = spoilt.content.partition(b"<html>")
    assert spoilt.status_code == 200
    assert whole.content.startswith(file)
    assert 0 < len(file) < len(whole.content)
    assert page.endswith(b"</html>\r\n")


def test_a_file_without_a_line_to_cut_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"\n \n", b"a\n"):
        path.write_bytes(content)
        assert {_File(path).within_a_line(0, luck) for luck in (0.0, 0.5, 0.99)} == {len(content)}
    path.write_bytes(b'\n{"a":1}\n')
    assert {_File(path).within_a_line(0, luck) for luck in (0.0, 0.99)} == {2}
    assert [_File(path).after_a_line(0, luck) for luck in (0.0, 0.5)] == [1, 9]
    path.write_bytes(b"a")
    assert _File(path).after_a_line(0, 0.5) == 1


def test_busy_after_the_import(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.BUSY_AFTERWARDS)
    answer = Caller(running).post(LINE)
    assert answer.status_code == 503
    assert "Retry-After" not in answer.headers
    assert imported(running) == 1


def test_the_answer_to_an_import_is_lost(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.ANSWER_LOST)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        Caller(running).post(LINE)
    assert imported(running) == 1


def test_too_large(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.TOO_LARGE)
    assert Caller(running).post(LINE).status_code == 413
    assert imported(running) == 0


def test_the_day_ends_while_the_request_is_under_way(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.MIDNIGHT)
    assert Caller(running).post(LINE).status_code == 200
    assert running.sandbox.today == date(2026, 1, 13)
    assert imported(running) == 1
    closed = running.sandbox.export_file(TODAY)
    assert closed is not None
    assert b"new@example.com" not in closed.read_bytes()


def test_a_mood_an_endpoint_cannot_have_is_none(running: RunningSandbox) -> None:
    running.moods.upcoming.append(Mood.ANSWER_LOST)
    assert Caller(running).export(DAY).status_code == 200


def test_moods_by_chance_are_the_same_again() -> None:
    def drawn(seed: int) -> list[Mood | None]:
        moods = Moods(Mood, share=0.5, seed=seed)
        return [moods.next("export").mood for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 60 < sum(mood is not None for mood in drawn(1)) < 140
    assert {mood for mood in drawn(1) if mood} >= {Mood.RESET, Mood.TRUNCATED, Mood.SLOW}
