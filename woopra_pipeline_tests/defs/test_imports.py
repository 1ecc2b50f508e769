"""Imports as Dagster runs them: materialized day by day, verified, checked."""

from datetime import date, timedelta

import pytest
from dagster import AssetCheckSeverity, Definitions, in_process_executor, materialize

from woopra_pipeline.clock import frozen_clock, system_clock
from woopra_pipeline.defs import import_checks
from woopra_pipeline.defs.assets.imports import import_batches, import_verification
from woopra_pipeline.defs.import_checks import few_imported_lines_rejected, nothing_unknown_for_long
from woopra_pipeline.defs.import_run import run_imports
from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.defs.jobs import command_line
from woopra_pipeline.defs.resources import DataDirectoryResource, ImportsResource, WoopraResource
from woopra_pipeline.errors import UnusableLedgerError
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.imports.conftest import NOON, write_source
from woopra_pipeline_tests.imports.import_server import ImportServer, Mood
from woopra_pipeline_tests.model.parsed_files import put_day

DAY = date(2026, 3, 5)
VISITS = (
    "select {'email': 'a' || i} as visitor, [{'name': 'order', 'time': "
    f"{NOON} + i, 'properties': {{'day': $log_day}}}}] as actions from range(3) r(i)"
)


@pytest.fixture
def server():
    with ImportServer() as running:
        yield running


class Imports:
    def __init__(self, directory, server):
        self.directory = directory
        settings = settings_for(base_url=server.base_url)
        self.resources = {
            "woopra": WoopraResource(
                project=settings.project,
                app_id=settings.app_id,
                secret_key=settings.secret_key,
                base_url=settings.base_url,
                rate_budget=False,
                first_backoff=0.001,
            ),
            "data_directory": DataDirectoryResource(root=str(directory.root)),
            "imports": ImportsResource(),
        }

    def run(self, day=DAY, sources=(), dry_run=False):
        """What was said, and why the day failed."""
        said = []
        definitions = Definitions(
            assets=[import_batches],
            jobs=[command_line],
            resources=self.resources,
            executor=in_process_executor,
        )
        with open_instance(self.directory) as instance:
            problem = run_imports(
                definitions,
                instance,
                self.directory,
                day,
                sources=sources,
                dry_run=dry_run,
                notify=said.append,
            )
        return said, problem

    def materialize(self, assets, **arguments):
        return materialize(assets, resources=self.resources, raise_on_error=False, **arguments)

    def states(self):
        with Ledger(self.directory, system_clock) as ledger:
            return ledger.line_counts()


@pytest.fixture
def imports(project, server):
    return Imports(project.directory, server)


def test_without_config_all_sources_are_imported(project, imports, server):
    write_source(project.directory, "one", VISITS)
    write_source(project.directory, "two", "select {'email': 'b'} as visitor")
    said, problem = imports.run()
    assert problem is None
    assert said == [
        "2026-03-05: one: 3 rows, 3 new lines; of this day so far: 3 accepted; "
        "two: 1 row, 1 new line; of this day so far: 1 accepted"
    ]
    assert len(server.taken) == 4
    [record] = project.materializations("import_batches")
    metadata = record.asset_materialization.metadata
    assert record.partition_key == "2026-03-05"
    assert metadata["dagster/partition_row_count"].value == 4
    assert metadata["batches"].value == 2
    assert metadata["bytes"].value == sum(len(line) + 1 for line in server.taken)
    assert [row.data["source"] for row in metadata["sources"].records] == ["one", "two"]


def test_config_names_sources_and_asks_for_a_dry_run(project, imports, server):
    write_source(project.directory, "one", VISITS)
    write_source(project.directory, "two", "select {'email': 'b'} as visitor")
    imports.run(sources=["two"], dry_run=True)
    assert server.bodies == []
    imports.run(sources=["two"])
    assert server.taken == ['{"visitor":{"email":"b"}}']


def test_a_bad_source_costs_no_other(project, imports, server):
    write_source(project.directory, "bad", "select nothing")
    write_source(project.directory, "good", VISITS)
    _, problem = imports.run()
    assert "bad.sql cannot be run" in problem
    assert len(server.taken) == 3


