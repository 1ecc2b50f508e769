"""The tables in the lake are the model's; readers see those of before or of after, unmixed."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from deltalake import DeltaTable

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LakeError
from woopra_pipeline.lake.checking import compare_with_model
from woopra_pipeline.lake.publication import PUBLISHED, the_publication
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline.model.update import update_model
from woopra_pipeline.tables import MODEL_TABLES, PROFILES, VISITS
from woopra_pipeline_tests.lake.computed_tables import expected_tables
from woopra_pipeline_tests.lake.published_lakes import (
    parquet_files,
    put_log,
    revisions,
    seen_by_readers,
)
from woopra_pipeline_tests.merge_shapes import delete, visit

JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 1)
LOG = {
    JANUARY: (visit("A", 1, 2) + delete("A", "B") + visit("B", 1)).encode(),
    FEBRUARY: (visit("B", 2) + visit("C", 3) + "no line\n").encode(),
}
ONE_MORE = {date(2026, 2, 2): (delete("C", "B") + visit("B", 3)).encode()}


@pytest.fixture
def here(tmp_path) -> DataDirectory:
    return DataDirectory(tmp_path / "here")


@pytest.mark.parametrize("spark", [None, "sail"], ids=["DuckDB", "Sail"])
def test_the_tables_are_those_of_the_model(lake, here, spark):
    put_log(lake, here, LOG)
    update_model(here)
    update = update_tables(lake, here, spark=spark)
    comparisons = list(compare_with_model(lake, here))
    assert [each.table for each in comparisons] == [*(t.name for t in MODEL_TABLES), "events.pv"]
    assert all(comparison.is_equal for comparison in comparisons)
    assert {each.table: each.lake_row_count for each in comparisons} == update.row_counts
    assert seen_by_readers(lake) == expected_tables(LOG)
    assert revisions(lake) == {update.publication.revision}


def test_the_same_days_are_not_computed_again(lake, here):
    put_log(lake, here, LOG)
    first = update_tables(lake, here)
    again = update_tables(lake, here)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.publication == first.publication


def test_readers_of_before_still_see_it_all(lake, here):
    put_log(lake, here, LOG)
    before = update_tables(lake, here).publication
    put_log(lake, here, ONE_MORE)
    update_tables(lake, here)
    assert seen_by_readers(lake, before) == expected_tables(LOG)
    assert seen_by_readers(lake) == expected_tables(LOG | ONE_MORE)


def test_rows_that_differ_are_shown(lake, here):
    put_log(lake, here, LOG)
    update_tables(lake, here)
    put_log(lake, here, ONE_MORE)
    update_model(here)
    found = {comparison.table: comparison for comparison in compare_with_model(lake, here)}
    different = {name for name, comparison in found.items() if not comparison.is_equal}
    assert different == {
        "events.pv",
        "people",
        "profiles",
        "visits",
        "actions",
        "profile_merges",
        "relog_audit",
        "pid_aliases",
        "log_days",
    }
    aliases = found["pid_aliases"]
    assert (aliases.only_in_lake, aliases.only_in_model) == (1, 1)
    assert aliases.lake_examples == [("C", "C", 0)]
    assert aliases.model_examples == [("C", "B", 1)]


def test_what_stands_in_the_tables_themselves(lake, here):
    """Names, comments, months, and the log days of each file, by which readers skip files."""
    put_log(lake, here, LOG)
    update_tables(lake, here)
    visits, profiles = (
        DeltaTable(lake.uri(f"tables/{table.name}"), storage_options=lake.storage_options)
        for table in (VISITS, PROFILES)
    )
    assert visits.metadata().description == VISITS.comment
    assert visits.metadata().partition_columns == ["log_month"]
    comments = {field.name: field.metadata["comment"] for field in visits.schema().fields}
    assert comments.pop("log_month")
    assert comments == {column.name: column.comment for column in VISITS.columns}
    assert [field.name for field in profiles.schema().fields] == list(PROFILES.column_names)
    logged = [
        (action["partition_values"]["log_month"], json.loads(action["stats"])["minValues"])
        for action in added_files(lake, VISITS.name)
    ]
    assert sorted(logged, key=str) == [
        ("2026-01-01", {"log_day": "2026-01-31"}),
        ("2026-02-01", {"log_day": "2026-02-01"}),
    ]


def added_files(lake, table):
    log = lake.read(f"tables/{table}/_delta_log/{0:020}.json").decode()
    return [entry["add"] for entry in map(renamed, log.splitlines()) if "add" in entry]


def renamed(line):
    entry = json.loads(line)
    if "add" in entry:
        entry["add"]["partition_values"] = entry["add"]["partitionValues"]
    return entry


def test_old_files_go_and_current_ones_stay(lake, here):
    put_log(lake, here, LOG)
    update_tables(lake, here)
    first = parquet_files(lake)
    put_log(lake, here, ONE_MORE)
    kept = update_tables(lake, here, kept_for=timedelta(days=7))
    assert first < parquet_files(lake)
    put_log(lake, here, {date(2026, 2, 3): visit("D", 4).encode()})
    last = update_tables(lake, here, kept_for=timedelta(0))
    left = {name for name in parquet_files(lake) if last.publication.revision not in name}
    assert not left
    assert kept.publication.revision != last.publication.revision
    assert len(seen_by_readers(lake)["visits"]) == len(
        expected_tables(LOG | ONE_MORE | {date(2026, 2, 3): visit("D", 4).encode()})["visits"]
    )


@pytest.mark.parametrize("is_first", [True, False], ids=["nothing published", "published before"])
def test_of_two_writers_at_once_one_wins(lake, here, tmp_path, is_first):
    put_log(lake, here, LOG)
    log = dict(LOG)
    if not is_first:
        update_tables(lake, here)
        put_log(lake, here, ONE_MORE)
        log |= ONE_MORE
    barrier = threading.Barrier(2)

    def wait_for_the_other(message: str) -> None:
        if message.startswith("publishing"):
            barrier.wait(timeout=60)

    def update(number: int) -> str:
        try:
            directory = DataDirectory(tmp_path / f"writer-{number}")
            update = update_tables(lake, directory, notify=wait_for_the_other)
        except LakeError as error:
            return str(error)
        return update.publication.revision

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(update, range(2)))
    winner = the_publication(lake).revision
    assert revisions(lake) == {winner}
    (loser,) = outcomes - {winner}
    assert "Another update of the tables" in loser
    assert seen_by_readers(lake) == expected_tables(log)


def test_an_engine_that_fails_leaves_the_tables_of_before(lake, here):
    put_log(lake, here, LOG)
    update_tables(lake, here)
    put_log(lake, here, ONE_MORE)
    (name,) = {
        entry.name
        for entry in lake.entries(f"parsed/{min(ONE_MORE)}")
        if "visits_log-00000" in entry.name
    }
    lake.write(name, b"no Parquet")
    with pytest.raises(LakeError, match=r"DuckDB could not compute the tables of the lake: "):
        update_tables(lake, here)
    assert seen_by_readers(lake) == expected_tables(LOG)


def test_there_must_be_tables(lake, here):
    with pytest.raises(LakeError, match="There are no tables in the lake"):
        the_publication(lake)


def test_a_damaged_publication_is_said(lake, here):
    put_log(lake, here, LOG)
    lake.write(PUBLISHED, b"{")
    with pytest.raises(LakeError, match=r"published\.json is damaged: remove it"):
        update_tables(lake, here)
