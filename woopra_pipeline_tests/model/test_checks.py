"""Each check passes on a right model, and on one that is wrong in its way it says where."""

import shutil
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.checks import MODEL_CHECKS, MOST_EXAMPLES, run_check
from woopra_pipeline.model.database import connect, connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day

FIRST = date(2026, 1, 1)
NOON = datetime(2026, 2, 1, 20, tzinfo=UTC)
"""Noon in Los Angeles, the day after the last one that is loaded."""
DAYS = 31


def visit(pid, time, name="pv"):
    actions = [{"name": name, "time": time}, {"name": name, "time": time + 1}]
    return {"type": "visit", "pid": pid, "time": time, "actions": actions}


def file_of(number):
    """Two people visit each day; on every tenth one merges into the other and is logged again."""
    time = 1767290400000 + number * 86_400_000
    lines = [visit(f"p{number}", time), visit(f"q{number}", time + 5000)]
    lines.append({"type": "identify", "pid": f"p{number}", "time": 0, "visitor": {"email": "e"}})
    if number % 10 == 0:
        lines.append({"type": "delete", "pid": f"q{number}", "new_id": f"p{number}"})
        lines.append(visit(f"p{number}", time + 5000))
    return b"\n".join(map(orjson.dumps, lines)) + b"\n\n"


@pytest.fixture(scope="module")
def right_model(tmp_path_factory):
    directory = DataDirectory(tmp_path_factory.mktemp("right"))
    for number in range(DAYS):
        put_day(directory, FIRST + timedelta(number), file_of(number))
    update_model(directory)
    return directory.published_model


@pytest.fixture
def findings(right_model, tmp_path):
    """Runs all checks on a copy of the right model, after tampering with it."""

    def find(*tampering, now=NOON):
        copy = tmp_path / "copy.duckdb"
        shutil.copyfile(right_model, copy)
        with connect(copy) as connection:
            for statement in tampering:
                connection.execute(statement)
        with connect(copy, read_only=True) as connection:
            results = {check.name: run_check(connection, check, now) for check in MODEL_CHECKS}
        return {name: finding for name, finding in results.items() if finding}

    return find


def test_a_right_model_passes_all(findings):
    assert findings() == {}


def test_an_empty_model_passes_all(tmp_path):
    directory = DataDirectory(tmp_path)
    update_model(directory)
    with connect_published(directory) as connection:
        assert [run_check(connection, check, NOON) for check in MODEL_CHECKS] == [None] * len(
            MODEL_CHECKS
        )


DELETE_OF_Q10 = "(select log_position from log.deletes where pid = 'q10')"


@pytest.mark.parametrize(
    ("tampering", "expected"),
    [
        pytest.param(
            "update log.days set line_count = line_count + 1 where log_day = '2026-01-05'",
            {"every_line_counted_once": (1, True)},
            id="a line of a file is not accounted for",
        ),
        pytest.param(
            "update log.days set visit_count = 1, identify_count = 2 where log_day = '2026-01-05'",
            {"ledger_and_rows_agree": (2, True)},
            id="the ledger counts other lines than there are",
        ),
        pytest.param(
            "update log.days set action_count = 5 where log_day = '2026-01-05'",
            {"ledger_and_rows_agree": (2, True)},
            id="the ledger counts other actions than there are",
        ),
        pytest.param(
            "delete from log.days where log_day in ('2026-01-30', '2026-01-31')",
            {"ledger_and_rows_agree": (2, True)},
            id="rows of days that the ledger does not know",
        ),
        pytest.param(
            "insert into log.rejected_lines select log_day, 9, 'no JSON', '{', "
            "log_position(log_day, 9) from log.days where log_day = '2026-01-05'",
            {"ledger_and_rows_agree": (2, True)},
            id="a rejected line that the ledger does not count",
        ),
        pytest.param(
            "insert into log.actions select * from log.actions where pid = 'p7'",
            {
                "ledger_and_rows_agree": (2, True),
                "places_unique": (2, True),
                "profiles_add_up": (1, True),
                "typed_rows_add_up": (1, True),
            },
            id="actions twice",
        ),
        pytest.param(
            "insert into log.lines select * from log.lines where pid = 'p7' and type = 'identify'",
            {"ledger_and_rows_agree": (2, True), "places_unique": (1, True)},
            id="a line twice",
        ),
        pytest.param(
            f"update log.actions set voided_by = null where voided_by = {DELETE_OF_Q10}",
            {
                "deletes_void_what_came_before": (2, True),
                "profiles_add_up": (1, True),
                "typed_rows_add_up": (1, True),
            },
            id="actions that outlive a delete line",
        ),
        pytest.param(
            f"update log.lines set voided_by = null where voided_by = {DELETE_OF_Q10}",
            {"deletes_void_what_came_before": (1, True), "profiles_add_up": (1, True)},
            id="a visit that outlives a delete line",
        ),
        pytest.param(
            f"update log.lines set voided_by = {DELETE_OF_Q10} where pid = 'p7'",
            {"deletes_void_what_came_before": (2, True), "profiles_add_up": (1, True)},
            id="lines void by a delete line of another pid",
        ),
        pytest.param(
            f"update log.lines set voided_by = {DELETE_OF_Q10}, pid = 'q10' where pid = 'p11'",
            {"deletes_void_what_came_before": (2, True), "profiles_add_up": (1, True)},
            id="lines void by an earlier delete line",
        ),
        pytest.param(
            "update profiles set visit_count = visit_count + 1 where pid = 'p7'",
            {"profiles_add_up": (1, True)},
            id="a profile that counts a visit too many",
        ),
        pytest.param(
            "insert into profiles select * replace (0 as visit_count, 0 as action_count) "
            "from profiles where pid = 'p7'",
            {"profiles_add_up": (1, True), "typed_rows_add_up": (2, True)},
            id="a profile twice",
        ),
        pytest.param(
            "delete from log.people where pid = 'p7'",
            {"typed_rows_add_up": (1, True)},
            id="a profile without typed properties",
        ),
        pytest.param(
            "insert into log.type_changes values "
            "('pv', 'amount', 'BIGINT', 'VARCHAR', '2026-01-05', 2)",
            {"types_unchanged": (1, False)},
            id="a column of another type than before",
        ),
        pytest.param(
            "update log.typed_columns set type = 'BIGINT', is_pinned = true where key = 'email'",
            {"pinned_types_fit": (1, False)},
            id="values that a pinned type cannot take",
        ),
        pytest.param(
            "update log.audits set relogged_count = 1 where log_position = " + DELETE_OF_Q10,
            {"relogs_complete": (1, False)},
            id="an action that was not logged again",
        ),
        pytest.param(
            "update log.audits set relogged_count = 1 where log_position = "
            + DELETE_OF_Q10.replace("q10", "q30"),
            {},
            id="an action that may still be logged again",
        ),
        pytest.param(
            "update log.merges set canonical_pid = null where from_pid = 'q10'; "
            "update log.audits set relogged_count = 1 where log_position = " + DELETE_OF_Q10,
            {},
            id="an action that was not logged again of a profile that was deleted for good",
        ),
        pytest.param(
            "update log.merges set canonical_pid = 'nobody' where from_pid = 'q10'",
            {"merge_targets_known": (1, False)},
            id="a merge into a pid without a profile",
        ),
        pytest.param(
            "update log.merges set canonical_pid = 'nobody' where from_pid = 'q30'",
            {},
            id="a merge into a pid that may still get a profile",
        ),
        pytest.param(
            "update log.merges set to_pid = null, canonical_pid = null where from_pid = 'q10'",
            {},
            id="a profile that was deleted for good",
        ),
    ],
)
def test_a_wrong_model_is_found_out(findings, tampering, expected):
    found = findings(tampering)
    assert {name: (f.count, f.is_serious) for name, f in found.items()} == expected


