"""What processes that died leave in the instance does not stop those that come after them."""

import subprocess
import sys
from contextlib import suppress
from time import monotonic, sleep

import yaml
from dagster import DagsterInstance, DagsterRunStatus, job, op

from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.defs.instance import alive, home, open_instance

DYING = """
import os, signal, sys
from pathlib import Path
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.instance import alive, open_instance
from woopra_pipeline_tests.defs.test_instance import start_run

directory = DataDirectory(Path(sys.argv[1]))
with open_instance(directory) as instance:
    run_id = start_run(instance)
    with alive(instance, directory, run_id):
        print(run_id, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@op
def some_op():
    pass


@job
def some_job():
    some_op()


def start_run(instance: DagsterInstance) -> str:
    """A run that has started, and holds the model's pool."""
    run = instance.create_run_for_job(some_job, status=DagsterRunStatus.STARTED)
    storage = instance.event_log_storage
    storage.set_concurrency_slots("model", 1)
    assert storage.claim_concurrency_slot("model", run.run_id, "model").is_claimed
    return run.run_id


def runs_with_pools(instance: DagsterInstance) -> set[str]:
    return instance.event_log_storage.get_concurrency_run_ids()


def test_a_run_whose_process_was_killed_is_ended_and_lets_go_of_its_pool(tmp_path):
    dying = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DYING, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    with open_instance(DataDirectory(tmp_path)) as instance:
        run = instance.get_run_by_id(dying.stdout.strip())
        assert run.status is DagsterRunStatus.FAILURE
        assert runs_with_pools(instance) == set()


def test_a_run_that_is_killed_lets_those_go_on_that_wait_for_its_pool(tmp_path, monkeypatch):
    monkeypatch.setattr("woopra_pipeline.defs.instance.SECONDS_BETWEEN_LOOKS", 0.05)
    directory = DataDirectory(tmp_path)
    dying_when_told = DYING.replace("os.kill(", "input(), os.kill(")
    living = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", dying_when_told, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    run_id = living.stdout.readline().strip()
    with open_instance(directory) as instance:
        waiting = instance.create_run_for_job(some_job, status=DagsterRunStatus.STARTED)
        with alive(instance, directory, waiting.run_id):
            assert runs_with_pools(instance) == {run_id}
            living.communicate("\n")
            deadline = monotonic() + 60
            while runs_with_pools(instance) and monotonic() < deadline:
                sleep(0.05)
            assert runs_with_pools(instance) == set()
            assert instance.get_run_by_id(run_id).status is DagsterRunStatus.FAILURE
            assert instance.get_run_by_id(waiting.run_id).status is DagsterRunStatus.STARTED


def test_a_run_that_is_being_executed_is_left_alone(tmp_path):
    directory = DataDirectory(tmp_path)
    with open_instance(directory) as instance:
        run_id = start_run(instance)
        with alive(instance, directory, run_id), open_instance(directory) as other:
            assert other.get_run_by_id(run_id).status is DagsterRunStatus.STARTED
            assert runs_with_pools(other) == {run_id}


def test_a_run_that_dagster_executes_elsewhere_is_left_alone(tmp_path):
    directory = DataDirectory(tmp_path)
    with open_instance(directory) as instance:
        run_id = start_run(instance)
        with open_instance(directory) as other:
            assert other.get_run_by_id(run_id).status is DagsterRunStatus.STARTED
            assert runs_with_pools(other) == {run_id}


def test_a_run_that_is_interrupted_ends_and_lets_go_of_its_pool(tmp_path):
    directory = DataDirectory(tmp_path)
    with open_instance(directory) as instance:
        run_id = start_run(instance)
        with suppress(KeyboardInterrupt), alive(instance, directory, run_id):
            raise KeyboardInterrupt
        assert instance.get_run_by_id(run_id).status is DagsterRunStatus.FAILURE
        assert runs_with_pools(instance) == set()


def test_runs_survive_a_restart_within_the_data_directory(tmp_path):
    with open_instance(DataDirectory(tmp_path)) as instance:
        run_id = instance.create_run_for_job(some_job).run_id
    with open_instance(DataDirectory(tmp_path)) as instance:
        assert instance.get_run_by_id(run_id) is not None
    assert {path.name for path in tmp_path.iterdir()} == {"dagster"}


def test_is_configured_like_the_checkout_but_for_its_place(tmp_path):
    configuration = yaml.safe_load((home(DataDirectory(tmp_path)) / "dagster.yaml").read_text())
    of_checkout = yaml.safe_load((checkout() / "dagster.yaml").read_text())
    places = {"storage", "compute_logs", "local_artifact_storage"}
    assert configuration == {key: value for key, value in of_checkout.items() if key not in places}


def test_makes_up_for_the_nights_of_two_weeks(tmp_path):
    with open_instance(DataDirectory(tmp_path)) as instance:
        assert instance.scheduler.max_catchup_runs == 14
