"""R9 between two homes: killed at any point, a day is whole in both, as before or as after."""

import multiprocessing
import os
import random
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.cleaning import remove_unnamed
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_day
from woopra_pipeline_tests.lake.days_here import (
    DAY,
    content_here,
    files_below,
    in_lake,
    later,
    log_of,
    make_day,
    named_in,
    names_in,
    parsed_content,
    replace_day,
)
from woopra_pipeline_tests.sudden_death import die_at_touch

FIRST, SECOND = log_of(3), log_of(5)

processes = multiprocessing.get_context("forkserver")


def die_at_request(number: int) -> None:
    """Kill this process before or after a request to a store: each counts as two, from 1."""
    import obstore

    lock, requests = threading.Lock(), 0
    functions = (obstore.get, obstore.put, obstore.list, obstore.head, obstore.delete)

    def die_in_time(_frame: object, event: str, called: object) -> None:
        nonlocal requests
        if event in {"c_call", "c_return"} and called in functions:
            with lock:
                requests += 1
                if requests == number:
                    os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(die_in_time)
    sys.setprofile(die_in_time)


def _work(work, location, folder, variables, fatal_event) -> None:
    """In a process of its own: put or take the day, dying at a file's touch or at a request."""
    os.environ.update(variables)
    lake, directory = open_lake(location), DataDirectory(folder)
    if fatal_event is not None:
        die = die_at_request if "://" in location else die_at_touch
        die(fatal_event)
    work(lake, directory, DAY)


def run(work, lake, directory, fatal_event=None):
    variables = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = processes.Process(
        target=_work, args=(work, lake.location, directory.root, variables, fatal_event)
    )
    process.start()
    process.join(120)
    return process.exitcode


def steps(kind, some):
    """Every so-many-th point by default, ten or so in all; each in the long tests."""
    return [
        pytest.param(kind, some, id=f"{kind}, some points"),
        pytest.param(kind, 1, id=f"{kind}, all points", marks=pytest.mark.long),
    ]


def a_lake(request, tmp_path, kind, number):
    if kind == "folder":
        return open_lake(str(tmp_path / f"lake-{number}"))
    return open_lake(f"{request.getfixturevalue('s3_location')}/{number}")


def copied(directory: DataDirectory, folder: Path) -> DataDirectory:
    shutil.copytree(directory.root, folder)
    return DataDirectory(folder)


@pytest.mark.parametrize("before", [None, FIRST], ids=["new day", "day that is replaced"])
@pytest.mark.parametrize(("kind", "step"), [*steps("folder", 19), *steps("s3", 4)])
def test_a_day_put_is_whole_in_the_lake_whatever_is_killed(
    *, request, tmp_path, kind, step, before
):
    here = DataDirectory(tmp_path / "here")
    make_day(here, SECOND if before is None else FIRST)
    first = copied(here, tmp_path / "first")
    if before is not None:
        replace_day(here, SECOND)
    outcomes, exit_code = [], None
    for fatal_event in range(1, 2000, step):
        lake = a_lake(request, tmp_path, kind, fatal_event)
        if before is not None:
            put_day(lake, first, DAY)
        exit_code = run(put_day, lake, here, fatal_event)
        back = DataDirectory(tmp_path / f"back-{fatal_event}")
        take_day(lake, back, DAY)
        parsed = in_lake(lake)[1]
        outcomes.append((content_here(back), None if parsed is None else parsed.line_count))

        assert run(put_day, lake, here) == 0
        take_day(lake, back, DAY)
        assert files_below(back.raw) == files_below(here.raw)
        assert parsed_content(back) == parsed_content(here)
        remove_unnamed(lake, clock=later(30))
        assert names_in(lake) == named_in(lake)
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
    assert exit_code == 0, "no run was left alive"
    assert len(outcomes) > 5
    lines = None if before is None else 3
    possible = [(before, lines), (SECOND, lines), (SECOND, 5)]
    assert outcomes[0] == possible[0]
    assert outcomes[-1] == possible[-1]
    order = [possible.index(outcome) for outcome in outcomes]
    assert order == sorted(order)


@pytest.mark.parametrize(("kind", "step"), [*steps("folder", 12), *steps("s3", 3)])
def test_a_day_restored_is_whole_on_the_disk(*, request, tmp_path, kind, step):
    here = DataDirectory(tmp_path / "here")
    make_day(here, FIRST)
    replace_day(here, SECOND)
    lake = a_lake(request, tmp_path, kind, 0)
    put_day(lake, here, DAY)
    exit_code, outcomes = None, []
    for fatal_event in range(1, 2000, step):
        back = DataDirectory(tmp_path / f"back-{fatal_event}")
        exit_code = run(take_day, lake, back, fatal_event)
        outcomes.append(content_here(back))
        assert run(take_day, lake, back) == 0
        assert files_below(back.raw) == files_below(here.raw)
        assert parsed_content(back) == parsed_content(here)
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
    assert exit_code == 0, "no run was left alive"
    assert len(outcomes) > 5
    changed_at = outcomes.index(SECOND)
    assert outcomes == [None] * changed_at + [SECOND] * (len(outcomes) - changed_at)


@pytest.mark.parametrize(
    "seed",
    [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))],
)
def test_killed_within_a_large_upload_nothing_of_it_is_seen(lake, tmp_path, seed):
    chance = random.Random(seed)
    here = DataDirectory(tmp_path / "here")
    # What cannot be compressed: some 30 MB, in several parts.
    lines = b"".join(
        b'{"type":"visit","pid":"%s"}\n' % chance.randbytes(500).hex().encode()
        for _ in range(60_000)
    )
    make_day(here, lines)
    variables = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = processes.Process(
        target=_work, args=(put_day, lake.location, here.root, variables, None)
    )
    process.start()
    process.join(chance.random())
    process.kill()
    process.join(60)
    back = DataDirectory(tmp_path / "back")
    take_day(lake, back, DAY)
    assert content_here(back) in {None, lines}
    assert run(put_day, lake, here) == 0
    take_day(lake, back, DAY)
    assert content_here(back) == lines
    assert parsed_content(back) == parsed_content(here)
