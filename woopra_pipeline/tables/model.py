"""The public tables of `woopra.duckdb`: what users query."""

from woopra_pipeline.tables.parsed import (
    ACTION_COUNT,
    ACTIONS_LOG,
    EXTRA,
    LOG_DAY,
    LOG_LINE,
    PID,
    REJECTED_LINES_LOG,
    VISIT_FIELDS,
    VISITOR,
)
from woopra_pipeline.tables.table import Column, ColumnType, Table, required

_T = ColumnType

PROFILES = Table(
    "profiles",
    "Living profiles: one row per person, as far as Woopra knows",
    (
        required("pid", _T.VARCHAR, "Profile id"),
        required("properties", _T.JSON, "Last value of every property, in log order, keys sorted"),
        Column("email", _T.VARCHAR, "Property `email`"),
        Column("name", _T.VARCHAR, "Property `name`"),
        Column(
            "first_seen_at",
            _T.TIMESTAMPTZ,
            "Earliest time above 0 of its visits and actions",
        ),
        Column("last_seen_at", _T.TIMESTAMPTZ, "Latest time above 0 of its visits and actions"),
        required("visit_count", _T.BIGINT, "Number of its living visits"),
        required("action_count", _T.BIGINT, "Number of actions of its living visits"),
        required(
            "is_provisional",
            _T.BOOLEAN,
            "Whether a merge into it may still wait for its re-log",
        ),
    ),
)

PROFILE_PROPERTIES = Table(
    "profile_properties",
    "Properties of the living profiles, one row per key: `profiles.properties` without the JSON",
    (
        required("pid", _T.VARCHAR, "Profile id"),
        required("key", _T.VARCHAR, "Name of the property"),
        required("value", _T.JSON, "Its last value in log order"),
        Column("text", _T.VARCHAR, "The value as text: strings unquoted, NULL for a JSON null"),
        required("log_day", _T.DATE, "Log day of the line that set it"),
        required("log_line", _T.INTEGER, "1-based physical line in that day's file"),
    ),
)

VISITS = Table(
    "visits",
    "Living visits: each visit once, under the profile it belongs to now",
    (LOG_DAY, LOG_LINE, PID, *VISIT_FIELDS, VISITOR, ACTION_COUNT, EXTRA),
)

ACTIONS = Table(
    "actions",
    "Actions of living visits: each action once, under the profile it belongs to now",
    ACTIONS_LOG.columns,
)

CANONICAL_PID = Column(
    "canonical_pid", _T.VARCHAR, "pid the merges lead to today; NULL: deleted for good"
)

PROFILE_MERGES = Table(
    "profile_merges",
    "Delete lines: each voids what came before it under from_pid",
    (
        LOG_DAY,
        LOG_LINE,
        required("from_pid", _T.VARCHAR, "pid that was deleted"),
        Column("to_pid", _T.VARCHAR, "pid it was merged into; NULL: deleted, not merged"),
        CANONICAL_PID,
    ),
)

RELOG_AUDIT = Table(
    "relog_audit",
    "Delete lines with a to_pid: whether the actions they voided were logged again on its path",
    (
        LOG_DAY,
        LOG_LINE,
        required("from_pid", _T.VARCHAR, "pid that was deleted"),
        required("to_pid", _T.VARCHAR, "pid it was merged into"),
        required("action_count", _T.BIGINT, "Actions it voided"),
        required("relogged_count", _T.BIGINT, "Actions of these that were logged again since"),
        required("missing_count", _T.BIGINT, "Actions of these that were not"),
    ),
)

PID_ALIASES = Table(
    "pid_aliases",
    "Every pid ever seen and where its latest data lives now",
    (
        required("pid", _T.VARCHAR, "pid of any line, or a merge's target"),
        CANONICAL_PID,
        required("hops", _T.INTEGER, "Number of merges followed to get there; 0: it is its own"),
    ),
)

LOG_DAYS = Table(
    "log_days",
    "Log days in the model, with every physical line of their files accounted for",
    (
        required("log_day", _T.DATE, "Log day (Pacific calendar)"),
        required("line_count", _T.BIGINT, "Physical lines; the sum of the five counts by kind"),
        required("visit_count", _T.BIGINT, "Visit lines"),
        required("identify_count", _T.BIGINT, "Identify lines"),
        required("delete_count", _T.BIGINT, "Delete lines"),
        required("rejected_count", _T.BIGINT, "Lines that could not be read"),
        required("blank_count", _T.BIGINT, "Lines of white space only"),
        required("action_count", _T.BIGINT, "Actions on the visit lines"),
        required("is_open", _T.BOOLEAN, "Whether the day was not over yet: its lines so far"),
        required("raw_bytes", _T.BIGINT, "Size of the day's file in bytes, uncompressed"),
        required("raw_sha256", _T.VARCHAR, "SHA-256 of the day's file, uncompressed"),
        required("fetched_at", _T.TIMESTAMPTZ, "When the file was downloaded"),
        required("applied_at", _T.TIMESTAMPTZ, "When the day was applied to the model"),
    ),
)

REJECTED_LINES = Table("rejected_lines", REJECTED_LINES_LOG.comment, REJECTED_LINES_LOG.columns)

MODEL_TABLES = (
    PROFILES,
    PROFILE_PROPERTIES,
    VISITS,
    ACTIONS,
    PROFILE_MERGES,
    RELOG_AUDIT,
    PID_ALIASES,
    LOG_DAYS,
    REJECTED_LINES,
)
