"""How work is measured: in turns, in processes of their own, with an eye on what others do."""

import os
import sys

import pytest

from benchmarks import measuring
from benchmarks.measuring import (
    Cost,
    Watch,
    fresh,
    in_rounds,
    machine_ticks,
    peak_so_far,
    running,
    seconds_of_packages,
    share_of_others,
    tree_ticks,
)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize(
    ("worked", "all_ticks", "own", "share"),
    [
        pytest.param(150, 200, 50, 0.5, id="half"),
        pytest.param(50, 200, 50, 0.0, id="nobody else"),
        pytest.param(50, 200, 60, 0.0, id="own ticks counted before the machine's"),
        pytest.param(200, 200, 0, 1.0, id="all"),
        pytest.param(0, 0, 0, 0.0, id="no time passed"),
    ],
)
def test_others_have_what_is_not_ones_own(worked, all_ticks, own, share):
    assert share_of_others(worked, all_ticks, own) == share


def test_what_is_compared_is_measured_in_turns():
    order = []

    def measure(name):
        def note():
            order.append(name)
            return Cost(float(len(order)), 0.0, 0.0)

        return note

    costs = in_rounds(2, {"one": measure("one"), "other": measure("other")})
    assert order == ["one", "other", "one", "other"]
    assert costs["other"].seconds == [2.0, 4.0]


def test_work_is_done_in_a_process_of_its_own_after_what_comes_before_it():
    done = []
    cost = fresh(os.getpid, before=lambda: done.append(os.getpid()))()
    assert done == [os.getpid()]
    assert cost.value != os.getpid()


def test_a_command_says_what_it_wrote_and_fails_loudly():
    cost = running([sys.executable, "-c", "print(sum(range(1_000_000)))"])()
    assert cost.value == "499999500000\n"
    assert cost.processor_seconds > 0
    with pytest.raises(RuntimeError, match="no such thing"):
        running([sys.executable, "-c", "raise SystemExit('no such thing')"])()


@on_linux
def test_the_machine_and_this_process_are_seen_to_work():
    worked, all_ticks = machine_ticks()
    assert 0 < worked <= all_ticks
    assert tree_ticks(os.getpid()).keys() >= {os.getpid()}
    busy = Watch().busy()
    assert 0 <= busy.before <= 1
    assert 0 <= busy.during <= 1
    assert busy.load >= 0


@on_linux
def test_the_peak_of_a_new_process_is_its_own():
    block = b"x" * 100_000_000
    assert peak_so_far() > 100
    assert fresh(peak_so_far)().value < 100
    assert len(block) == 100_000_000


def test_where_the_system_does_not_tell_nothing_is_said(monkeypatch):
    monkeypatch.setattr(measuring, "machine_ticks", lambda: None)
    busy = Watch().busy()
    assert (busy.before, busy.during) == (None, None)


def test_imports_are_added_up_by_package():
    said = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       150 |        150 |   dagster._core\n"
        "import time:      1000 |       1150 | dagster\n"
        "import time:        20 |         20 | orjson\n"
        "and something else\n"
    )
    assert seconds_of_packages(said) == {"dagster": 0.00115, "orjson": 0.00002}
