"""A day that comes with fewer lines, or as no log at all, as Dagster shows it."""

from datetime import date

import pytest
from dagster import AssetCheckSeverity, AssetKey

from woopra_pipeline.archive import Archive
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.resources import WoopraResource
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sandbox import Mood, Sandbox, SandboxSettings, serve
from woopra_pipeline_tests.defs.test_checks import evaluations
from woopra_pipeline_tests.scripted_server import whole

FIRST, SECOND = "2026-01-01", "2026-01-02"
VISIT = b'{"type":"visit","pid":"a","time":1767300000000}\n'
CHECK = "no_file_held_back"


def service(base_url, project="shop.example", app_id="APP17", secret_key="s3cr3t"):
    return WoopraResource(
        project=project,
        app_id=app_id,
        secret_key=secret_key,
        base_url=base_url,
        rate_budget=False,
        attempts=3,
        first_backoff=0.01,
        longest_backoff=0.01,
    )


@pytest.fixture
def project(project, server):
    project.woopra = service(server.base_url)
    return project


def visits(project):
    with connect_published(project.directory) as connection:
        return dict(
            connection.execute("select log_day::text, visit_count from log_days").fetchall()
        )


def test_a_day_that_loses_lines_fails_visibly_and_changes_nothing(project, server):
    server.answers(whole(VISIT * 69))
    assert project.backfill(FIRST, SECOND) == {}
    assert evaluations(project)[CHECK].passed
    server.answers(whole(VISIT * 46), whole(VISIT * 70))
    bad = project.backfill(FIRST, SECOND)
    [(log_day, sentence)] = bad.items()
    assert "46 readable" in sentence
    assert "--accept-shorter" in sentence
    other = {FIRST, SECOND} - {str(log_day)}
    assert visits(project) == {str(log_day): 69, other.pop(): 70}
    checks = project.checks_by_day(CHECK)
    assert [day for day, check in checks.items() if not check.passed] == [str(log_day)]
    check = checks[str(log_day)]
    assert check.severity is AssetCheckSeverity.WARN
    assert "accept_shorter: true" in check.metadata["what_to_do"].value
    assert (check.metadata["lines"].value, check.metadata["lines_held_back"].value) == (69, 46)


def test_a_day_that_loses_lines_can_be_accepted(project, server):
    for count in (69, 46):
        server.answers(whole(VISIT * count))
        project.backfill(FIRST, FIRST)
    assert visits(project) == {FIRST: 69}
    assert project.backfill(FIRST, FIRST, accept_shorter=True) == {}
    assert visits(project) == {FIRST: 46}
    assert evaluations(project)[CHECK].passed


def test_a_day_can_be_accepted_by_configuration(project, server):
    for count in (69, 46):
        server.answers(whole(VISIT * count))
        project.backfill(FIRST, FIRST)
    with open_instance(project.directory) as instance:
        job = project.definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=instance,
            partition_key=FIRST,
            asset_selection=[AssetKey("raw_export")],
            run_config={"ops": {"day_files": {"config": {"accept_shorter": True}}}},
        )
    assert result.success
    assert Archive(project.directory.raw).get(date(2026, 1, 1)).line_count == 46


def test_notes_on_a_doubtful_file_are_shown(project, server):
    server.answers(whole(b"\n"))
    assert project.backfill(FIRST, FIRST) == {}
    [record] = project.materializations("raw_export")
    [note] = record.asset_materialization.metadata["notes"].value
    assert note == "has white space only, and came so twice"
    assert any(note in happening.text for happening in project.happened)


@pytest.mark.parametrize("mood", [Mood.ERROR_BODY, Mood.WEB_PAGE])
def test_an_answer_that_is_no_log_costs_the_archived_day_nothing(project, mood):
    sandbox = Sandbox(project.directory.root / "other", SandboxSettings(people=30))
    with serve(sandbox) as running:
        settings = running.settings
        project.woopra = service(
            running.base_url, settings.project, settings.app_id, settings.secret_key
        )
        assert project.backfill(FIRST, FIRST) == {}
        before = visits(project)
        running.moods.upcoming.extend([mood] * 3)
        bad = project.backfill(FIRST, FIRST)
        assert [str(log_day) for log_day in bad] == [FIRST]
        assert visits(project) == before
        running.moods.upcoming.extend([mood, Mood.CUT_AT_LINE])
        assert project.backfill(FIRST, FIRST) == {}
    assert visits(project) == before
