import re
from datetime import date

import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.defs.resources import WoopraResource
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.parse.parsed_days import find_parsed_days
from woopra_pipeline.sandbox import Sandbox, serve
from woopra_pipeline.tables import PARSED_TABLES
from woopra_pipeline_tests.defs.conftest import Project

DAYS = FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"


def days_in_model(project):
    with connect_published(project.directory) as connection:
        rows = connection.execute("select log_day from log_days order by 1").fetchall()
    return [str(log_day) for (log_day,) in rows]


def spoil_archived(project, log_day):
    """Put something else where the day's folder belongs, so that fetching the day fails."""
    project.directory.raw.mkdir(parents=True, exist_ok=True)
    (project.directory.raw / log_day).symlink_to("nowhere")


def spoil_parsed(project, log_day):
    """Put something else where the day's folder belongs, so that parsing the day fails."""
    project.directory.parsed.mkdir(parents=True, exist_ok=True)
    (project.directory.parsed / log_day).symlink_to("nowhere")


def test_takes_days_from_fetch_to_model_in_one_run(project):
    assert project.backfill(FIRST, THIRD) == {}
    assert project.runs() == ["SUCCESS"]
    assert days_in_model(project) == list(DAYS)


def test_records_each_day_of_each_table_once(project):
    project.begin_after_backfill(FIRST, THIRD)
    for asset in ("raw_export", *(table.name for table in PARSED_TABLES)):
        assert sorted(project.partitions(asset)) == [FIRST, SECOND, THIRD], asset
    assert project.partitions("profiles") == [None]


def test_records_last_what_most_of_the_model_waits_for(project):
    project.begin_after_backfill(FIRST, SECOND)
    storage_ids = {
        table.name: [record.storage_id for record in project.materializations(table.name)]
        for table in PARSED_TABLES
    }
    deletes = storage_ids.pop("deletes_log")
    assert min(deletes) > max(max(others) for others in storage_ids.values())


def test_records_what_a_day_holds(project):
    project.begin_after_backfill(FIRST, SECOND)
    archive = Archive(project.directory.raw)
    for record in project.materializations("raw_export"):
        archived = archive.get(date.fromisoformat(record.partition_key))
        metadata = record.asset_materialization.metadata
        assert metadata["dagster/partition_row_count"].value == archived.line_count
        assert metadata["bytes"].value == archived.byte_count
        assert metadata["sha256"].value == archived.sha256
        assert metadata["outcome"].value == "new"
    parsed = find_parsed_days(project.directory.parsed)
    for table in PARSED_TABLES:
        for record in project.materializations(table.name):
            day = parsed[date.fromisoformat(record.partition_key)]
            metadata = record.asset_materialization.metadata
            assert metadata["dagster/partition_row_count"].value == day.row_count(table)


def test_fetches_again_and_changes_nothing(project):
    project.begin_after_backfill(FIRST, SECOND)
    before = project.directory.published_model.stat()
    assert project.backfill(FIRST, SECOND) == {}
    assert project.directory.published_model.stat().st_ino == before.st_ino
    outcomes = [
        record.asset_materialization.metadata["outcome"].value
        for record in project.materializations("raw_export")
    ]
    assert outcomes == ["new", "new", "unchanged", "unchanged"]


@pytest.mark.parametrize(
    ("spoil", "reason", "fetched"),
    [
        pytest.param(
            spoil_archived, "could not be written to the archive", [FIRST, THIRD], id="fetch"
        ),
        pytest.param(spoil_parsed, "cannot be written", list(DAYS), id="parse"),
    ],
)
def test_a_bad_day_costs_no_other_and_is_alone_shown_as_failed(project, spoil, reason, fetched):
    spoil(project, SECOND)
    bad = project.backfill(FIRST, THIRD)
    assert {str(log_day): bool(re.search(reason, bad[log_day])) for log_day in bad} == {
        SECOND: True
    }
    assert days_in_model(project) == [FIRST, THIRD]
    assert sorted(project.partitions("raw_export")) == fetched
    assert project.failed_partitions("raw_export") == set(DAYS) - set(fetched)
    for table in PARSED_TABLES:
        assert sorted(project.partitions(table.name)) == [FIRST, THIRD]
        assert project.failed_partitions(table.name) == {SECOND}
    assert project.runs() == ["FAILURE", "SUCCESS"]
    accounted = project.checks_by_day("every_line_accounted")
    assert {day: check.passed for day, check in accounted.items()} == {
        **dict.fromkeys(DAYS, True),
        SECOND: False,
    }
    held_back = project.checks_by_day("no_file_held_back")
    assert {day: check.passed for day, check in held_back.items()} == dict.fromkeys(DAYS, True)
    for asset in ("profiles", "project_report"):
        assert project.partitions(asset) == [None]


