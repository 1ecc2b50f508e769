"""A missing yesterday is red, whatever ran since, and is said once when it becomes so."""

from datetime import UTC, datetime

import pytest
import time_machine
from dagster import SkipReason, build_sensor_context

from woopra_pipeline.defs.freshness import PLACE_OF, evaluate, watch_freshness

SECOND = "2026-01-02"
BEFORE_DUE = datetime(2026, 1, 4, 16, 59, tzinfo=UTC)
WHEN_DUE = datetime(2026, 1, 4, 17, 1, tzinfo=UTC)


def watch(project, now, cursor=None):
    """What the sensor records, by asset, and its cursor."""
    with time_machine.travel(now, tick=False):
        result = watch_freshness(
            build_sensor_context(
                cursor=cursor, resources={"data_directory": project.data_directory}
            )
        )
    if isinstance(result, SkipReason):
        return {}, cursor
    events = {event.asset_key.to_user_string(): event for event in result.asset_events}
    return events, result.cursor


def test_nothing_is_said_of_what_has_no_days(project):
    assert watch(project, WHEN_DUE) == ({}, None)


def test_a_day_that_is_due_is_missed_once(project):
    project.begin_after_backfill(SECOND, SECOND)
    said, cursor = watch(project, BEFORE_DUE)
    assert {asset: event.passed for asset, event in said.items()} == dict.fromkeys(PLACE_OF, True)
    assert watch(project, BEFORE_DUE, cursor) == ({}, cursor)
    said, cursor = watch(project, WHEN_DUE, cursor)
    for asset in PLACE_OF:
        assert not said[asset].passed
        assert said[asset].metadata["days_behind"].value == 1
        assert said[asset].description == "The last log day is 2026-01-02, and 2026-01-03 is due."
    assert watch(project, WHEN_DUE, cursor) == ({}, cursor)


@pytest.mark.parametrize("asset", PLACE_OF)
def test_an_old_backfill_turns_nothing_green(project, asset):
    project.begin_after_backfill(SECOND, SECOND)
    with time_machine.travel(WHEN_DUE, tick=True):
        before = evaluate(project.directory, asset)
        project.backfill("2026-01-01", "2026-01-01")
        assert evaluate(project.directory, asset) == before
        assert not before.passed
