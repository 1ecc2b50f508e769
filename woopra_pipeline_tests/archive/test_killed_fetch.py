"""R9 for the archive: whatever is killed when, a day is there whole, as it was or as it becomes."""

import multiprocessing
import signal
import threading
from datetime import date

import pytest

from woopra_pipeline.archive import Archive, fetch_log_day
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.scripted_server import calling, head, raw, silence, whole
from woopra_pipeline_tests.sudden_death import die_at_touch

DAY = date(2026, 3, 5)
FIRST = b'{"type":"visit","pid":"a"}\n' * 3
SECOND = b'{"type":"visit","pid":"b"}\n' * 100_000

processes = multiprocessing.get_context("forkserver")


def _fetch(folder, base_url, fatal_event=None):
    """In a process of its own: fetch the day, dying at the given one of its touches of a file."""
    with WoopraClient(settings_for(base_url=base_url)) as client:
        if fatal_event is not None:
            die_at_touch(fatal_event)
        fetch_log_day(client, Archive(folder), DAY)


def run(folder, server, fatal_event=None):
    process = processes.Process(target=_fetch, args=(folder, server.base_url, fatal_event))
    process.start()
    process.join(60)
    return process.exitcode


def content(folder):
    """The day's content in the archive, verified; None if there is none."""
    archive = Archive(folder)
    archived = archive.find(DAY)
    if archived is None:
        return None
    with archive.open(archived) as stream:
        return stream.read()


def temporary_files(folder):
    return list(folder.rglob(".tmp-*"))


@pytest.mark.parametrize("before", [None, FIRST], ids=["new day", "archived day"])
@pytest.mark.parametrize(
    "step", [pytest.param(5, id="some points"), pytest.param(1, id="all", marks=pytest.mark.long)]
)
def test_killed_at_any_touch_of_a_file_the_day_is_as_before_or_after(
    tmp_path, server, before, step
):
    outcomes = []
    for fatal_event in range(1, 500, step):
        folder = tmp_path / str(fatal_event)
        if before is not None:
            server.answers(whole(before))
            assert run(folder, server) == 0
        server.answers(whole(SECOND))
        exitcode = run(folder, server, fatal_event)
        outcomes.append(content(folder))
        assert run(folder, server) == 0
        assert content(folder) == SECOND
        assert not temporary_files(folder)
        if exitcode == 0:
            break
        assert exitcode == -signal.SIGKILL
    else:
        pytest.fail("no run was left alive")
    changed_at = outcomes.index(SECOND)
    assert changed_at > 0
    assert outcomes == [before] * changed_at + [SECOND] * (len(outcomes) - changed_at)


@pytest.mark.parametrize("before", [None, FIRST], ids=["new day", "archived day"])
def test_killed_within_the_body_the_day_is_as_before(tmp_path, server, before):
    if before is not None:
        server.answers(whole(before))
        assert run(tmp_path, server) == 0
    half_sent = threading.Event()
    half = raw(head(200, {"Content-Length": str(len(SECOND))}) + SECOND[: len(SECOND) // 2])
    server.answers(calling(half_sent.set, half, silence()))
    process = processes.Process(target=_fetch, args=(tmp_path, server.base_url))
    process.start()
    assert half_sent.wait(60)
    process.kill()
    process.join(60)
    assert content(tmp_path) == before
    server.answers(whole(SECOND))
    assert run(tmp_path, server) == 0
    assert content(tmp_path) == SECOND
    assert not temporary_files(tmp_path)