@pytest.fixture(scope="module")
def with_a_bad_day(tmp_path_factory):
    """A project after a backfill in which one day could not be fetched."""
    project = Project(tmp_path_factory.mktemp("project"), tmp_path_factory)
    spoil_archived(project, SECOND)
    project.backfill(FIRST, THIRD)
    return project


def test_a_good_day_is_fetched_once_though_another_fails(with_a_bad_day):
    project = with_a_bad_day
    assert sorted(project.partitions("raw_export")) == [FIRST, THIRD]


def test_days_that_fail_at_different_steps_are_all_named(project):
    spoil_archived(project, FIRST)
    spoil_parsed(project, SECOND)
    assert sorted(map(str, project.backfill(FIRST, THIRD))) == [FIRST, SECOND]
    assert days_in_model(project) == [THIRD]


def test_a_failed_day_says_so_in_its_own_line(with_a_bad_day):
    told = [happening for happening in with_a_bad_day.happened if happening.step == "raw_export"]
    assert [happening.text[:10] for happening in told if happening.kind == "bad day"] == [SECOND]
    assert sorted(happening.text[:10] for happening in told if happening.kind == "day") == [
        FIRST,
        THIRD,
    ]


def test_what_is_archived_survives_a_day_the_service_no_longer_has(project):
    project.begin_after_backfill(FIRST, SECOND)
    begins_later = Sandbox(project.directory.root / "other")
    with serve(begins_later) as server:
        project.woopra = service(server, export_path="logs/gone")
        bad = project.backfill(FIRST, SECOND)
    assert sorted(map(str, bad)) == [FIRST, SECOND]
    assert days_in_model(project) == [FIRST, SECOND]


def service(server, **changes):
    """The sandbox as if it were Woopra."""
    settings = server.settings
    return WoopraResource(
        **{
            "project": settings.project,
            "app_id": settings.app_id,
            "secret_key": settings.secret_key,
            "base_url": settings.base_url,
            **changes,
        }
    )


def test_refused_credentials_end_all_days_with_one_sentence(project):
    with serve(Sandbox(project.directory.sandbox)) as server:
        project.woopra = service(server, secret_key="wr0ng")
        bad = project.backfill(FIRST, THIRD)
    assert sorted(map(str, bad)) == list(DAYS)
    assert len(set(bad.values())) == 1
    assert "check WOOPRA_APP_ID, WOOPRA_SECRET_KEY" in bad[date(2026, 1, 1)]
    assert [happening.kind for happening in project.happened].count("bad day") == 1
    assert not project.directory.published_model.exists()


def test_no_secret_is_recorded(project):
    with serve(Sandbox(project.directory.sandbox)) as server:
        project.woopra = service(server, secret_key="wr0ng-s3cr3t")
        project.backfill(FIRST, FIRST)
    recorded = [path for path in project.directory.dagster.rglob("*") if path.is_file()]
    assert recorded
    assert not [path for path in recorded if b"wr0ng-s3cr3t" in path.read_bytes()]


def test_missing_credentials_are_named(project):
    project.woopra = WoopraResource(project="shop.example", app_id="APP17")
    with pytest.raises(ConfigurationError, match="WOOPRA_SECRET_KEY"):
        project.backfill(FIRST, FIRST)


def test_days_of_two_projects_are_not_mixed(project):
    project.begin_after_backfill(FIRST, FIRST)
    project.woopra = WoopraResource(project="shop.example", app_id="a", secret_key="b")
    with pytest.raises(ConfigurationError, match="WOOPRA_DATA_DIR"):
        project.backfill(SECOND, SECOND)
    assert days_in_model(project) == [FIRST]