def test_a_backfill_sends_its_days_in_order(project, imports, server):
    write_source(project.directory, "it", VISITS)
    server.draws(Mood.FINE, Mood.UNAUTHORIZED)
    result = imports.materialize(
        [import_batches],
        tags={
            "dagster/asset_partition_range_start": "2026-03-05",
            "dagster/asset_partition_range_end": "2026-03-08",
        },
    )
    assert not result.success
    assert len(server.bodies) == 2
    for day in range(5, 9):
        imports.run(date(2026, 3, day))
    days = [line.split('"day":"')[1][:10] for line in server.taken]
    assert days == sorted(days)
    assert len(days) == 12


def test_the_first_rejected_lines_are_shown_with_their_reasons(project, imports, server):
    sql = VISITS.replace("$log_day", "if(i = 1, 'unacceptable', '')")
    write_source(project.directory, "it", f"{sql} union all select {{'email': ''}}, []")
    imports.run()
    [record] = project.materializations("import_batches")
    rows = [row.data for row in record.asset_materialization.metadata["first_rejected"].records]
    assert [row["reason"].split(":")[0] for row in rows] == [
        "visitor has no identifier",
        "status 400",
    ]


def test_verification_settles_what_the_log_shows(project, imports, server, monkeypatch):
    write_source(project.directory, "it", VISITS)
    server.draws(Mood.LOST_REQUEST)
    imports.run()
    today = system_clock().date()
    for day in range(-3, 2):
        put_day(project.directory, today + timedelta(day), b"")
    update_model(project.directory)
    later = frozen_clock(system_clock() + timedelta(days=3))
    monkeypatch.setattr("woopra_pipeline.defs.assets.imports.system_clock", later)
    result = imports.materialize([import_verification])
    assert result.success
    [materialization] = result.asset_materializations_for_node("import_verification")
    assert materialization.metadata["absent"].value == 1
    assert imports.states() == {"planned": 3}
    [check] = result.get_asset_check_evaluations()
    assert check.passed


def test_a_batch_that_is_unknown_for_long_is_an_error(project, imports, server, monkeypatch):
    write_source(project.directory, "it", VISITS)
    server.draws(Mood.LOST_ANSWER)
    imports.run()
    data_directory = imports.resources["data_directory"]
    assert nothing_unknown_for_long(data_directory).passed
    later = frozen_clock(system_clock() + timedelta(days=3))
    monkeypatch.setattr(import_checks, "system_clock", later)
    result = nothing_unknown_for_long(data_directory)
    assert not result.passed
    assert result.severity is AssetCheckSeverity.ERROR
    assert result.metadata["lines"].value == 3


def test_many_rejected_lines_are_warned_of(project, imports):
    write_source(project.directory, "it", VISITS)
    imports.run()
    data_directory = imports.resources["data_directory"]
    assert few_imported_lines_rejected(data_directory, ImportsResource()).passed
    write_source(project.directory, "bad", "select {'name': 'x'} as visitor")
    imports.run()
    result = few_imported_lines_rejected(data_directory, ImportsResource())
    assert not result.passed
    assert result.severity is AssetCheckSeverity.WARN
    assert result.metadata["bad"].value == 1.0
    assert result.description.startswith(f"bad: 1 of 1 line of {DAY}. Look at them with ")


def test_without_sources_there_is_nothing_to_do(project, imports):
    said, problem = imports.run()
    assert problem is None
    assert said == ["2026-03-05: there are no import sources"]


def test_without_its_ledger_the_import_and_its_checks_say_so(project, imports, server):
    write_source(project.directory, "it", VISITS)
    imports.run()
    (project.directory.imports / "ledger.sqlite").unlink()
    _, problem = imports.run()
    assert "--rebuild-ledger" in problem
    data_directory = imports.resources["data_directory"]
    with pytest.raises(UnusableLedgerError, match="--rebuild-ledger"):
        nothing_unknown_for_long(data_directory)
    with pytest.raises(UnusableLedgerError, match="--rebuild-ledger"):
        few_imported_lines_rejected(data_directory, ImportsResource())
    assert len(server.taken) == 3
