"""The checks as Dagster runs them: with every run, and standing in the way of wrong data."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
import time_machine
from dagster import AssetCheckSeverity, AssetKey

from woopra_pipeline.defs.instance import open_instance
from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.checks import MODEL_CHECKS, MOST_EXAMPLES
from woopra_pipeline.model.database import connect
from woopra_pipeline.parse.parsed_days import find_parsed_day, write_manifest
from woopra_pipeline_tests.model.parsed_files import put_day

DAYS = FIRST, SECOND = "2026-01-01", "2026-01-02"
THIRD = "2026-01-03"
OF_DAYS = {"no_file_held_back", "every_line_accounted"}
ALL_CHECKS = {*OF_DAYS, "up_to_date", *(check.name for check in MODEL_CHECKS)}


def evaluations(project, asset=None):
    """The latest of each check that was run, of all assets or of one."""
    with open_instance(project.directory) as instance:
        keys = project.definitions.resolve_asset_graph().asset_check_keys
        records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
        return {
            key.name: record.event.dagster_event.event_specific_data
            for key, record in records.items()
            if record.event is not None and asset in (None, key.asset_key.to_user_string())
        }


def materialize(project, *assets):
    with open_instance(project.directory) as instance:
        job = project.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=instance,
            asset_selection=list(map(AssetKey, assets)),
            raise_on_error=False,
        )


def spoil_count(project, log_day):
    """Make the parsed day claim a line that is not in its file."""
    day = find_parsed_day(project.directory.parsed, date.fromisoformat(log_day))
    write_manifest(dataclasses.replace(day, rejected_count=day.rejected_count + 1))


def test_a_backfill_runs_all_checks(project):
    with time_machine.travel(datetime(2026, 1, 3, 20, tzinfo=UTC), tick=True):
        project.backfill(*DAYS)
    found = evaluations(project)
    assert set(found) == ALL_CHECKS
    assert [name for name, check in found.items() if not check.passed] == []
    for name in OF_DAYS:
        assert set(project.checks_by_day(name)) == set(DAYS)
    for asset in ("raw_export", "visits_log", "log_days"):
        assert evaluations(project, asset)["up_to_date"].metadata["days_behind"].value == 0


def test_a_check_that_fails_says_what_it_found(project):
    project.begin_after_backfill(FIRST, FIRST)
    project.backfill("2026-01-04", "2026-01-04")
    gap = evaluations(project)["days_without_gaps"]
    assert not gap.passed
    assert gap.severity is AssetCheckSeverity.WARN
    assert gap.metadata["found"].value == 1
    [row] = gap.metadata["examples"].records
    assert row.data == {
        "first_missing_day": "2026-01-02",
        "last_missing_day": "2026-01-03",
        "days": 2,
    }


def log_of(lines):
    """A day's file in which all lines but one cannot be read."""
    return b'{"type":"visit","pid":"a"}\n' + b"none\n" * (lines - 1)


def test_a_check_of_the_model_names_the_days_it_is_about(project):
    for day, lines in ((FIRST, 2), (SECOND, 1), (THIRD, 3)):
        put_day(project.directory, date.fromisoformat(day), log_of(lines))
    materialize(project, "rejected_lines")
    check = evaluations(project)["few_lines_rejected"]
    assert (check.passed, check.severity) == (False, AssetCheckSeverity.ERROR)
    assert check.description == f"Log days {FIRST}, {THIRD}."


def test_a_check_that_finds_much_says_that_there_is_more(project):
    delete = b'{"type":"delete","pid":"a","new_id":"b"}\n'
    put_day(project.directory, date.fromisoformat(FIRST), delete * (MOST_EXAMPLES + 1))
    put_day(project.directory, date.fromisoformat(THIRD), b"")
    materialize(project, "profile_merges")
    check = evaluations(project)["merge_targets_known"]
    assert check.metadata["found"].value == MOST_EXAMPLES + 1
    assert check.description == f"Log day {FIRST}, and more."


def test_a_type_that_changed_is_a_warning_with_the_line_at_fault(project):
    for day, amount in ((FIRST, "1"), (SECOND, '"n/a"')):
        properties = f'{{"amount":{amount}}}'
        line = (
            f'{{"type":"visit","pid":"a","actions":[{{"name":"buy","properties":{properties}}}]}}'
        )
        put_day(project.directory, date.fromisoformat(day), line.encode())
        materialize(project, "property_types")
    check = evaluations(project)["types_unchanged"]
    assert not check.passed
    assert check.severity is AssetCheckSeverity.WARN
    [row] = check.metadata["examples"].records
    assert row.data == {
        **{"event": "buy", "key": "amount", "earlier_type": "BIGINT", "type": "VARCHAR"},
        **{"log_day": SECOND, "log_line": 1},
    }


def test_a_day_that_was_not_counted_right_is_alone_bad(project):
    project.begin_after_backfill(FIRST, SECOND)
    spoil_count(project, SECOND)
    with pytest.raises(ModelError, match=f"{SECOND} has .* were counted as it was parsed"):
        project.backfill(FIRST, SECOND)
    check = project.checks_by_day("every_line_accounted")
    assert {day: found.passed for day, found in check.items()} == {FIRST: True, SECOND: False}
    assert check[SECOND].severity is AssetCheckSeverity.ERROR
    assert project.failed_partitions("visits_log") == {SECOND}
    assert project.failed_partitions("raw_export") == set()


def test_what_was_not_counted_right_does_not_come_into_the_model(project):
    project.begin_after_backfill(FIRST, FIRST)
    spoil_count(project, FIRST)
    with pytest.raises(ModelError, match="The model stays as it is"):
        project.backfill(SECOND, SECOND)
    with connect(project.directory.published_model, read_only=True) as connection:
        assert connection.sql("select log_day from log_days").fetchall() == [(date(2026, 1, 1),)]


def test_nothing_is_built_on_a_model_that_is_wrong(project):
    project.begin_after_backfill(FIRST, FIRST)
    build = project.directory.model / "build.duckdb"
    with connect(build) as connection:
        connection.execute("update log.days set line_count = line_count + 1")
        connection.execute("update log.state set revision = 'another'")
    result = materialize(project, "log_days", "project_report")
    assert not result.success
    [evaluation] = [
        found
        for found in result.get_asset_check_evaluations()
        if found.check_name == "every_line_counted_once"
    ]
    assert (evaluation.passed, evaluation.severity) == (False, AssetCheckSeverity.ERROR)
    assert len(project.materializations("project_report")) == 1


def test_only_the_checks_of_what_is_made_are_run(project):
    project.begin_after_backfill(FIRST, FIRST)
    result = materialize(project, "profiles")
    assert {found.check_name for found in result.get_asset_check_evaluations()} == {
        "profiles_add_up"
    }


@pytest.mark.parametrize(
    ("now", "passed"),
    [
        pytest.param(datetime(2026, 1, 3, 16, 59, tzinfo=UTC), True, id="before it is due"),
        pytest.param(datetime(2026, 1, 3, 17, 1, tzinfo=UTC), False, id="when it is due"),
    ],
)
def test_a_model_that_falls_behind_is_told_by_the_time_of_los_angeles(project, now, passed):
    project.begin_after_backfill(FIRST, FIRST)
    with time_machine.travel(now, tick=True):
        materialize(project, "log_days")
    check = evaluations(project, "log_days")["up_to_date"]
    assert (check.passed, check.severity) == (passed, AssetCheckSeverity.ERROR)
    assert check.metadata["days_behind"].value == (0 if passed else 1)
