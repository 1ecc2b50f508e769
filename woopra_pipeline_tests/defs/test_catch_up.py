"""What stopped halfway is taken on, once for many, and only once nothing works on it."""

import dataclasses
import json
from contextlib import contextmanager
from datetime import date

import pytest
from dagster import AssetKey, DagsterRunStatus, SkipReason, build_sensor_context
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from woopra_pipeline.archive import Archive
from woopra_pipeline.defs.catch_up import NAME, catch_up
from woopra_pipeline.defs.instance import alive, open_instance
from woopra_pipeline.model.outstanding import find_outstanding
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import find_parsed_day, write_manifest
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES
from woopra_pipeline_tests.defs.test_backfill import spoil_parsed
from woopra_pipeline_tests.defs.test_instance import some_job
from woopra_pipeline_tests.parse.archived_files import archive_file

PARSING = sorted(table.name for table in PARSED_TABLES)
MODELLING = sorted([*(table.name for table in MODEL_TABLES), "project_report"])
NAMES = {
    tuple(PARSING): "parse",
    tuple(MODELLING): "model",
    ("project_report",): "report",
}
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


class Daemon:
    """Ticks the sensor as the daemon does, and executes what it requests."""

    def __init__(self, project):
        self.project = project
        self.cursor = None

    def tick(self):
        """What was requested, in words: assets and days; or why nothing was."""
        with open_instance(self.project.directory) as instance:
            self.requests, said = self._evaluate(instance)
        return said

    def _evaluate(self, instance):
        repository = self.project.definitions.get_repository_def()
        context = build_sensor_context(
            instance=instance,
            cursor=self.cursor,
            repository_def=repository,
            resources={"data_directory": self.project.data_directory},
        )
        result = catch_up(context)
        if isinstance(result, SkipReason):
            return [], result.skip_message
        self.cursor = result.cursor
        if result.skip_reason is not None:
            return [], result.skip_reason.skip_message
        said = []
        for request in result.run_requests:
            names = sorted(key.to_user_string() for key in request.asset_selection)
            what = NAMES[tuple(names)]
            days = {request.tags.get(RANGE_START), request.tags.get(RANGE_END)} - {None}
            said.append(" ".join([what, *sorted(days)]))
        return result.run_requests, said

    def execute(self):
        """Execute what was requested last; whether all of it ended well."""
        outcomes = []
        with open_instance(self.project.directory) as instance:
            job = self.project.definitions.resolve_implicit_global_asset_job_def()
            for request in self.requests:
                result = job.execute_in_process(
                    instance=instance,
                    asset_selection=request.asset_selection,
                    tags={**request.tags, "dagster/sensor_name": NAME},
                    raise_on_error=False,
                )
                outcomes.append(result.success)
        return all(outcomes)

    def settle(self):
        """Tick and execute until there is nothing more to do; all that was requested."""
        requested = []
        while isinstance(said := self.tick(), list):
            requested += said
            self.execute()
        return requested


@pytest.fixture
def daemon(project):
    return Daemon(project)


def archive(project, *log_days):
    for log_day in log_days:
        pid = log_day.encode()
        archive_file(
            Archive(project.directory.raw),
            date.fromisoformat(log_day),
            b'{"type":"visit","pid":"%b","time":1767290400000,"actions":[]}\n' % pid,
        )


def take_to_model(project, *log_days, with_report=True):
    """Archive days and take them to the model, without a trace in Dagster."""
    archive(project, *log_days)
    for log_day in log_days:
        parse_log_day(
            Archive(project.directory.raw), date.fromisoformat(log_day), project.directory.parsed
        )
    update_model(project.directory)
    if with_report:
        project.directory.reports.mkdir(exist_ok=True)
        (project.directory.reports / "project.html").write_text("as new as the model")


def is_settled(project):
    outstanding = find_outstanding(project.directory)
    return not outstanding.to_parse and not outstanding.to_apply


@contextmanager
def unfinished_run(project, status=DagsterRunStatus.STARTED, selection=None, **tags):
    """A run that is being executed elsewhere meanwhile."""
    with open_instance(project.directory) as instance:
        assets = project.definitions.resolve_implicit_global_asset_job_def()
        run = instance.create_run_for_job(
            assets if selection else some_job, status=status, asset_selection=selection, tags=tags
        )
        with alive(instance, project.directory, run.run_id):
            yield


def test_there_is_nothing_to_do_at_first(daemon):
    assert daemon.tick() == "Every archived day is in the model, or a run is working on it."


