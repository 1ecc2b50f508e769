"""Everything Dagster is told, written down: a change of it shows in the diff of the snapshot."""

import re
import subprocess
import sys
from pathlib import Path

from dagster import AssetSpec, Definitions

import woopra_pipeline
from woopra_pipeline.definitions import definitions
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES


def asset_specs() -> dict[str, AssetSpec]:
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    return dict(sorted(specs.items()))


def test_can_be_loaded():
    Definitions.validate_loadable(definitions)


def test_what_only_runs_need_is_not_loaded():
    program = "import sys, woopra_pipeline.definitions; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "dagster" in loaded
    slow = {"altair", "httpx", "numpy", "pyarrow", "sqlalchemy", "starlette", "uvicorn"}
    assert slow.isdisjoint(loaded), (
        "import it in the function that works with it, not with the module"
    )


def test_nothing_private_of_dagster_is_imported():
    package = Path(woopra_pipeline.__file__).parent
    private = re.compile(r"^\s*(from|import) dagster\w*\._", re.MULTILINE)
    assert {path.name for path in package.rglob("*.py") if private.search(path.read_text())} == {
        # What is recorded of a person is deleted from Dagster's tables, which nothing public shows.
        "history.py"
    }


def test_assets(snapshot):
    assert {
        name: {
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "partitions": str(spec.partitions_def),
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "automation": str(spec.automation_condition),
            "fresh by": getattr(spec.freshness_policy, "deadline_cron", None),
            "metadata": sorted(spec.metadata),
        }
        for name, spec in asset_specs().items()
    } == snapshot, (
        "if this is meant, run pytest woopra_pipeline_tests/defs/test_definitions.py "
        "--snapshot-update and look at the difference"
    )


def test_steps(snapshot):
    assert {
        asset.op.name: {
            "assets": sorted(key.to_user_string() for key in asset.keys),
            "pool": asset.op.pool,
            "backfill policy": str(getattr(asset.backfill_policy, "policy_type", None)),
            "partial": asset.can_subset,
            "resources": sorted(asset.required_resource_keys),
        }
        for asset in definitions.resolve_asset_graph().assets_defs
        if asset.keys
    } == snapshot


def test_checks(snapshot):
    specs = [
        spec
        for checks in definitions.resolve_asset_graph().assets_defs
        for spec in checks.check_specs
    ]
    assert {
        f"{spec.asset_key.to_user_string()}: {spec.name}": {
            "description": spec.description,
            "blocking": spec.blocking,
            "automation": str(spec.automation_condition),
        }
        for spec in sorted(specs, key=lambda spec: (spec.asset_key, spec.name))
    } == snapshot
    assert all(spec.description for spec in specs)


def test_jobs(snapshot):
    assert {
        job.name: {
            "description": job.description,
            "steps": sorted(node.name for node in job.nodes),
            "partitions": str(job.partitions_def),
        }
        for job in definitions.resolve_all_job_defs()
    } == snapshot


def test_schedules(snapshot):
    repository = definitions.get_repository_def()
    assert {
        schedule.name: {
            "job": schedule.job_name,
            "cron": schedule.cron_schedule,
            "time zone": schedule.execution_timezone,
            "status": schedule.default_status.name,
            "description": schedule.description,
        }
        for schedule in repository.schedule_defs
    } == snapshot


def test_sensors(snapshot):
    assert {
        sensor.name: {
            "type": sensor.sensor_type.name,
            "status": sensor.default_status.name,
            "seconds": sensor.minimum_interval_seconds,
            "assets": str(sensor.asset_selection),
            "description": sensor.description,
        }
        for sensor in definitions.get_repository_def().sensor_defs
    } == snapshot


def test_resources(snapshot):
    fields = {
        name: {
            field: {"description": spec.description, "default": str(spec.default)}
            for field, spec in type(resource).model_fields.items()
        }
        for name, resource in sorted(definitions.resources.items())
    }
    assert fields == snapshot
    assert all(spec["description"] for own in fields.values() for spec in own.values())


def test_every_asset_says_what_it_is():
    assert all(spec.description for spec in asset_specs().values())


def test_every_table_shows_its_columns():
    specs = asset_specs()
    for table in (*PARSED_TABLES, *MODEL_TABLES):
        columns = specs[table.name].metadata["dagster/column_schema"].columns
        assert [(column.name, column.type, column.description) for column in columns] == [
            (column.name, column.type.value, column.comment) for column in table.columns
        ]
