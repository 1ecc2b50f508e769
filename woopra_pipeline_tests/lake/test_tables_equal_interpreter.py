"""R1 to R8 on every engine of the lake: whatever the days, its tables are the interpreter's."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.duckdb_engine import DuckDBEngine
from woopra_pipeline.lake.folder import FolderLake
from woopra_pipeline.model.typed_settings import TYPES, TypedSettings
from woopra_pipeline.model.typed_tables import TypedChoice
from woopra_pipeline_tests import generated_logs
from woopra_pipeline_tests.lake.computed_tables import (
    OpenEngine,
    computed_tables,
    expected_tables,
)
from woopra_pipeline_tests.merge_shapes import SHAPES
from woopra_pipeline_tests.model import test_merge_chains as merge_chains
from woopra_pipeline_tests.model.interpreter import interpret, profile_row, provisional_pids
from woopra_pipeline_tests.model.merge_stories import read_stories
from woopra_pipeline_tests.model.plain_types import typed_tables
from woopra_pipeline_tests.model.published_tables import in_order
from woopra_pipeline_tests.model.test_typed_tables import CASES, visit

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


def typed_log() -> bytes:
    """Every case of R11 as a property of one event and of people, and under each pinned type."""
    longest = max(len(values) for _, values, _ in CASES.values())
    rows = [
        {name: values[place] for name, (_, values, _) in CASES.items() if place < len(values)}
        for place in range(longest)
    ]
    every_value = [value for _, values, _ in CASES.values() for value in values]
    pinned = [dict.fromkeys(TYPES, value) for value in every_value]
    return b"\n".join(
        visit(f"{event} {place}", (event, object_of(members)), visitor=object_of(members))
        for event, objects in (("case", rows), ("pinned", pinned))
        for place, members in enumerate(objects)
    )


def object_of(members: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in members.items()) + "}"


def assert_typed(open_engine, log, settings=None, pinned=None):
    """What is typed is as the plain rules say, whatever users choose."""
    settings, pinned = settings or TypedSettings(), pinned or {}
    read = interpret(log)
    provisional = provisional_pids(read)
    expected = typed_tables(
        [row for profile in read.profiles.values() for row in profile.actions],
        [
            profile_row(pid, profile) | {"is_provisional": pid in provisional}
            for pid, profile in read.profiles.items()
        ],
        pinned,
        settings.most_names,
        settings.most_keys,
    )
    with tempfile.TemporaryDirectory() as folder:
        choice = TypedChoice(settings, pinned)
        computed = computed_tables(open_engine, Path(folder), log, choice=choice)
    events = {name for name in computed if name.startswith("events.")}
    assert in_order({name: computed[name] for name in events | expected.keys()}) == in_order(
        expected
    )


def test_each_case_of_the_types(open_engine):
    pinned = {(event, kind): kind for event in ("pinned", None) for kind in TYPES}
    assert_typed(open_engine, {merge_chains.FIRST_DAY: typed_log()}, pinned=pinned)


ODD_NAMES = (
    *("a b", "a_b", "A b", "q\"t's", "x`y", "a\\b", "{key}", "tab\t", "", "a\0b", "pid", "v1"),
    *("a.b", "line\nbreak", "members", "é", "#", "${x}", "%s", "select", "a=b;c"),
)


@pytest.mark.parametrize(
    "engine", ["in_process", pytest.param("sail", marks=pytest.mark.long)], ids=["DuckDB", "Sail"]
)
def test_names_that_engines_may_take_for_something_else(request, engine):
    open_engine = request.getfixturevalue(engine)
    names = [*ODD_NAMES, "a/b", "..", "_x", "PV", "pv", "long " * 60]
    properties = object_of(dict.fromkeys(ODD_NAMES, "1"))
    lines = [visit("A", *((name, properties) for name in names[:3]), visitor=properties)]
    lines += [visit("B", *((name, "{}") for name in names))]
    settings = TypedSettings(most_names=len(names) - 2)
    assert_typed(open_engine, {merge_chains.FIRST_DAY: b"\n".join(lines)}, settings)


HARD_NUMBERS = (
    *("1.50", "1e2", "1e20", "1E21", "123456789.5e15", "-0", "-0.0", "0e5", "1e-6", "1.5e-7"),
    *("1e400", "-1e400", "1e-400", "0.30000000000000004", "1.7976931348623157e308", "-1.5E+3"),
    *("18446744073709551616", "0.1e1", "12e-1", "123456789012.3456", "9.9999999999999999e22"),
)
HARD_STRINGS = ('"#"', '"#5"', '"-5"', '"a#"', r'"\"#1\""', r'"\u0041\/\u000b\u0000"', r'"\\u001a"')
HARD_OBJECTS = (
    *(r'{"a":1.50,"b":[1e2,"\u001f",null,true]}', '[["x","1",1.0,"#1#",{"#":-0}],[[]]]', "{}"),
)


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """JSON values, with numbers as programs write them, in any exponent."""
    numbers = st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
        st.tuples(st.integers(-(10**14), 10**14), st.integers(-320, 320)).map(
            lambda parts: f"{parts[0]}e{parts[1]}"
        ),
        st.integers(-(2**70), 2**70).map(str),
    )
    scalars = st.one_of(
        numbers,
        st.text().map(json.dumps),
        st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
        st.sampled_from((*HARD_NUMBERS, *HARD_STRINGS, "true", "false", "null")),
    )
    return draw(
        st.recursive(
            scalars,
            lambda inner: st.one_of(
                st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
                st.dictionaries(st.text(max_size=3), inner, max_size=3).map(object_of),
            ),
            max_leaves=5,
        )
    )


def tagged(open_engine: OpenEngine, folder: Path, values: Sequence[str]) -> list[tuple[str, str]]:
    """What an engine makes of JSON values: tagged, and each as a JSON string."""
    with open_engine(FolderLake(folder), folder) as engine:
        rows = {"place": range(len(values)), "properties": [f'{{"":{each}}}' for each in values]}
        engine.give("given_values", pa.table(rows))
        members = engine.tagged_members("properties")
        engine.define("tagged", f"select place, {members}[''] as value from given_values")
        found = engine.fetch(
            f"select value, {engine.json_string('value')} as string from tagged order by place"
        )
    return [(row["value"], row["string"]) for row in found.to_pylist()]


def test_values_are_as_duckdb_writes_them(sail, in_process, tmp_path):
    values = [*HARD_NUMBERS, *HARD_STRINGS, *HARD_OBJECTS]
    assert tagged(sail, tmp_path, values) == tagged(in_process, tmp_path, values)


@pytest.mark.long
@given(st.lists(json_texts(), max_size=200))
@settings(max_examples=100)
def test_any_values_are_as_duckdb_writes_them(sail, in_process, tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("values")
    assert tagged(sail, folder, values) == tagged(in_process, folder, values)


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
