"""Everything Dagster is told, written down: a change of it shows in the diff of the snapshot."""

from dagster import AssetSpec, Definitions

from woopra_pipeline.definitions import definitions
from woopra_pipeline.tables import MODEL_TABLES, PARSED_TABLES


def asset_specs() -> dict[str, AssetSpec]:
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    return dict(sorted(specs.items()))


def test_can_be_loaded():
    Definitions.validate_loadable(definitions)


def test_assets(snapshot):
    assert {
        name: {
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "partitions": str(spec.partitions_def),
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "automation": str(spec.automation_condition),
        }
        for name, spec in asset_specs().items()
    } == snapshot


def test_steps(snapshot):
    assert {
        asset.op.name: {
            "assets": sorted(key.to_user_string() for key in asset.keys),
            "pool": asset.op.pool,
            "backfill policy": str(asset.backfill_policy.policy_type),
            "partial": asset.can_subset,
            "resources": sorted(asset.required_resource_keys),
        }
        for asset in definitions.resolve_asset_graph().assets_defs
        if asset.keys
    } == snapshot


def test_checks(snapshot):
    assert (
        sorted(
            f"{key.asset_key.to_user_string()}: {key.name}"
            for key in definitions.resolve_asset_graph().asset_check_keys
        )
        == snapshot
    )


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
    assert [sensor.name for sensor in repository.sensor_defs] == snapshot(name="sensors")


def test_every_asset_says_what_it_is():
    assert all(spec.description for spec in asset_specs().values())


def test_every_table_shows_its_columns():
    specs = asset_specs()
    for table in (*PARSED_TABLES, *MODEL_TABLES):
        columns = specs[table.name].metadata["dagster/column_schema"].columns
        assert [(column.name, column.type, column.description) for column in columns] == [
            (column.name, column.type.value, column.comment) for column in table.columns
        ]
