"""What Dagster's own daemon makes of a backfill as the UI launches it, and of what fails in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from dagster import AssetSelection, DagsterRunStatus, RunsFilter
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.asset_backfill import (
    AssetBackfillStatus,
    PartitionedAssetBackfillStatus,
)
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from woopra_pipeline.defs.backfill import STEPS
from woopra_pipeline.defs.instance import home, open_instance
from woopra_pipeline.defs.partitions import log_days, start_date
from woopra_pipeline.model.outstanding import find_outstanding
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, Service, serve
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline_tests.defs.test_backfill import days_in_model, spoil_archived

SECONDS_BETWEEN_LOOKS = 1.0
LONGEST_WAIT_SECONDS = 600
SERVICE = Service(project="shop.example", app_id="APP17", secret_key="s3cr3t-k3y")


class Daemon:
    """A daemon on a project's instance, and what someone at the UI would do and see."""

    def __init__(self, project):
        self.project = project

    def launch_backfill(self, *groups, days):
        """Launch the backfill of asset groups; returns its id."""
        backfill_id = make_new_backfill_id()
        graph = self.project.definitions.resolve_asset_graph()
        keys = AssetSelection.groups(*groups).resolve(graph)
        partitioned = {key for key in keys if graph.get(key).is_partitioned}
        partitions = log_days.subset_with_partition_keys(map(str, days))
        with open_instance(self.project.directory) as instance:
            backfill = PartitionBackfill.from_asset_graph_subset(
                backfill_id,
                time.time(),
                tags={},
                dynamic_partitions_store=instance,
                asset_graph_subset=AssetGraphSubset(
                    partitions_subsets_by_asset_key=dict.fromkeys(partitioned, partitions),
                    non_partitioned_asset_keys=keys - partitioned,
                ),
                title=None,
                description=None,
                run_config=None,
            )
            instance.add_backfill(backfill)
        return backfill_id

    def wait_for_backfill(self, backfill_id):
        def status():
            with open_instance(self.project.directory) as instance:
                found = instance.get_backfill(backfill_id).status
            return None if found in {BulkActionStatus.REQUESTED} else found

        return self._wait_for(status)

    def shown_as_failed(self, backfill_id):
        """What the page of a backfill shows as failed: assets, with the number of partitions."""
        graph = self.project.definitions.resolve_asset_graph()
        with open_instance(self.project.directory) as instance:
            found = instance.get_backfill(backfill_id).get_asset_backfill_data(graph)
        failed = {}
        for status in found.get_backfill_status_per_asset_key(graph):
            name = status.asset_key.to_user_string()
            if isinstance(status, PartitionedAssetBackfillStatus):
                failed[name] = status.partitions_counts_by_status[AssetBackfillStatus.FAILED]
            elif status.backfill_status is AssetBackfillStatus.FAILED:
                failed[name] = None
        return failed

    def assets_of_failed_runs(self):
        """The assets that runs which failed were to make."""
        with open_instance(self.project.directory) as instance:
            runs = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
        return {key.to_user_string() for run in runs for key in run.asset_selection}

    def wait_until_idle(self):
        """Wait until there is nothing outstanding but what failed, and no run either."""

        def idle():
            with open_instance(self.project.directory) as instance:
                if any(not run.is_finished for run in instance.get_runs()):
                    return False
            outstanding = find_outstanding(self.project.directory)
            return not outstanding.to_parse and not outstanding.to_apply

        self._wait_for(idle)

    def _wait_for(self, condition):
        for _ in range(int(LONGEST_WAIT_SECONDS / SECONDS_BETWEEN_LOOKS)):
            if found := condition():
                return found
            time.sleep(SECONDS_BETWEEN_LOOKS)
        raise AssertionError("it takes too long")