def test_there_is_nothing_to_do_after_a_backfill(project, daemon):
    project.begin_after_backfill("2026-01-01", "2026-01-02")
    assert daemon.settle() == []


def test_archived_days_come_into_the_model_once_for_many(project, daemon):
    archive(project, "2026-01-01", "2026-01-02", "2026-01-03")
    assert daemon.settle() == ["parse 2026-01-01 2026-01-03", "model"]
    assert is_settled(project)
    assert sorted(project.partitions("visits_log")) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert len(project.materializations("profiles")) == 1
    assert len(project.materializations("project_report")) == 1


def test_a_day_fetched_again_with_other_content_is_taken_on(project, daemon):
    take_to_model(project, "2026-01-01", "2026-01-02")
    assert daemon.settle() == []
    archive_file(Archive(project.directory.raw), date(2026, 1, 2), b"rubbish\n")
    assert daemon.settle() == ["parse 2026-01-02", "model"]
    assert is_settled(project)


def test_a_day_parsed_by_an_older_version_is_taken_on(project, daemon):
    archive(project, "2026-01-01", "2026-01-02")
    daemon.settle()
    day = find_parsed_day(project.directory.parsed, date(2026, 1, 2))
    write_manifest(dataclasses.replace(day, parser_version=0, fingerprint="earlier"))
    assert daemon.settle() == ["parse 2026-01-02"]
    assert is_settled(project)


def test_a_day_that_is_older_in_the_model_is_taken_on(project, daemon):
    archive(project, "2026-01-01", "2026-01-02")
    daemon.settle()
    day = find_parsed_day(project.directory.parsed, date(2026, 1, 2))
    write_manifest(dataclasses.replace(day, fingerprint="later"))
    assert daemon.settle() == ["model"]
    assert is_settled(project)


def test_a_report_that_is_older_than_the_model_is_written(project, daemon):
    take_to_model(project, "2026-01-01", with_report=False)
    assert daemon.settle() == ["report"]
    assert daemon.settle() == []
    take_to_model(project, "2026-01-02", with_report=False)
    assert daemon.tick() == ["report"]
    with unfinished_run(project, selection=frozenset({AssetKey("project_report")})):
        assert daemon.tick() == "The model is being updated."


def test_a_report_that_cannot_be_written_is_tried_once(project, daemon):
    take_to_model(project, "2026-01-01", with_report=False)
    project.directory.reports.write_text("in the way")
    assert daemon.settle() == ["report"]
    assert "is in the model" in daemon.tick()


def test_stretches_of_days_are_parsed_on_their_own(project, daemon):
    archive(project, "2026-01-01", "2026-01-02", "2026-01-05")
    assert daemon.settle() == ["parse 2026-01-01 2026-01-02", "parse 2026-01-05", "model"]


def test_what_fails_is_tried_once_and_costs_no_other(project, daemon):
    archive(project, "2026-01-01", "2026-01-02", "2026-01-03")
    spoil_parsed(project, "2026-01-02")
    assert daemon.settle() == ["parse 2026-01-01 2026-01-03", "model"]
    assert daemon.tick() == "These days were tried and failed, see their run: 2026-01-02."
    assert sorted(project.partitions("visits_log")) == ["2026-01-01", "2026-01-03"]


def test_what_failed_is_tried_again_when_its_file_is_another(project, daemon):
    archive(project, "2026-01-01")
    spoil_parsed(project, "2026-01-01")
    daemon.settle()
    (project.directory.parsed / "2026-01-01").unlink()
    assert daemon.settle() == []
    archive_file(Archive(project.directory.raw), date(2026, 1, 1), b"rubbish\n")
    assert daemon.settle() == ["parse 2026-01-01", "model"]


def test_a_model_that_cannot_be_made_is_tried_once(project, daemon):
    archive(project, "2026-01-01")
    project.directory.model.write_text("in the way")
    assert daemon.settle() == ["parse 2026-01-01", "model"]
    assert daemon.tick() == "These days were tried and failed, see their run: 2026-01-01."


def test_a_damaged_manifest_of_the_archive_is_made_again(project, daemon):
    archive(project, "2026-01-01")
    (project.directory.raw / "2026-01-01" / "manifest.json").write_text("{")
    assert daemon.settle() == ["parse 2026-01-01", "model"]
    assert is_settled(project)


