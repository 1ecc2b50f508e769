"""Every log day is taken the night after it, whatever the clocks do; late files are awaited."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from dagster import DagsterEventType, SkipReason, build_schedule_context
from dagster._utils.schedules import schedule_execution_time_iterator

from woopra_pipeline.definitions import definitions
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import FIRST_RETRY_SECONDS, RETRIES, daily_log_day_schedule
from woopra_pipeline.defs.partitions import start_date
from woopra_pipeline.defs.resources import WoopraResource
from woopra_pipeline.model.checks import DUE_AT
from woopra_pipeline.woopra.log_days import (
    LOG_TIME_ZONE,
    end_of_log_day,
    log_day_from_text,
    log_days_between,
)
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.scripted_server import whole

FILE = b'{"type":"visit","pid":"a","time":1767290400000,"actions":[]}\n'


def ticks(name, first, last):
    """When a schedule fires between two instants, and for which day."""
    repository = definitions.get_repository_def()
    schedule = repository.get_schedule_def(name)
    times = schedule_execution_time_iterator(
        first.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
    )
    for instant in times:
        if instant >= last:
            return
        with time_machine.travel(instant, tick=False):
            context = build_schedule_context(
                scheduled_execution_time=instant, repository_def=repository
            )
            [request] = schedule.evaluate_tick(context).run_requests
        yield instant.astimezone(UTC), log_day_from_text(request.partition_key)


@pytest.mark.parametrize("name", ["daily_log_day_schedule", "daily_imports_schedule"])
@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [
        pytest.param("2026-03-06", "2026-03-10", 23, id="a day of 23 hours"),
        pytest.param("2026-10-30", "2026-11-03", 25, id="a day of 25 hours"),
    ],
)
def test_every_log_day_is_taken_once_after_it_has_ended(name, first, last, hours):
    days = list(log_days_between(log_day_from_text(first), log_day_from_text(last)))
    until = end_of_log_day(days[-1]) + timedelta(hours=12)
    fired = list(ticks(name, end_of_log_day(days[0]), until))
    assert [log_day for _, log_day in fired] == days
    for instant, log_day in fired:
        assert timedelta(hours=2) < instant - end_of_log_day(log_day) < timedelta(hours=6)
        assert instant.astimezone(LOG_TIME_ZONE).date() == log_day + timedelta(days=1)
    gaps = {after[0] - before[0] for before, after in pairwise(fired)}
    assert gaps == {timedelta(hours=24), timedelta(hours=hours)}


def test_the_last_attempt_comes_before_the_day_is_due():
    waiting = sum(FIRST_RETRY_SECONDS * attempt for attempt in range(1, RETRIES + 1))
    [(instant, _)] = ticks(
        "daily_log_day_schedule",
        datetime(2026, 6, 2, 8, tzinfo=UTC),
        datetime(2026, 6, 3, 8, tzinfo=UTC),
    )
    last_attempt = instant.astimezone(LOG_TIME_ZONE) + timedelta(seconds=waiting)
    assert last_attempt.time() < DUE_AT


def test_nights_before_the_first_log_day_are_passed_over():
    before = end_of_log_day(start_date() - timedelta(days=1)) + timedelta(hours=3)
    context = build_schedule_context(scheduled_execution_time=before)
    assert isinstance(daily_log_day_schedule(context), SkipReason)


@pytest.fixture
def night(project, server, monkeypatch):
    """The run of a night on the scripted server, while time passes only by waiting."""
    settings = settings_for(base_url=server.base_url)
    project.woopra = WoopraResource(
        project=settings.project,
        app_id=settings.app_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        rate_budget=False,
    )

    def run(*script):
        server.answers(*script)
        waited = []
        with time_machine.travel(datetime(2026, 1, 3, 11, 30, tzinfo=UTC), tick=False) as time:

            def wait(seconds):
                waited.append(round(seconds / 60))
                time.shift(seconds)

            monkeypatch.setattr("time.sleep", wait)
            with open_instance(project.directory) as instance:
                result = project.definitions.resolve_job_def("daily_log_day").execute_in_process(
                    instance=instance, partition_key="2026-01-02", raise_on_error=False
                )
        return result, waited

    return run


def test_a_file_that_is_late_is_awaited_without_a_failure(night, project):
    missing = whole(b"", 404)
    result, waited = night(missing, missing, missing, whole(FILE))
    assert result.success
    assert waited == [15, 30, 45]
    assert project.runs() == ["SUCCESS"]
    assert project.partitions("raw_export") == ["2026-01-02"]
    assert project.partitions("profiles") == [None]
    assert project.partitions("project_report") == [None]


def test_a_file_that_never_comes_is_one_failure_in_the_end(night, project):
    result, waited = night(whole(b"", 404))
    assert waited == [15, 30, 45, 60, 75, 90]
    assert project.runs() == ["FAILURE"]
    [failure] = [
        event for event in result.all_events if event.event_type is DagsterEventType.STEP_FAILURE
    ]
    said = failure.step_failure_data.user_failure_data.description
    assert "no file of log day 2026-01-02" in said
    assert project.partitions("raw_export") == []


def test_refused_credentials_are_not_tried_again(night, project):
    result, waited = night(whole(b"", 401))
    assert not result.success
    assert waited == []