@contextmanager
def running_daemon(project, base_url) -> Iterator[Daemon]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WOOPRA_")},
        "DAGSTER_HOME": str(home(project.directory)),
        "WOOPRA_DATA_DIR": str(project.directory.root),
        "WOOPRA_START_DATE": str(start_date()),
        "WOOPRA_PROJECT": SERVICE.project,
        "WOOPRA_APP_ID": SERVICE.app_id,
        "WOOPRA_SECRET_KEY": SERVICE.secret_key,
        "WOOPRA_BASE_URL": base_url,
    }
    with open_instance(project.directory):
        pass
    command = ["dagster._daemon", "run", "-m", "woopra_pipeline.definitions"]
    with (project.directory.root / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=project.directory.dagster,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Daemon(project)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture
def daemon(project, tmp_path):
    settings = SandboxSettings(people=40, first_day=start_date())
    with (
        serve(Sandbox(tmp_path / "world", settings), service=SERVICE) as sandbox,
        running_daemon(project, sandbox.base_url) as daemon,
    ):
        yield daemon


def first_days(count):
    return list(log_days_between(start_date(), start_date() + timedelta(days=count - 1)))


@pytest.mark.long
@pytest.mark.parametrize(
    ("groups", "below"),
    [
        pytest.param(("archive", "log"), (), id="as the docs say"),
        pytest.param(
            ("archive", "log", "model"),
            tuple(table.name for table in MODEL_TABLES),
            id="the model too",
        ),
    ],
)
def test_a_bad_day_costs_no_other_and_is_alone_shown_as_failed(project, daemon, groups, below):
    days = first_days(5)
    bad = str(days[2])
    spoil_archived(project, bad)
    backfill_id = daemon.launch_backfill(*groups, days=days)
    assert daemon.wait_for_backfill(backfill_id) is BulkActionStatus.COMPLETED_FAILED
    daemon.wait_until_idle()
    good = [str(day) for day in days if str(day) != bad]
    assert days_in_model(project) == good
    of_days = ("raw_export", *(table.name for table in PARSED_TABLES))
    for asset in of_days:
        assert sorted(project.partitions(asset)) == good, asset
        assert project.failed_partitions(asset) == {bad}, asset
    # What has no partitions and is below a failed one, Dagster shows as failed on the page of the
    # backfill, and nowhere else: no run was to make it and did not.
    assert daemon.shown_as_failed(backfill_id) == {
        **dict.fromkeys(of_days, 1),
        **dict.fromkeys(below),
    }
    assert daemon.assets_of_failed_runs() == set(of_days)
    assert len(project.materializations("profiles")) == 1
    assert len(project.materializations("project_report")) == 1
    assert project.runs() == ["FAILURE", "SUCCESS"]

    (project.directory.raw / bad).unlink()
    again = daemon.launch_backfill(*groups, days=[days[2]])
    assert daemon.wait_for_backfill(again) is BulkActionStatus.COMPLETED_SUCCESS
    daemon.wait_until_idle()
    assert daemon.shown_as_failed(again) == dict.fromkeys(of_days, 0)
    assert days_in_model(project) == [str(day) for day in days]
    assert project.failed_partitions("raw_export") == set()
    assert sorted(project.partitions("raw_export")) == [str(day) for day in days]


@pytest.mark.long
def test_many_days_are_a_handful_of_runs(project, daemon):
    days = first_days(120)
    backfill_id = daemon.launch_backfill("archive", "log", "model", "report", days=days)
    assert daemon.wait_for_backfill(backfill_id) is BulkActionStatus.COMPLETED_SUCCESS
    assert len(days_in_model(project)) == len(days)
    runs = project.runs()
    assert set(runs) == {"SUCCESS"}
    assert len(runs) <= 4
    with open_instance(project.directory) as instance:
        executed = [
            stats.step_key
            for run in instance.get_runs()
            for stats in instance.get_run_step_stats(run.run_id)
        ]
    assert sorted(set(executed) & STEPS) == sorted(STEPS)
