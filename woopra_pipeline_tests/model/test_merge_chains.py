"""R4 to R6 on long ways of merges: the answers are the interpreter's, the work grows as the log."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model import database, update
from woopra_pipeline.model.database import connect_published, statements
from woopra_pipeline.model.update import SWEEP_FACTOR, update_model
from woopra_pipeline_tests.merge_shapes import SHAPES, chain, delete, returns, visit
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.parsed_files import put_day, remove_day
from woopra_pipeline_tests.model.published_tables import in_order, published_tables, read_table

FIRST_DAY = date(2026, 3, 6)
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(3)]
PIDS = ["A", "B", "C", "D"]
SWEEP_FACTORS = {
    "everything is swept": 0,
    "the way with fewer rows": SWEEP_FACTOR,
    "nothing is swept": 10**9,
}

pids = st.sampled_from(PIDS)
times = st.lists(st.integers(1, 2), min_size=1, max_size=3)


def merge(pid: str, new_id: str, relogged: list[int]) -> list[str]:
    return [delete(pid, new_id), visit(new_id, *relogged)]


def way(steps: list[str], relogged: list[int]) -> list[str]:
    return [line for pid, new_id in pairwise(steps) for line in merge(pid, new_id, relogged)]


stories = st.one_of(
    st.builds(lambda pid, at: [visit(pid, *at)], pids, times),
    st.builds(lambda pid, new_id: [delete(pid, new_id)], pids, pids),
    st.builds(lambda pid: [delete(pid)], pids),
    st.builds(merge, pids, pids, times),
    st.builds(way, st.lists(pids, min_size=3, max_size=8), times),
    st.builds(lambda pid, new_id, at: way([pid, new_id] * 3, at), pids, pids, times),
)
files = st.lists(stories, max_size=6).map(
    lambda told: "".join(line for story in told for line in story).encode()
)
logs = st.tuples(files, files, files).map(lambda told: dict(zip(DAYS, told, strict=True)))


sweep_factors = st.sampled_from(list(SWEEP_FACTORS.values()))


@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(8, id="short"),
        pytest.param(500, id="long", marks=pytest.mark.long),
    ],
)
def test_any_merges_in_any_order(examples):
    """Days arrive in any order, one comes again with other content, and one is taken away."""

    @given(logs, st.permutations(DAYS), st.sampled_from(DAYS), files, sweep_factors)
    @settings(max_examples=examples)
    def equals_the_interpreter(log, order, gone, changed, sweep_factor):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(update, "SWEEP_FACTOR", sweep_factor)
            directory = DataDirectory(Path(folder))
            for log_day in order:
                put_day(directory, log_day, log[log_day])
                update_model(directory, rebuild_share=2)
            assert in_order(published_tables(directory)) == in_order(tables(interpret(log)))
            assert aliases_by_day(directory) == {
                as_of: expected_aliases(log, as_of) for as_of in DAYS
            }

            log[order[0]] = changed
            put_day(directory, order[0], changed)
            update_model(directory, rebuild_share=2)
            assert in_order(published_tables(directory)) == in_order(tables(interpret(log)))

            del log[gone]
            remove_day(directory, gone)
            update_model(directory, rebuild_share=2)
            assert in_order(published_tables(directory)) == in_order(tables(interpret(log)))

    equals_the_interpreter()


def aliases_by_day(directory: DataDirectory) -> dict[date, list[str]]:
    with connect_published(directory) as connection:
        return {
            day: in_order({"": read_table(connection, f"pid_aliases_as_of(date '{day}')")})[""]
            for day in DAYS
        }


def expected_aliases(log: dict[date, bytes], as_of: date) -> list[str]:
    until_then = {day: file for day, file in log.items() if day <= as_of}
    return in_order(tables(interpret(until_then)))["pid_aliases"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("sweep_factor", SWEEP_FACTORS.values(), ids=SWEEP_FACTORS)
def test_each_shape(tmp_path, monkeypatch, shape, sweep_factor):
    monkeypatch.setattr(update, "SWEEP_FACTOR", sweep_factor)
    log = {FIRST_DAY: "".join(shape(60)).encode()}
    directory = DataDirectory(tmp_path)
    put_day(directory, FIRST_DAY, log[FIRST_DAY])
    update_model(directory)
    assert in_order(published_tables(directory)) == in_order(tables(interpret(log)))


class RowCount:
    """A connection that adds up how many rows all steps of all its statements passed on."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.rows = 0
        connection.execute("pragma enable_profiling = 'no_output'")

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, query: str, *parameters: object) -> duckdb.DuckDBPyConnection:
        for statement in self._connection.extract_statements(query):
            self._connection.execute(statement, *parameters)
            profile = json.loads(self._connection.get_profiling_information(format="json"))
            self.rows += profile.get("cumulative_cardinality", 0)
        return self._connection


@pytest.fixture
def row_counts(monkeypatch) -> list[int]:
    """How many rows passed in each update."""
    counts: list[int] = []

    @contextmanager
    def connect(path: Path, **options: object) -> Iterator[object]:
        with database.connect(path, **options) as connection:
            if options.get("read_only"):
                yield connection
                return
            counted = RowCount(connection)
            yield counted
            counts.append(counted.rows)

    monkeypatch.setattr(update, "connect", connect)
    return counts


def rows_of_a_build(directory: DataDirectory, row_counts: list[int], lines: list[str]) -> int:
    put_day(directory, FIRST_DAY, "".join(lines).encode())
    row_counts.clear()
    update_model(directory)
    return sum(row_counts)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_the_work_grows_as_the_log(tmp_path, row_counts, shape):
    """What the sweep takes on top is a logarithm: less than a tenth from one size to the next."""
    small, middle, large = (
        rows_of_a_build(DataDirectory(tmp_path / f"{merges}"), row_counts, list(shape(merges)))
        for merges in (200, 400, 800)
    )
    assert large - middle < 2.3 * (middle - small)


def test_one_more_merge_asks_of_no_earlier_one(tmp_path, row_counts):
    """On top of a chain on which nothing is missing, only the new merge is audited."""
    directory = DataDirectory(tmp_path)
    rows_of_a_build(directory, row_counts, list(chain(400)))
    rows = []
    days = [
        [visit("other", 1), delete("other", "another"), visit("another", 1)],
        [delete("P400", "P401"), visit("P401", 1)],
    ]
    for number, lines in enumerate(days, start=1):
        put_day(directory, FIRST_DAY + timedelta(days=number), "".join(lines).encode())
        row_counts.clear()
        update_model(directory)
        rows += row_counts
    other_merge, one_more = rows
    assert one_more < 1.5 * other_merge


def test_looking_back_grows_as_the_log(tmp_path, row_counts):
    """`pid_aliases_as_of` and `explain` follow no path step by step for each pid."""
    looks = {
        f"from pid_aliases_as_of(date '{FIRST_DAY}')": [],
        statements("explain").replace("$pid", "'A'"): [],
    }
    for merges in (200, 400, 800):
        directory = DataDirectory(tmp_path / f"{merges}")
        rows_of_a_build(directory, row_counts, [*returns(merges), *chain(merges)])
        with connect_published(directory) as connection:
            counted = RowCount(connection)
            for look, rows in looks.items():
                counted.rows = 0
                counted.execute(f"create or replace temp table looked_at as {look}")
                rows.append(counted.rows)
    for small, middle, large in looks.values():
        assert large - middle < 2.1 * (middle - small)
