"""The current day as Dagster follows it: a step, what it shows, and the sensor that takes steps."""

from datetime import UTC, date, datetime, timedelta

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    Definitions,
    RunRequest,
    SkipReason,
    build_sensor_context,
    in_process_executor,
)
from dagster._core.storage.tags import SENSOR_NAME_TAG
from dagster._core.utils import make_new_run_id

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs import current_day_sensor
from woopra_pipeline.defs.assets import current_day as current_day_module
from woopra_pipeline.defs.assets.current_day import current_day
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.current_day_sensor import follow_current_day_sensor
from woopra_pipeline.defs.resources import DataDirectoryResource, WoopraResource
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, serve
from woopra_pipeline.woopra.log_days import start_of_log_day

DAY = date(2026, 3, 5)
WORLD = SandboxSettings(seed=3, people=80, first_day=DAY)


class Steps:
    """Runs of what the sensor requests, on a sandbox, at times of day."""

    def __init__(self, folder, monkeypatch):
        self.directory = DataDirectory(folder / "data")
        self.sandbox = Sandbox(folder / "sandbox", WORLD)
        self.monkeypatch = monkeypatch

    def run(self, *hours):
        """A run of a step at each of these hours of the day; returns what each step recorded."""
        times, slept = iter(hours), [0.0]

        def sleep(seconds):
            slept.append(seconds)
            self.go_to(next(times))

        self.go_to(next(times))
        self.monkeypatch.setattr(current_day_module, "sleep", sleep)
        self.monkeypatch.setattr(current_day_module, "monotonic", lambda: sum(slept))
        self.monkeypatch.setattr(current_day_sensor, "MINUTES_A_RUN", len(hours))
        with serve(self.sandbox) as running, DagsterInstance.ephemeral() as instance:
            settings = running.settings
            definitions = Definitions(
                assets=[model, current_day],
                resources={
                    "woopra": WoopraResource(
                        project=settings.project,
                        app_id=settings.app_id,
                        secret_key=settings.secret_key,
                        base_url=settings.base_url,
                        rate_budget=False,
                    ),
                    "data_directory": DataDirectoryResource(root=str(self.directory.root)),
                },
                executor=in_process_executor,
            )
            request = follow_current_day_sensor(build_sensor_context(instance=instance))
            definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                asset_selection=request.asset_selection,
                run_config=request.run_config,
                instance=instance,
            )
            assert slept[1:] == [60.0] * (len(hours) - 1)
            assert all(instance.get_latest_materialization_event(key) for key in model.keys)
            records = instance.fetch_materializations(current_day.key, limit=100).records
        return [
            {name: value.value for name, value in record.asset_materialization.metadata.items()}
            for record in reversed(records)
        ]

    def go_to(self, hour):
        clock = frozen_clock(start_of_log_day(DAY) + timedelta(hours=hour))
        self.sandbox.clock = clock
        self.monkeypatch.setattr(current_day_module, "system_clock", clock)

    def log_days(self):
        with connect_published(self.directory) as connection:
            return connection.sql("select log_day, line_count, is_open from log_days").fetchall()


@pytest.fixture
def steps(tmp_path, monkeypatch):
    return Steps(tmp_path, monkeypatch)


def test_each_step_takes_what_is_new_to_the_model(steps):
    [first] = steps.run(12)
    assert first["log_day"] == str(DAY)
    assert first["dagster/row_count"] == first["new_lines"] > 0
    assert first["position"] == first["new_bytes"] > 0
    assert 0 <= first["seconds_behind"] < 12 * 3600
    assert steps.log_days() == [(DAY, first["new_lines"], True)]

    second, third, fourth = steps.run(16, 20, 20)
    assert second["dagster/row_count"] == first["dagster/row_count"] + second["new_lines"]
    assert third["dagster/row_count"] == second["dagster/row_count"] + third["new_lines"]
    assert third["position"] == second["position"] + third["new_bytes"]
    assert min(second["new_lines"], third["new_lines"]) > 0
    assert (fourth["new_lines"], fourth["position"]) == (0, third["position"])
    assert "seconds_behind" not in fourth
    assert steps.log_days() == [(DAY, fourth["dagster/row_count"], True)]


def test_a_run_goes_on_after_midnight(steps):
    before, after = steps.run(20, 30)
    assert (before["log_day"], after["log_day"]) == ("2026-03-05", "2026-03-06")
    assert steps.log_days() == [
        (date(2026, 3, 5), before["dagster/row_count"], True),
        (date(2026, 3, 6), after["dagster/row_count"], True),
    ]


def test_a_day_without_a_file_is_no_failure(steps):
    assert steps.run(-1) == [{"log_day": "2026-03-04", "new_lines": 0, "new_bytes": 0}]


def test_is_off_until_it_is_switched_on():
    assert follow_current_day_sensor.default_status is DefaultSensorStatus.STOPPED
    assert follow_current_day_sensor.minimum_interval_seconds == 60


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def add_run(instance, status, **tags):
    run = DagsterRun(
        job_name="any",
        run_id=make_new_run_id(),
        status=DagsterRunStatus.STARTED,
        tags=tags or {SENSOR_NAME_TAG: current_day_sensor.NAME},
    )
    instance.add_run(run)
    if status is DagsterRunStatus.FAILURE:
        instance.report_run_failed(run)
    elif status is DagsterRunStatus.SUCCESS:
        event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name)
        instance.handle_run_event(run.run_id, event)


def decision(instance):
    return follow_current_day_sensor(build_sensor_context(instance=instance))


def test_runs_do_not_pile_up(instance):
    assert isinstance(decision(instance), RunRequest)
    add_run(instance, DagsterRunStatus.STARTED)
    assert decision(instance) == SkipReason("The run before is not over yet.")


def test_a_run_whose_process_was_killed_does_not_stand_in_the_way_for_ever(instance):
    assert decision(instance).tags == {"dagster/max_runtime": "1800"}


def test_other_runs_do_not_keep_it_from_following(instance):
    add_run(instance, DagsterRunStatus.STARTED, other="run")
    assert isinstance(decision(instance), RunRequest)


def test_after_a_run_comes_the_next(instance):
    add_run(instance, DagsterRunStatus.FAILURE)
    add_run(instance, DagsterRunStatus.SUCCESS)
    assert isinstance(decision(instance), RunRequest)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 2), (2, 4), (3, 8), (6, 64), (20, 64)], ids=str
)
def test_while_runs_fail_the_pauses_get_longer(instance, monkeypatch, failures, minutes):
    add_run(instance, DagsterRunStatus.SUCCESS)
    for _ in range(failures):
        add_run(instance, DagsterRunStatus.FAILURE)
    ended_at = datetime.fromtimestamp(instance.get_run_records()[0].end_time, UTC)

    def decision_after(pause):
        monkeypatch.setattr(current_day_sensor, "system_clock", frozen_clock(ended_at + pause))
        return decision(instance)

    assert isinstance(decision_after(timedelta(minutes=minutes - 1)), SkipReason)
    assert isinstance(decision_after(timedelta(minutes=minutes + 1)), RunRequest)
    assert isinstance(decision_after(timedelta(days=-3)), RunRequest)
