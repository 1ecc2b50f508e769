"""Checks of the published model: one query for each check, which finds what is wrong.

The SQL of a check is in `model/sql/checks/NAME.sql`. It returns one row for each fault. All checks
together are fast enough to run after every update.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import duckdb

from woopra_pipeline.model.database import statements
from woopra_pipeline.tables import (
    ACTIONS,
    LOG_DAYS,
    PROFILE_MERGES,
    PROFILES,
    PROPERTY_TYPES,
    REJECTED_LINES,
    RELOG_AUDIT,
    VISITS,
    Table,
)
from woopra_pipeline.woopra.log_days import LOG_TIME_ZONE, log_day_at

MOST_EXAMPLES = 10
DUE_AT = time(9)
"""When, in Los Angeles, the log day that ended at midnight should be in the model."""


@dataclass(frozen=True)
class ModelCheck:
    """A property that the model should have; `name` is also the name of its SQL file."""

    name: str
    table: Table
    """The table it is shown with."""
    description: str
    must_hold: bool = False
    """Whether the model is wrong if the check fails; otherwise somebody should look."""
    parameters: tuple[tuple[str, float], ...] = ()
    """The parameters of the SQL, by name."""


@dataclass(frozen=True)
class Finding:
    """The result of a check: how many faults there are, and some of them."""

    count: int
    columns: tuple[str, ...]
    examples: tuple[tuple[object, ...], ...]
    is_serious: bool
    """Whether the model is wrong, or too bad to be used for more."""


USUAL_NUMBER_OF_VISITS = ModelCheck(
    "usual_number_of_visits",
    LOG_DAYS,
    "In the last week, each day logged between a quarter and four times as many visits as usual "
    "in the four weeks before.",
    parameters=(("factor", 4),),
)

MODEL_CHECKS = (
    ModelCheck(
        "every_line_counted_once",
        LOG_DAYS,
        "Every line of every file is a visit, identify, delete, rejected, blank or erased one "
        "(R8).",
        must_hold=True,
    ),
    ModelCheck(
        "ledger_and_rows_agree",
        LOG_DAYS,
        "For each day, the model has as many lines and actions as its ledger says.",
        must_hold=True,
    ),
    ModelCheck(
        "days_without_gaps",
        LOG_DAYS,
        "No log day is missing between the first and the last loaded one.",
    ),
    USUAL_NUMBER_OF_VISITS,
    ModelCheck(
        "few_lines_rejected",
        REJECTED_LINES,
        "In the last week, at most one line in fifty could not be read; it is an error if one in "
        "ten could not be read on a day.",
        parameters=(("share", 0.02), ("serious_share", 0.1)),
    ),
    ModelCheck(
        "relogs_complete",
        RELOG_AUDIT,
        "Everything that a merge voided was logged again within two days (R6), unless the "
        "profile was later deleted for good: then there is nothing to do.",
        parameters=(("days_of_grace", 2),),
    ),
    ModelCheck(
        "merge_targets_known",
        PROFILE_MERGES,
        "Within two days, every merge leads to a pid that has a profile (R5).",
        parameters=(("days_of_grace", 2),),
    ),
    ModelCheck(
        "types_unchanged",
        PROPERTY_TYPES,
        "No typed column has another type than before the last log day (R11).",
    ),
    ModelCheck(
        "pinned_types_fit",
        PROPERTY_TYPES,
        "Every value fits the type that types.yml pins (R11).",
    ),
    ModelCheck(
        "places_unique",
        ACTIONS,
        "No line, and no action of a line, is in the model twice.",
        must_hold=True,
    ),
    ModelCheck(
        "deletes_void_what_came_before",
        VISITS,
        "A line lives if and only if no delete line of its pid comes after it (R1).",
        must_hold=True,
    ),
    ModelCheck(
        "typed_rows_add_up",
        PROPERTY_TYPES,
        "The values counted for the types are those of all living actions and profiles (R11).",
        must_hold=True,
    ),
    ModelCheck(
        "profiles_add_up",
        PROFILES,
        "Each profile is there once, and the profiles together have all living visits and "
        "actions (R2).",
        must_hold=True,
    ),
)


def due_log_day(now: datetime) -> date:
    """The latest log day that should be in the model at `now` (an aware datetime)."""
    hours_late = timedelta(days=1 if now.astimezone(LOG_TIME_ZONE).time() >= DUE_AT else 2)
    return log_day_at(now) - hours_late


def run_check(
    connection: duckdb.DuckDBPyConnection, check: ModelCheck, now: datetime
) -> Finding | None:
    """Run `check` on the model behind `connection`; returns None if there is no fault."""
    parameters: dict[str, object] = dict(check.parameters)
    if check is USUAL_NUMBER_OF_VISITS:
        parameters["current_day"] = log_day_at(now)
    sql = statements(f"checks/{check.name}").rstrip()
    result = connection.execute(
        f"with found as materialized (\n{sql}\n)\n"
        f"select *, (select count(*) from found) from found limit {MOST_EXAMPLES}",
        parameters,
    )
    columns = tuple(column[0] for column in result.description or ())[:-1]
    rows = result.fetchall()
    if not rows:
        return None
    serious = check.must_hold
    if "is_serious" in columns:
        serious = any(row[columns.index("is_serious")] for row in rows)
    return Finding(rows[0][-1], columns, tuple(row[:-1] for row in rows), serious)
