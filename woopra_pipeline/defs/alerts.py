"""Alerts: reports each failed run once."""

from dagster import (
    ConfigurableResource,
    DagsterEvent,
    DefaultSensorStatus,
    RunFailureSensorContext,
    run_failure_sensor,
)
from pydantic import Field

from woopra_pipeline.defs.tags import PARTITION, RANGE_END, RANGE_START
from woopra_pipeline.webhook import TIMEOUT_SECONDS, post_text

WEBHOOK_VARIABLE = "WOOPRA_ALERT_WEBHOOK_URL"
LONGEST_REASON = 1_000


class AlertsResource(ConfigurableResource["AlertsResource"]):
    """Where alerts go: into the log of the sensor, and to a webhook if one is set."""

    webhook_url: str = Field(
        "",
        repr=False,
        description='Address that takes a POST of {"text": …}, as Slack\'s incoming webhooks do; '
        "empty: alerts are only logged. It is a secret.",
    )
    timeout: float = Field(TIMEOUT_SECONDS, description="Seconds in which the webhook must answer.")

    def send(self, text: str) -> None:
        """Send `text` to the webhook, if there is one; raises `AlertError` if it is not taken."""
        if self.webhook_url:
            post_text(self.webhook_url, text, timeout=self.timeout)


@run_failure_sensor(
    name="alert_on_failure",
    description="Reports every run that failed, with the reason: in the log of this sensor, and to "
    f"the webhook in {WEBHOOK_VARIABLE} if there is one.",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
)
def alert_on_failure(context: RunFailureSensorContext, alerts: AlertsResource) -> None:
    """Log the run that failed, and send the same to where alerts go."""
    text = describe_failure(context)
    context.log.error(text)
    alerts.send(text)


def describe_failure(context: RunFailureSensorContext) -> str:
    """Which run failed, on which log days, and why: a few lines."""
    run = context.dagster_run
    reasons = [_reason(event) for event in context.get_step_failure_events()]
    day = run.tags.get(PARTITION)
    first = run.tags.get(RANGE_START, day)
    last = run.tags.get(RANGE_END, day)
    days = "" if first is None else f" of log day {first}" + (f" to {last}" * (first != last))
    name = "" if run.job_name.startswith("__") else f" ({run.job_name})"
    headline = f"Woopra pipeline: run {run.run_id[:8]}{name}{days} failed"
    return "\n".join([headline, *(reasons or [context.failure_event.message or ""])])


def _reason(event: DagsterEvent) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        reason = failure.user_failure_data.description
    else:
        error = failure.error
        while error and error.cause:
            error = error.cause
        reason = error.message if error else ""
    return f"{event.step_key}: {reason.strip()[:LONGEST_REASON]}"
