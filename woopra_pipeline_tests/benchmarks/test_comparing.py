"""Two commits set side by side, by what was measured of each."""

import math
from dataclasses import replace

import pytest

from benchmarks import comparing
from benchmarks.comparing import Compared, compare, last_of_commit, matched
from benchmarks.records import RATIO, SECONDS, Record, Results, ResultsError, Setting, Spread
from benchmarks.tables import compared_rows

EARLIER = Setting("2026-01-01", "default", "a" * 40, False, {"cores": 2}, {})
LATER = replace(EARLIER, run="2026-01-02", commit="b" * 40)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Where results are, with two commits that git knows by short names."""
    commits = {"earlier": EARLIER.commit, "later": LATER.commit}
    monkeypatch.setattr(comparing, "resolved", commits.__getitem__)
    return tmp_path / "results.jsonl"


def put(path, setting, **figures):
    results = Results(setting, path)
    for name, rounds in figures.items():
        results.add("build", name, SECONDS, rounds)


def test_the_medians_are_compared_and_whether_the_spreads_overlap(path):
    put(path, EARLIER, slower=[1.0, 2.0, 3.0], faster=[4.0, 5.0])
    put(path, LATER, slower=[3.0, 4.0, 5.0], faster=[1.0, 2.0])
    slower, faster = compare(path, "earlier", "later")
    assert (slower.ratio, slower.overlaps) == (2.0, True)
    assert (faster.ratio, faster.overlaps) == (1.5 / 4.5, False)
    assert compared_rows([slower]) == [
        ("build", "slower", "s", "2", "1 to 3", "4", "3 to 5", "2", "yes")
    ]


def test_all_runs_of_a_commit_count(path):
    put(path, EARLIER, all_days=[1.0])
    put(path, replace(EARLIER, run="2026-01-03"), all_days=[9.0, 2.0])
    put(path, LATER, all_days=[2.0])
    (compared,) = compare(path, "earlier", "later")
    assert compared.earlier == Spread(2.0, 1.0, 9.0)


def test_a_clean_state_is_preferred_to_one_with_changes(path):
    put(path, replace(EARLIER, is_dirty=True), all_days=[7.0])
    put(path, LATER, all_days=[2.0])
    (compared,) = compare(path, "earlier", "later")
    assert compared.earlier.median == 7.0
    put(path, EARLIER, all_days=[1.0])
    (compared,) = compare(path, "earlier", "later")
    assert compared.earlier.median == 1.0


def test_only_what_both_have_of_the_same_size_is_compared(path):
    put(path, EARLIER, both=[1.0], gone=[1.0])
    put(path, LATER, both=[1.0], new=[1.0])
    put(path, replace(LATER, size="large"), gone=[9.0])
    assert [each.key[2] for each in compare(path, "earlier", "later")] == ["both"]


def test_a_stage_can_be_picked(path):
    for setting in (EARLIER, LATER):
        results = Results(setting, path)
        for stage in ("build", "parse"):
            results.add(stage, "all", SECONDS, [1.0])
    assert [each.key[1] for each in compare(path, "earlier", "later", "parse")] == ["parse"]
    with pytest.raises(ResultsError, match="of the stage publish"):
        compare(path, "earlier", "later", "publish")


def test_seconds_of_two_machines_are_not_compared_but_ratios_are():
    records = [
        Record("build", unit, unit, [1.0], setting)
        for setting in (EARLIER, replace(LATER, machine={"cores": 64}))
        for unit in (SECONDS, RATIO)
    ]
    assert [each.key[3] for each in matched(records[:2], records[2:])] == [RATIO]


def test_the_ratio_to_nothing_is_no_number():
    nothing = Spread(0.0, 0.0, 0.0)
    assert math.isnan(Compared(("", "", "", ""), nothing, nothing).ratio)


def test_a_commit_without_results_is_named(path):
    put(path, EARLIER, all_days=[1.0])
    with pytest.raises(ResultsError, match=r"has no results of later \(bbbbbbbbbbbb\)"):
        compare(path, "earlier", "later")


def test_two_commits_with_nothing_in_common_are_named(path):
    put(path, EARLIER, one=[1.0])
    put(path, LATER, other=[1.0])
    with pytest.raises(ResultsError, match="Nothing was measured both at earlier and at later"):
        compare(path, "earlier", "later")


@pytest.mark.parametrize("name", ["no such commit", "--all", ""])
def test_a_commit_that_git_does_not_know_is_named(tmp_path, name):
    path = tmp_path / "results.jsonl"
    put(path, EARLIER, one=[1.0])
    with pytest.raises(ResultsError, match=f"git knows no commit {name}"):
        compare(path, name, "HEAD")


def test_of_a_commit_each_figure_is_shown_as_it_came_last(path):
    put(path, EARLIER, one=[1.0], other=[1.0])
    put(path, replace(EARLIER, run="2026-01-03"), other=[2.0])
    put(path, replace(EARLIER, size="large"), one=[9.0])
    results = last_of_commit(path, "earlier", "default")
    assert {record.name: record.rounds for record in results.records} == {
        "one": [1.0],
        "other": [2.0],
    }
    with pytest.raises(ResultsError, match="no results of earlier in size tiny"):
        last_of_commit(path, "earlier", "tiny")
