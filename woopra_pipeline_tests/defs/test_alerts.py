"""A run that fails is told of: in the log, and at the webhook if there is one."""

import json

import pytest
from dagster import (
    DagsterEventType,
    DagsterInstance,
    EnvVar,
    Failure,
    build_run_status_sensor_context,
    in_process_executor,
    job,
    op,
)

from woopra_pipeline.defs import resources
from woopra_pipeline.defs.alerts import AlertsResource, alert_on_failure
from woopra_pipeline.errors import AlertError
from woopra_pipeline_tests.scripted_server import whole

SECRET = "T0K3N"


@op
def fails():
    raise Failure("1 of 3 log days failed: 2026-01-02")


@op
def breaks():
    raise OSError("No space left on device")


@job(executor_def=in_process_executor)
def failing_night():
    fails()
    breaks()


def told_of(alerts, **tags):
    """What the sensor says of a run that failed."""
    with DagsterInstance.ephemeral() as instance:
        result = failing_night.execute_in_process(
            instance=instance, raise_on_error=False, tags=tags
        )
        [failure] = [
            event for event in result.all_events if event.event_type is DagsterEventType.RUN_FAILURE
        ]
        context = build_run_status_sensor_context(
            "alert_on_failure", failure, instance, result.dagster_run
        ).for_run_failure()
        alert_on_failure(context, alerts=alerts)
        return result.run_id


def test_the_webhook_is_told_which_run_failed_and_why(server):
    server.answers(whole(b"ok"))
    tags = {
        "dagster/asset_partition_range_start": "2026-01-01",
        "dagster/asset_partition_range_end": "2026-01-03",
    }
    run_id = told_of(AlertsResource(webhook_url=f"{server.base_url}/{SECRET}"), **tags)
    [request] = server.requests
    headline, *reasons = json.loads(request.body)["text"].splitlines()
    assert headline == (
        f"Woopra pipeline: run {run_id[:8]} (failing_night) of log day 2026-01-01 to 2026-01-03 "
        "failed"
    )
    assert sorted(reasons) == [
        "breaks: OSError: No space left on device",
        "fails: 1 of 3 log days failed: 2026-01-02",
    ]


def test_a_single_day_is_named(server):
    server.answers(whole(b"ok"))
    alerts = AlertsResource(webhook_url=server.base_url)
    told_of(alerts, **{"dagster/partition": "2026-01-02"})
    assert "of log day 2026-01-02 failed" in json.loads(server.requests[0].body)["text"]


def test_without_a_webhook_the_log_says_it(capfd):
    run_id = told_of(AlertsResource())
    assert f"run {run_id[:8]} (failing_night) failed" in capfd.readouterr().err


def test_a_webhook_that_does_not_take_it_is_an_error_of_the_sensor(server):
    server.answers(whole(b"", 500))
    with pytest.raises(AlertError, match="status 500") as caught:
        told_of(AlertsResource(webhook_url=f"{server.base_url}/{SECRET}"))
    assert SECRET not in str(caught.value)


def test_the_address_stays_in_its_variable(monkeypatch):
    url = f"https://hooks.example.com/{SECRET}"
    monkeypatch.setenv("WOOPRA_ALERT_WEBHOOK_URL", url)
    alerts = resources.alerts()
    assert alerts.webhook_url == EnvVar("WOOPRA_ALERT_WEBHOOK_URL")
    initialized = alerts.process_config_and_initialize()
    assert initialized.webhook_url == url
    assert SECRET not in repr(initialized)
    assert SECRET not in str(initialized)


def test_it_is_off_unless_it_is_set(monkeypatch):
    monkeypatch.delenv("WOOPRA_ALERT_WEBHOOK_URL", raising=False)
    assert resources.alerts().process_config_and_initialize().webhook_url == ""
