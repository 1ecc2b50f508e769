"""The arithmetic of the benchmarks: spreads, verdicts, ratios, and what is kept of a figure."""

import json
import math

import pytest

from benchmarks.measuring import Busy, Cost, Costs
from benchmarks.records import (
    MEGABYTES,
    PROCESSOR,
    RATIO,
    SECONDS,
    Bar,
    Results,
    ResultsError,
    Setting,
    Spread,
    crossed,
    exponents,
    ratios,
    read,
    start,
)
from benchmarks.tables import bar_rows, cost_rows

SETTING = Setting("2026-01-01T00:00:00+00:00", "default", "a" * 40, False, {"cores": 2}, {})


def costs(*seconds, processor=1.0, peak=100.0):
    return Costs([Cost(each, processor, peak, busy=Busy(2.0, 0.1, 0.25)) for each in seconds])


def test_the_spread_goes_from_the_least_to_the_most():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, least=1.0, most=3.0)
    assert Spread.of([5.0]) == Spread(5.0, 5.0, 5.0)


@pytest.mark.parametrize(
    ("bar", "rounds", "verdict"),
    [
        pytest.param(Bar(at_least=2), [2.0, 3.0], "holds", id="all at least"),
        pytest.param(Bar(at_least=2), [1.0, 1.9], "missed", id="all below"),
        pytest.param(Bar(at_least=2), [1.0, 2.0], "open", id="one at least"),
        pytest.param(Bar(at_most=2), [1.0, 2.0], "holds", id="all at most"),
        pytest.param(Bar(at_most=2), [2.1, 3.0], "missed", id="all above"),
        pytest.param(Bar(at_most=2), [2.0, 3.0], "open", id="one at most"),
        pytest.param(Bar(at_least=0), [-1.0], "missed", id="a bar of nothing is a bar"),
        pytest.param(Bar(), [1.0], "", id="no bar"),
    ],
)
def test_a_bar_is_missed_only_if_the_whole_spread_is_beyond_it(bar, rounds, verdict):
    assert bar.verdict(Spread.of(rounds)) == verdict


@pytest.mark.parametrize(
    ("unit", "others", "verdict"),
    [
        pytest.param(SECONDS, 0.05, "missed", id="seconds of a quiet machine"),
        pytest.param(SECONDS, 0.5, "open", id="seconds of a busy machine"),
        pytest.param(RATIO, 0.5, "missed", id="a ratio"),
    ],
)
def test_seconds_of_a_busy_machine_miss_no_bar(unit, others, verdict):
    busy = [Busy(1.0, 0.0, others)]
    results = Results(SETTING)
    assert results.add("a", "b", unit, [9.0], busy, bar=Bar(at_most=1)).verdict == verdict
    assert results.add("a", "b", unit, [0.5], busy, bar=Bar(at_most=1)).verdict == "holds"


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [((1, 2), (2, 3), True), ((1, 2), (2.1, 3), False), ((1, 9), (4, 5), True)],
)
def test_spreads_overlap_if_they_share_a_figure(one, other, overlaps):
    first, second = Spread.of(one), Spread.of(other)
    assert first.overlaps(second) is second.overlaps(first) is overlaps


def test_what_was_measured_in_the_same_rounds_is_compared_round_by_round():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_what_was_measured_one_after_the_other_is_compared_each_to_each():
    assert crossed([2.0, 4.0], [1.0, 2.0]) == [2.0, 1.0, 4.0, 2.0]


def test_the_exponent_says_how_a_figure_grows():
    assert exponents([16.0], [4.0], 4) == [1.0]
    assert exponents([8.0, 4.0], [4.0], 4) == [0.5, 0.0]


def test_a_ratio_keeps_what_it_is_made_of():
    results = Results(SETTING)
    results.beside(
        "parse", "ours", costs(2.0, 6.0, processor=4.0), costs(1.0, 2.0), bar=Bar(at_most=2)
    )
    (record,) = results.records
    assert (record.unit, record.rounds, record.verdict) == (RATIO, [2.0, 3.0], "open")
    assert record.figures == "4 and 1.5 s; 4 and 1 s of processor"
    assert record.others_during == [0.25] * 4
    (row,) = bar_rows(results.records)
    assert row[3:] == ("2.5", "2 to 3", "≤ 2", "open", "25 %")


def test_ratios_of_processor_time_and_of_memory_are_of_these():
    results = Results(SETTING)
    above, below = costs(9.0, processor=3.0, peak=150.0), costs(1.0, processor=2.0)
    for unit in (PROCESSOR, MEGABYTES):
        results.beside("build", unit, above, below, unit)
    assert [record.rounds for record in results.records] == [[1.5], [1.5]]


def test_costs_are_kept_by_the_clock_of_the_processors_and_of_memory():
    results = Results(SETTING)
    results.costs("build", "all days", costs(2.0, 6.0, 3.0, processor=1.5, peak=1234.0))
    assert {record.unit: record.spread.median for record in results.records} == {
        SECONDS: 3.0,
        PROCESSOR: 1.5,
        MEGABYTES: 1234.0,
    }
    assert bar_rows(results.records) == []
    assert cost_rows(results.records) == [("build", "all days", "3", "2 to 6", "1.5", "1,234")]


def test_each_record_is_a_line_of_json_and_comes_back_as_it_was(tmp_path):
    path = tmp_path / "bench" / "results.jsonl"
    for _ in range(2):
        results = Results(SETTING, path)
        results.costs("build", "alle Tage, größer", costs(2.0, 6.0))
        results.add("build", "ratio", RATIO, [0.5], bar=Bar(at_least=0.4))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 8
    assert list(read(path))[4:] == results.records
    first = json.loads(lines[0])
    assert first["setting"]["commit"] == "a" * 40
    assert first["rounds"] == [2.0, 6.0]


def test_a_run_says_of_what_and_where_it_is(tmp_path):
    setting = start("small", tmp_path / "results.jsonl").setting
    assert setting.size == "small"
    assert setting.machine["cores"] >= 1
    assert {"duckdb", "python"} <= setting.versions.keys()


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"setting": {}, "bar": {}}'])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    path = tmp_path / "results.jsonl"
    Results(SETTING, path).add("build", "ratio", RATIO, [0.5])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ResultsError, match=r"Line 2 of .* is no record of a figure"):
        list(read(path))


def test_without_results_it_is_said_how_to_get_some(tmp_path):
    with pytest.raises(ResultsError, match="`make bench` makes some"):
        list(read(tmp_path / "results.jsonl"))


def test_the_exponent_of_no_growth_is_zero():
    assert math.isclose(exponents([3.0], [3.0], 16)[0], 0.0)