def test_a_gap_is_named(findings):
    found = findings("delete from log.days where log_day between '2026-01-10' and '2026-01-12'")
    gap = found["days_without_gaps"]
    assert gap.columns == ("first_missing_day", "last_missing_day", "days")
    assert gap.examples == ((date(2026, 1, 10), date(2026, 1, 12), 3),)
    assert not gap.is_serious


@pytest.mark.parametrize(
    ("rejected", "line_count", "is_serious"),
    [
        pytest.param(0, 10_000, None, id="none"),
        pytest.param(200, 10_000, None, id="one in fifty"),
        pytest.param(201, 10_000, False, id="more: a warning"),
        pytest.param(1_001, 10_000, True, id="more than one in ten: an error"),
    ],
)
def test_rejected_lines_are_a_warning_then_an_error(findings, rejected, line_count, is_serious):
    found = findings(
        f"update log.days set rejected_count = {rejected}, line_count = {line_count} "
        "where log_day = '2026-01-30'"
    ).get("few_lines_rejected")
    assert (found.is_serious if found else None) == is_serious


def test_rejected_lines_of_long_ago_are_left_alone(findings):
    found = findings("update log.days set rejected_count = line_count where log_day < '2026-01-20'")
    assert "few_lines_rejected" not in found


@pytest.mark.parametrize(
    ("visits", "is_usual"),
    [
        pytest.param(0, False, id="none"),
        pytest.param(24, False, id="less than a quarter"),
        pytest.param(25, True, id="a quarter"),
        pytest.param(400, True, id="four times as many"),
        pytest.param(401, False, id="more than four times"),
    ],
)
def test_a_day_is_compared_with_the_weeks_before_it(findings, visits, is_usual):
    found = findings(
        "update log.days set visit_count = 100",
        f"update log.days set visit_count = {visits} where log_day = '2026-01-31'",
    )
    assert ("usual_number_of_visits" not in found) == is_usual


def test_a_day_that_still_grows_is_not_compared(findings):
    tampering = [
        "update log.days set visit_count = 100",
        "update log.days set visit_count = 1 where log_day = '2026-01-31'",
    ]
    assert "usual_number_of_visits" in findings(*tampering)
    assert "usual_number_of_visits" not in findings(*tampering, now=NOON - timedelta(days=1))


def test_what_is_usual_is_not_known_from_a_few_days(findings):
    found = findings(
        "delete from log.days where log_day < '2026-01-18'",
        "update log.days set visit_count = 1000 where log_day = '2026-01-31'",
    )
    assert "usual_number_of_visits" not in found


def test_only_some_of_many_findings_are_shown(findings):
    found = findings("update log.days set line_count = line_count + 1")["every_line_counted_once"]
    assert found.count == DAYS
    assert len(found.examples) == MOST_EXAMPLES