def test_a_day_that_cannot_be_read_in_the_archive_is_tried_once(project, daemon):
    archive(project, "2026-01-01")
    folder = project.directory.raw / "2026-01-02"
    folder.mkdir()
    (folder / "manifest.json").write_text("{")
    assert daemon.settle() == ["parse 2026-01-01 2026-01-02", "model"]
    assert daemon.tick() == "These days were tried and failed, see their run: 2026-01-02."


def test_a_damaged_published_model_is_published_over(project, daemon):
    archive(project, "2026-01-01")
    daemon.settle()
    project.directory.published_model.write_bytes(b"damaged")
    assert daemon.settle() == ["model"]
    assert is_settled(project)


def test_a_damaged_parsed_day_is_parsed_again(project, daemon):
    take_to_model(project, "2026-01-01")
    assert daemon.settle() == []
    (project.directory.parsed / "2026-01-01" / "manifest.json").write_text("{")
    assert daemon.settle() == ["parse 2026-01-01"]
    assert is_settled(project)


def test_days_before_the_first_partition_are_not_parsed(project, daemon):
    archive(project, "2025-12-31")
    assert daemon.settle() == []


def test_days_before_the_first_partition_that_were_parsed_are_applied(project, daemon):
    archive(project, "2025-12-31")
    parse_log_day(Archive(project.directory.raw), date(2025, 12, 31), project.directory.parsed)
    assert daemon.settle() == ["model"]
    assert is_settled(project)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(status, id=status.value)
        for status in (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED)
    ],
)
@pytest.mark.parametrize(
    ("tags", "requested"),
    [
        pytest.param(
            {"dagster/partition": "2026-01-02"},
            ["parse 2026-01-01", "parse 2026-01-03"],
            id="a day",
        ),
        pytest.param(
            {RANGE_START: "2026-01-01", RANGE_END: "2026-01-02"},
            ["parse 2026-01-03"],
            id="several days",
        ),
        pytest.param(
            {"dagster/partition": "europe"},
            ["parse 2026-01-01 2026-01-03"],
            id="something that is no day",
        ),
    ],
)
def test_what_another_run_works_on_is_left_alone(project, daemon, status, tags, requested):
    archive(project, "2026-01-01", "2026-01-02", "2026-01-03")
    with unfinished_run(project, status, **tags):
        assert daemon.tick() == requested


def test_a_night_that_waits_for_a_late_file_holds_up_no_other_day(project, daemon):
    archive(project, "2026-01-01", "2026-01-02")
    with unfinished_run(project, **{"dagster/partition": "2026-01-03"}):
        assert daemon.settle() == ["parse 2026-01-01 2026-01-02", "model"]


def test_what_was_requested_is_waited_for(project, daemon):
    archive(project, "2026-01-01")
    with unfinished_run(project, **{"dagster/sensor_name": NAME}):
        assert daemon.tick() == "A run that was requested before is not over yet."


def test_a_run_whose_process_died_holds_up_nothing(project, daemon):
    archive(project, "2026-01-01")
    with open_instance(project.directory) as instance:
        run = instance.create_run_for_job(
            some_job, status=DagsterRunStatus.STARTED, tags={"dagster/partition": "2026-01-01"}
        )
    assert "a run is working on it" in daemon.tick()
    (project.directory.dagster / "executing").mkdir()
    (project.directory.dagster / "executing" / run.run_id).touch()
    assert daemon.tick() == ["parse 2026-01-01"]


def test_a_backfill_is_left_alone_until_it_has_ended(project, daemon):
    archive(project, "2026-01-01")
    with open_instance(project.directory) as instance:
        backfill = PartitionBackfill(
            "backfill",
            BulkActionStatus.REQUESTED,
            from_failure=False,
            tags={},
            backfill_timestamp=0.0,
        )
        instance.add_backfill(backfill)
        assert daemon.tick() == "A backfill is running."
        instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_FAILED))
    assert daemon.tick() == ["parse 2026-01-01"]


def test_a_model_that_is_being_made_is_not_made_twice(project, daemon):
    archive(project, "2026-01-01")
    assert daemon.tick() == ["parse 2026-01-01"]
    daemon.execute()
    with unfinished_run(project, selection=frozenset(map(AssetKey, MODELLING))):
        assert daemon.tick() == "The model is being updated."
    assert daemon.tick() == ["model"]


def test_the_cursor_stays_small(project, daemon):
    archive(project, *(f"2026-01-{day:02}" for day in range(1, 29)))
    daemon.settle()
    daemon.tick()
    assert json.loads(daemon.cursor)["parse"] == {}
