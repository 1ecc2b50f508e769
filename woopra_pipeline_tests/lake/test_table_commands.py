"""The commands and the asset for the lake's tables, as they are used."""

import duckdb
import pytest
from dagster import Definitions, in_process_executor

from woopra_pipeline.archive.project import claim_archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.assets.lake_model import lake_equals_model, lake_model
from woopra_pipeline.defs.in_process import execute
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import command_line
from woopra_pipeline.defs.resources import DataDirectoryResource
from woopra_pipeline.lake.duckdb_extensions import load_extension
from woopra_pipeline.lake.engine import SPARK_VARIABLE
from woopra_pipeline.lake.location import LAKE_VARIABLE, open_lake
from woopra_pipeline.model.update import update_model
from woopra_pipeline.tables import MODEL_TABLES
from woopra_pipeline_tests.cli.conftest import CommandLineHere
from woopra_pipeline_tests.lake.days_here import log_of, make_day, replace_day
from woopra_pipeline_tests.lake.published_lakes import put_log, revisions
from woopra_pipeline_tests.lake.s3_server import SECRET_KEY
from woopra_pipeline_tests.lake.test_published_tables import LOG


@pytest.fixture
def machine(tmp_path):
    machine = CommandLineHere(tmp_path / "machine")
    claim_archive(machine.directory.raw, "shop.example")
    make_day(machine.directory, log_of(3))
    update_model(machine.directory)
    return machine


def test_tables_are_computed_checked_and_attached(machine, location, tmp_path):
    lake = {LAKE_VARIABLE: location}
    done = machine("lake", "update", **lake)
    assert done.returncode == 0, done.stderr
    assert "Computed by DuckDB" in done.stdout
    assert "are up to date: of 1 log day" in machine("lake", "update", **lake).stdout

    done = machine("lake", "check", **lake)
    assert done.returncode == 0, done.stderr
    assert [line.partition(",")[0] for line in done.stdout.splitlines()] == [
        f"{name}: equal" for name in (*(table.name for table in MODEL_TABLES), "events.view")
    ]

    done = machine("lake", "attach", **lake)
    assert done.returncode == 0, done.stderr
    assert SECRET_KEY not in done.stdout
    with duckdb.connect() as connection:
        for name in ("delta", *(("httpfs", "aws") if "s3:" in location else ())):
            load_extension(connection, name)
        # What is loaded need not be installed, but there is no network in tests to look for it.
        pasted = "\n".join(
            line for line in done.stdout.splitlines() if not line.startswith(("install ", "load "))
        )
        connection.execute(pasted)
        assert connection.execute("select count(*) from visits").fetchall() == [(3,)]
        assert connection.execute("select count(*) from events.view").fetchall() == [(3,)]


def test_a_difference_is_shown_and_fails_the_check(machine, tmp_path):
    lake = {LAKE_VARIABLE: str(tmp_path / "lake")}
    assert machine("lake", "update", **lake).returncode == 0
    replace_day(machine.directory, log_of(4))
    update_model(machine.directory)
    done = machine("lake", "check", **lake)
    assert done.returncode == 1
    assert (
        "visits: different: of 3 rows in the lake 0 are not in the model, and of 4 rows in the "
        "model 1 are not in the lake"
    ) in done.stdout
    assert "in the lake and in woopra.duckdb differ: if log_days is among them" in done.stderr


@pytest.mark.parametrize("command", ["check", "attach"])
def test_without_tables_it_is_said_what_to_do(machine, tmp_path, command):
    done = machine("lake", command, **{LAKE_VARIABLE: str(tmp_path / "lake")})
    assert done.returncode == 1
    assert "There are no tables in the lake" in done.stderr
    assert "`woopra-pipeline lake update` computes them" in done.stderr


@pytest.mark.parametrize(
    ("spark", "said"),
    [
        ("spark.example:15002", "is not the address of a server: set it to sail, or to"),
        ("sc://127.0.0.1:9/;token=s3cr3t", "server 127.0.0.1:9 cannot be reached: "),
    ],
)
def test_an_engine_that_is_none_is_said(machine, tmp_path, spark, said):
    pytest.importorskip("pyspark")
    lake = {LAKE_VARIABLE: str(tmp_path / "lake"), SPARK_VARIABLE: spark}
    done = machine("lake", "update", **lake)
    assert done.returncode == 1
    assert said in done.stderr
    assert "s3cr3t" not in done.stderr + done.stdout


def test_the_asset_computes_and_its_check_compares(tmp_path):
    directory, lake = DataDirectory(tmp_path / "here"), open_lake(str(tmp_path / "lake"))
    put_log(lake, directory, LOG)
    update_model(directory)
    definitions = Definitions(
        assets=[lake_model],
        jobs=[command_line],
        asset_checks=[lake_equals_model],
        resources={
            "data_directory": DataDirectoryResource(root=str(directory.root), lake=lake.location)
        },
        executor=in_process_executor,
    )
    with open_instance(directory) as instance:
        said: list[str] = []
        bad = execute(
            definitions,
            instance,
            directory,
            [lake_model.key],
            [],
            config={},
            listen=lambda entry: said.append(entry.user_message),
        )
        assert bad is None, said
        (record,) = instance.fetch_materializations(lake_model.key, limit=1).records
        result = lake_equals_model(definitions.resources["data_directory"])
    metadata = record.asset_materialization.metadata
    assert metadata["engine"].value == "DuckDB"
    assert revisions(lake) == {metadata["revision"].value}
    assert result.passed

    replace_day(directory, log_of(4), min(LOG))
    update_model(directory)
    result = lake_equals_model(DataDirectoryResource(root=str(directory.root), lake=lake.location))
    assert not result.passed
    assert result.severity.value == "WARN"
