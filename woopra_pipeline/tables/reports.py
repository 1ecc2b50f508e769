"""The reports of `woopra.duckdb`: table macros, which every client that opens the file can call.

A `TableMacro` declares what a macro answers, its parameters and its columns. Its SQL is in
`model/sql/reports/NAME.sql`. `docs/reports.md` shows each.
"""

from dataclasses import dataclass

from woopra_pipeline.tables.table import Column, ColumnType, Table, required

_T = ColumnType


@dataclass(frozen=True)
class Parameter:
    """A parameter of a macro: its name, its meaning, and its default as SQL."""

    name: str
    comment: str
    default: str | None = None
    """None: it must be given, by position. The others are given by name (`grain := 'week'`)."""


@dataclass(frozen=True)
class TableMacro(Table):
    """A report: a table that is computed from its parameters."""

    parameters: tuple[Parameter, ...]


SINCE_UNTIL_TZ = (
    Parameter("since", "First day; by default the first log day", "null"),
    Parameter("until", "Last day, included; by default the last log day", "null"),
    Parameter("tz", "Time zone of the days and weeks", "'America/Los_Angeles'"),
)
STARTED_SINCE_UNTIL_TZ = (
    Parameter("since", "First day on which it may begin; by default any", "null"),
    Parameter("until", "Last day on which it may begin, included; by default any", "null"),
    Parameter("tz", "Time zone of the days", "'America/Los_Angeles'"),
)
EVENT = Parameter("event", "Name of an action; NULL: any")
GRAIN = "day, week (from Monday), month, quarter or year"

_COUNTS = (
    required("people", _T.BIGINT, "Profiles that did it"),
    required("visits", _T.BIGINT, "Visits in which it was done"),
    required("actions", _T.BIGINT, "How often it was done"),
)

TREND = TableMacro(
    "trend",
    "How often something was done, in every period of a range of days",
    (required("period", _T.DATE, "First day of the period"), *_COUNTS),
    (EVENT, Parameter("grain", GRAIN, "'day'"), *SINCE_UNTIL_TZ),
)

TREND_BY = TableMacro(
    "trend_by",
    "A trend, split by a property of the actions",
    (
        required("period", _T.DATE, "First day of the period"),
        Column("value", _T.VARCHAR, "Value of the property as text, (other), or NULL for none"),
        *_COUNTS,
    ),
    (
        EVENT,
        Parameter("property", "Name of a property of the action"),
        Parameter("grain", GRAIN, "'day'"),
        Parameter("top", "How many values have rows of their own", "8"),
        *SINCE_UNTIL_TZ,
    ),
)

FUNNEL = TableMacro(
    "funnel",
    "How many people go from one step to the next",
    (
        required("step", _T.BIGINT, "Number of the step, from 1"),
        Column("event", _T.VARCHAR, "Name of the action"),
        required("people", _T.BIGINT, "Profiles that reached it"),
        Column("of_first", _T.DOUBLE, "Share of those that did the first step"),
        Column("of_previous", _T.DOUBLE, "Share of those that reached the step before"),
        Column("median_seconds", _T.DOUBLE, "Median of the seconds since the step before"),
    ),
    (
        Parameter("steps", "List of names of actions, in order"),
        Parameter("days", "Within how many times 24 hours after the first of them", "30"),
        *STARTED_SINCE_UNTIL_TZ,
    ),
)

RETENTION = TableMacro(
    "retention",
    "Who comes back, by the period in which they first came",
    (
        required("cohort", _T.DATE, "First day of the period in which they did the first event"),
        required("size", _T.BIGINT, "Profiles that did it then for the first time"),
        required("period", _T.BIGINT, "How many periods later"),
        Column("people", _T.BIGINT, "Of these, how many came; NULL: the period is not over"),
        Column("share", _T.DOUBLE, "The same as a share; NULL too if there are none"),
    ),
    (
        Parameter("first_event", "Name of the action that counts as coming; NULL: any"),
        Parameter("again_event", "Name of the action that counts as coming back; NULL: any"),
        Parameter("grain", GRAIN, "'week'"),
        Parameter("periods", "How many periods, the first one (0) included", "8"),
        *SINCE_UNTIL_TZ,
    ),
)

JOURNEYS = TableMacro(
    "journeys",
    "What people did most often after an event",
    (
        required("journey", _T.VARCHAR_LIST, "Names of the actions in order, the first included"),
        required("people", _T.BIGINT, "Profiles that made this journey"),
        required("share", _T.DOUBLE, "Share of all that did the first action"),
    ),
    (
        Parameter("start", "Name of the action with which it begins"),
        Parameter("depth", "How many actions after it", "4"),
        Parameter("top", "How many journeys", "20"),
        Parameter("repeats", "Whether the same action again is a step of its own", "false"),
        *STARTED_SINCE_UNTIL_TZ,
    ),
)

TIMELINE = TableMacro(
    "timeline",
    "Everything a person did, with the merges of the profile",
    (
        required("place", _T.BIGINT, "Number of the row in the order of time, from 1"),
        Column("occurred_at", _T.TIMESTAMPTZ, "When it happened; NULL for merges"),
        required("kind", _T.VARCHAR, "visit, action or merge"),
        Column(
            "name",
            _T.VARCHAR,
            "Name of an action, type of a visit's referrer, pid that was merged",
        ),
        Column("properties", _T.JSON, "Other details"),
        required("log_day", _T.DATE, "Log day (Pacific calendar) whose file has the line"),
        required("log_line", _T.INTEGER, "1-based physical line in that day's file"),
        Column("action_index", _T.INTEGER, "0-based place of an action in its visit"),
    ),
    (Parameter("any_pid", "Any pid the person ever had"),),
)

REPORT_MACROS: tuple[TableMacro, ...] = (TREND, TREND_BY, FUNNEL, RETENTION, JOURNEYS, TIMELINE)
