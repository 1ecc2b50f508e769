"""The typed tables as readers of the lake find them: their names, settings, and how they go."""

from datetime import date, timedelta

import pytest
from deltalake import DeltaTable

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.lake.checking import compare_with_model
from woopra_pipeline.lake.lake_tables import folder_of
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.publication import the_publication
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline.model.typed_settings import TypedSettings
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.lake.computed_tables import expected_tables
from woopra_pipeline_tests.lake.published_lakes import parquet_files, put_log, seen_by_readers
from woopra_pipeline_tests.lake.test_tables_equal_interpreter import ODD_NAMES, object_of
from woopra_pipeline_tests.model.test_typed_tables import merge, visit

DAY, NEXT_DAY = date(2026, 3, 6), date(2026, 3, 7)


@pytest.fixture
def lake(tmp_path):
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def here(tmp_path):
    return DataDirectory(tmp_path / "here")


def log_of(*lines: bytes) -> bytes:
    return b"\n".join(lines)


def differing(lake, here) -> list[str]:
    return [each.table for each in compare_with_model(lake, here) if not each.is_equal]


def test_any_name_is_found_by_readers(lake, here):
    """DuckDB's reader of Delta gives each column the name that it has in the model."""
    properties = object_of(dict.fromkeys(ODD_NAMES, '"x"'))
    log = {
        DAY: log_of(
            visit("A", ("a/b", properties), ("pv", "{}"), ("PV", "{}"), visitor=properties),
            visit("B", ("pv", '{"cart":{"b":[1.50]}}')),
        )
    }
    put_log(lake, here, log)
    update_model(here)
    update_tables(lake, here)
    assert differing(lake, here) == []
    assert seen_by_readers(lake) == expected_tables(log)


def test_names_that_delta_does_not_take_are_stored_under_others(lake, here):
    put_log(lake, here, {DAY: log_of(visit("A", ("buy it", '{"a b":1,"a_b":2,"c;d":3,"é.x":4}')))})
    update_tables(lake, here)
    table = DeltaTable(lake.uri(folder_of("events.buy it")))
    fields = {field.name: field.metadata["comment"] for field in table.schema().fields}
    assert list(fields)[5:] == ["a_b_2", "a_b", "c_d", "é.x"]
    assert fields["a_b_2"] == "Property a b"
    assert table.metadata().name == "events.buy it"
    assert table.metadata().description == "Living actions with the name buy it"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("people", "tables/people"),
        ("events.pv", "tables/events/pv"),
        ("events.add_2", "tables/events/add_2"),
        ("events.PV", "tables/events/pv-3428cf4ba4e4"),
        ("events.Report created", "tables/events/report_created-658ed3516eff"),
        ("events._", "tables/events/event-d2e2adf7177b"),
        ("events.../x", "tables/events/x-d6b96a97d147"),
    ],
)
def test_folders_are_names_that_every_store_takes(name, folder):
    assert folder_of(name) == folder


def test_settings_and_pinned_types_decide_as_in_the_model(lake, here):
    log = {
        DAY: log_of(
            visit("A", ("buy", '{"amount":1,"x":2}'), ("buy", '{"amount":"n/a"}'), ("pv", "{}")),
            visit("B", ("order 1", "{}"), visitor='{"member":"m","email":"e"}'),
        )
    }
    put_log(lake, here, log)
    update_tables(lake, here)
    typed = TypedSettings(1, 1, ("order *",), ("member",))
    here.types.write_text("events: {buy: {amount: BIGINT}}")
    update_model(here, typed=typed)
    assert {"events.pv", "events.buy", "identifiers", "property_types"} <= {*differing(lake, here)}
    update = update_tables(lake, here, typed=typed)
    assert update.is_new
    assert differing(lake, here) == []
    assert not {"events.pv", "events.order 1"} & update.row_counts.keys()
    assert not update_tables(lake, here, typed=typed).is_new
    here.types.write_text("events: [")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        update_tables(lake, here, typed=typed)


def test_columns_that_differ_are_differences(lake, here):
    put_log(lake, here, {DAY: log_of(visit("A", ("buy", '{"amount":1}')))})
    update_tables(lake, here)
    put_log(lake, here, {NEXT_DAY: log_of(visit("A", ("buy", '{"amount":2,"plan":"x"}')))})
    update_model(here)
    found = {each.table: each for each in compare_with_model(lake, here)}["events.buy"]
    assert found.columns[-2:] == ("amount", "plan")
    assert (found.only_in_lake, found.only_in_model) == (0, 1)


def test_the_table_of_an_event_that_is_voided_goes_after_a_week(lake, here):
    log = {DAY: log_of(visit("A", ("buy", "{}")), visit("B", ("pv", "{}")))}
    put_log(lake, here, log)
    before = update_tables(lake, here).publication
    log[NEXT_DAY] = log_of(merge("A", "B"))
    put_log(lake, here, {NEXT_DAY: log[NEXT_DAY]})
    after = update_tables(lake, here).publication
    assert after.tables.keys() == before.tables.keys() - {"events.buy"}
    assert after.retired.keys() == {"events.buy"}
    assert seen_by_readers(lake) == expected_tables(log)
    assert seen_by_readers(lake, before) == expected_tables({DAY: log[DAY]})
    log[date(2026, 3, 8)] = log_of(visit("C", ("pv", "{}")))
    put_log(lake, here, log)
    update_tables(lake, here, kept_for=timedelta(0))
    assert lake.folders("tables/events") == ["pv"]
    assert not the_publication(lake).retired
    assert not any("buy" in name for name in parquet_files(lake))
    # It may come back.
    log[date(2026, 3, 9)] = log_of(visit("C", ("buy", "{}")))
    put_log(lake, here, log)
    update_tables(lake, here)
    assert seen_by_readers(lake) == expected_tables(log)


def test_tables_of_an_earlier_version_of_this_project_are_opened(lake, here):
    put_log(lake, here, {DAY: log_of(visit("A", ("pv", "{}")))})
    publication = update_tables(lake, here).publication
    earlier = {
        name: table
        for name, table in publication.tables.items()
        if name not in ("people", "property_types", "identifiers", "events.pv")
    }
    assert seen_by_readers(lake, replace_tables(publication, earlier)).keys() == earlier.keys()


def replace_tables(publication, tables):
    return type(publication)(
        publication.revision, publication.days, "DuckDB", publication.published_at, tables
    )
