"""R10: which pids are one person, by the ways of the merges, as they stand."""

import pytest

from woopra_pipeline.privacy.merges import Delete, Life, Merges


def merges(*steps):
    """Deletes in the order of the log, at 10, 20, …: `A>B` merges A into B, `A>` deletes A."""
    deletes = []
    for number, step in enumerate(steps, start=1):
        pid, _, new_id = step.partition(">")
        deletes.append(Delete(number * 10, pid, new_id or None))
    return Merges(deletes)


@pytest.mark.parametrize(
    ("steps", "life", "pids"),
    [
        pytest.param([], Life("A", 5), "A", id="never merged"),
        pytest.param(["A>B"], Life("B", 5), "AB", id="came from"),
        pytest.param(["A>B"], Life("A", 5), "AB", id="leads to"),
        pytest.param(["A>B", "B>C", "C>D"], Life("D", 1), "ABCD", id="chain"),
        pytest.param(["A>B", "B>C", "X>C"], Life("A", 1), "ABCX", id="all that lead there"),
        pytest.param(["B>C", "A>B"], Life("C", 15), "BC", id="A leads to a later life of B"),
        pytest.param(["B>C", "A>B"], Life("B", 15), "AB", id="that later life"),
        pytest.param(["A>B", "B>A"], Life("A", 25), "AB", id="swap"),
        pytest.param(["A>B", "A>C"], Life("C", 25), "AC", id="a shared pid brings nobody along"),
        pytest.param(["A>B", "B>"], Life("A", 5), "AB", id="deleted for good"),
        pytest.param(["A>", "B>"], Life("A", 5), "A", id="each deleted on its own"),
        pytest.param(["A>A"], Life("A", 15), "A", id="into itself"),
    ],
)
def test_pids_of_a_life(steps, life, pids):
    assert merges(*steps).pids_of(life) == set(pids)


@pytest.mark.parametrize(
    ("steps", "last_line", "life"),
    [
        pytest.param([], 7, Life("A", 7), id="lives"),
        pytest.param(["A>B"], 7, Life("A", 9), id="merged: its last delete counts"),
        pytest.param(["A>B"], 17, Life("A", 17), id="lives again"),
        pytest.param(["A>B", "A>C"], 7, Life("A", 19), id="the last of its deletes"),
        pytest.param(["B>A"], None, Life("A", 10), id="only named"),
    ],
)
def test_the_latest_life_of_a_pid(steps, last_line, life):
    assert merges(*steps).latest_life("A", last_line) == life


def test_later_merges_join():
    life = Life("B", 15)
    assert merges("A>B").pids_of(life) == set("AB")
    assert merges("A>B", "X>B").pids_of(life) == set("ABX")
    assert merges("A>B", "X>B", "B>N", "M>N").pids_of(life) == set("ABMNX")
