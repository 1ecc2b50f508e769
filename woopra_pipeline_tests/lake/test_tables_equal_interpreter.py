"""R1 to R8 on every engine of the lake: whatever the days, its tables are the interpreter's."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.duckdb_engine import DuckDBEngine
from woopra_pipeline_tests import generated_logs
from woopra_pipeline_tests.lake.computed_tables import (
    OpenEngine,
    computed_tables,
    expected_tables,
)
from woopra_pipeline_tests.merge_shapes import SHAPES
from woopra_pipeline_tests.model import test_merge_chains as merge_chains
from woopra_pipeline_tests.model.merge_stories import read_stories
from woopra_pipeline_tests.model.published_tables import in_order

STORIES = {story.name: story for story in read_stories()}
TOLD_BY_ALL = ("diamond", "missing-day", "same-action-twice")
"""Stories that Sail tells in the default tests as well."""

ODD_TIME = "1" + "0" * 30
HARD_LINES = "".join(
    f'{{"type":"visit","pid":"{pid}","time":1,"visitor":{visitor},"actions":[{action}]}}\n{after}'
    for pid, visitor, action, after in (
        ("A", r'{"\u001a\u000b\\u001a\"":"\u001a\ud800","b":{"x": 1.50}}', "", ""),
        (
            "A",
            r'{"email":"\u0041\n"}',
            f'{{"name":"pv","time":{ODD_TIME}}}',
            '{"type":"delete","pid":"A","new_id":"B"}\n',
        ),
        (
            "B",
            r'{"":9.28e-6,"name":12345678901234567890,"\u001f\\\u001e":"\\u001a"}',
            f'{{"name":"pv","time":{ODD_TIME}}}',
            "",
        ),
    )
).encode()
"""Keys, values and times that engines write in ways of their own."""

logs = st.one_of(generated_logs.logs, merge_chains.logs)
sweep_factors = st.sampled_from(list(merge_chains.SWEEP_FACTORS.values()))


@pytest.fixture(scope="module")
def sail() -> Iterator[OpenEngine]:
    """Sessions of one Sail server, as a client on another machine has them."""
    pytest.importorskip("pysail")
    from woopra_pipeline.lake.sail_engine import start_sail
    from woopra_pipeline.lake.spark_engine import SparkEngine

    server = start_sail()
    _, port = server.listening_address
    yield lambda lake, scratch: SparkEngine(lake, f"sc://127.0.0.1:{port}")
    server.stop()


@pytest.fixture(scope="module")
def in_process() -> OpenEngine:
    return lambda lake, scratch: DuckDBEngine(lake, scratch=scratch)


@pytest.fixture(params=["in_process", "sail"], ids=["DuckDB", "Sail"])
def open_engine(request: pytest.FixtureRequest) -> OpenEngine:
    engine: OpenEngine = request.getfixturevalue(request.param)
    return engine


def assert_equal(open_engine, log, sweep_factor=merge_chains.SWEEP_FACTOR):
    with tempfile.TemporaryDirectory() as folder:
        computed = computed_tables(open_engine, Path(folder), log, sweep_factor)
    assert in_order(computed) == expected_tables(log)


def check_logs(open_engine: OpenEngine, examples: int) -> None:
    @given(logs, sweep_factors)
    @settings(max_examples=examples)
    def equals_the_interpreter(log, sweep_factor):
        assert_equal(open_engine, log, sweep_factor)

    equals_the_interpreter()


@pytest.mark.parametrize(
    "examples",
    [pytest.param(8, id="short"), pytest.param(1000, id="long", marks=pytest.mark.long)],
)
def test_any_log_on_duckdb(in_process, examples):
    check_logs(in_process, examples)


@pytest.mark.parametrize(
    "examples",
    [pytest.param(3, id="short"), pytest.param(300, id="long", marks=pytest.mark.long)],
)
def test_any_log_on_sail(sail, examples):
    check_logs(sail, examples)


@pytest.mark.parametrize("story", STORIES.values(), ids=lambda story: story.name)
def test_duckdb_tells_each_story(in_process, tmp_path, story):
    assert story.rows_of(computed_tables(in_process, tmp_path, story.files)) == story.rows


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in TOLD_BY_ALL else pytest.mark.long) for name in STORIES],
)
def test_sail_tells_each_story(sail, tmp_path, name):
    story = STORIES[name]
    assert story.rows_of(computed_tables(sail, tmp_path, story.files)) == story.rows


def test_no_day_at_all(open_engine):
    assert_equal(open_engine, {})


def test_hard_keys_and_values(open_engine):
    assert_equal(open_engine, {merge_chains.FIRST_DAY: HARD_LINES})


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("sweep_factor", merge_chains.SWEEP_FACTORS.values())
def test_each_shape_of_merges(open_engine, shape, sweep_factor):
    log = {merge_chains.FIRST_DAY: "".join(shape(60)).encode()}
    assert_equal(open_engine, log, sweep_factor)


def test_a_long_chain(in_process, tmp_path):
    """What the audit joins grows as the chain: its pairs would be eight million."""
    merges = 4000
    log = {merge_chains.FIRST_DAY: "".join(merge_chains.chain(merges)).encode()}
    computed = computed_tables(in_process, tmp_path, log)
    assert [row["missing_count"] for row in computed["relog_audit"]] == [0] * merges
    assert {row["canonical_pid"] for row in computed["profile_merges"]} == {f"P{merges}"}
    assert max(row["hops"] for row in computed["pid_aliases"]) == merges
    assert DataDirectory(tmp_path).parsed.is_dir()
