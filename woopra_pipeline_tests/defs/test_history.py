"""What Dagster recorded of a person is deleted from its storage, down to the bytes of its files."""

import pytest
from dagster import AssetMaterialization, MetadataValue, job, op

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.history import forget_runs
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.privacy.plan import Identifier
from woopra_pipeline.privacy.verification import search_runs

ADA = Identifier("email", "ada@example.com")
PID = Identifier("profile id", "teI53ztajO7N")


@op(config_schema=str)
def shows_a_preview(context):
    """What versions before this one did."""
    context.log_event(
        AssetMaterialization("people", metadata={"preview": MetadataValue.md(context.op_config)})
    )


@job
def shows():
    shows_a_preview()


def run(instance, text):
    config = {"ops": {"shows_a_preview": {"config": text}}}
    return shows.execute_in_process(instance=instance, run_config=config).run_id


@pytest.fixture
def directory(tmp_path):
    return DataDirectory(tmp_path)


def test_runs_that_named_somebody_are_deleted_and_others_stay(directory):
    with open_instance(directory) as instance:
        of_ada = run(instance, "| ADA@example.com | Ada | Graz |")
        of_bob = run(instance, "| bob@example.com | Bob | Ulm |")
        again = run(instance, "| teI53ztajO7N | 203.0.113.9 |")
    stored = directory.dagster / "storage" / of_ada / "result"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"ada@example.com")
    assert search_runs(directory, [ADA])
    forgotten = forget_runs(directory, [ADA, PID])
    assert (forgotten.run_count, forgotten.left) == (2, ())
    assert search_runs(directory, [ADA, PID]) == ()
    assert not stored.exists()
    for path in directory.dagster.rglob("*"):
        if path.is_file():
            assert b"Graz" not in path.read_bytes()
            assert b"203.0.113.9" not in path.read_bytes()
    with open_instance(directory) as instance:
        assert [one.run_id for one in instance.get_runs()] == [of_bob]
        assert instance.all_logs(of_bob)
        assert not instance.all_logs(again)
        assert run(instance, "another") in {one.run_id for one in instance.get_runs()}
    assert forget_runs(directory, [ADA, PID]).run_count == 0


def test_a_run_that_goes_on_stays_and_is_named(directory):
    with open_instance(directory) as instance:
        config = {"ops": {"shows_a_preview": {"config": ADA.value}}}
        going_on = instance.create_run_for_job(shows, run_config=config)
        forgotten = forget_runs(directory, [ADA])
    assert forgotten.run_count == 0
    assert f"run {going_on.run_id}, which is still going on" in forgotten.left
