"""The public tables of `woopra.duckdb`: what users query.

A `ModelTable` declares what a table means, from which tables of the log it is made, and whether it
is stored or a view. The comments in the database, the lineage and Dagster's assets follow from it.
`docs/model.md` says how to add one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from woopra_pipeline.tables.parsed import (
    ACTION_COUNT,
    ACTIONS_LOG,
    DELETES_LOG,
    EXTRA,
    LOG_DAY,
    LOG_LINE,
    PARSED_TABLES,
    PID,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISIT_FIELDS,
    VISITOR,
    VISITS_LOG,
)
from woopra_pipeline.tables.table import Column, ColumnType, Table, required

_T = ColumnType


@dataclass(frozen=True)
class ModelTable(Table):
    """A public table of the model.

    Raises `ValueError` if a column does not say what it is made of.
    """

    made_of: tuple[Table, ...]
    """The tables of the log that decide which rows it has, and their values."""
    is_view: bool = True
    """Whether `model/sql/views/NAME.sql` makes it; otherwise a stage of an update fills it."""

    def __post_init__(self) -> None:
        known = {f"{table.name}.{name}" for table in self.made_of for name in table.column_names}
        for column in self.columns:
            if column.sources is None:
                raise ValueError(
                    f"The column {self.name}.{column.name} does not say what it is made of: "
                    "name the columns of the log with .of(…), or none if it is about the file"
                )
            if unknown := [source for source in column.sources if source not in known]:
                raise ValueError(
                    f"The column {self.name}.{column.name} is made of {', '.join(unknown)}: "
                    f"no such columns are in the tables that {self.name} is made_of"
                )


def _same(source: Table, columns: Iterable[Column]) -> tuple[Column, ...]:
    """These columns, each made of the column of `source` that has its name."""
    return tuple(column.of(f"{source.name}.{column.name}") for column in columns)


_MERGE_PATH = tuple(f"deletes_log.{name}" for name in ("pid", "new_id", "log_day", "log_line"))
_SEEN_AT = ("visits_log.started_at", "actions_log.occurred_at")
_VOIDED_ACTIONS = ("actions_log.pid", "actions_log.log_day", "actions_log.log_line", *_MERGE_PATH)
_RELOGGED_ACTIONS = (*_VOIDED_ACTIONS, "actions_log.occurred_at", "actions_log.name")

PROFILES = ModelTable(
    "profiles",
    "Living profiles: one row per person, as far as Woopra knows",
    (
        required("pid", _T.VARCHAR, "Profile id").of("visits_log.pid"),
        required(
            "properties", _T.JSON, "Last value of every property, in log order, keys sorted"
        ).of("properties_log.key", "properties_log.value"),
        Column("email", _T.VARCHAR, "Property `email`").of("properties_log.value"),
        Column("name", _T.VARCHAR, "Property `name`").of("properties_log.value"),
        Column(
            "first_seen_at",
            _T.TIMESTAMPTZ,
            "Earliest time above 0 of its visits and actions",
        ).of(*_SEEN_AT),
        Column("last_seen_at", _T.TIMESTAMPTZ, "Latest time above 0 of its visits and actions").of(
            *_SEEN_AT
        ),
        required("visit_count", _T.BIGINT, "Number of its living visits").of("visits_log.type"),
        required("action_count", _T.BIGINT, "Number of actions of its living visits").of(
            "visits_log.action_count"
        ),
        required(
            "is_provisional",
            _T.BOOLEAN,
            "Whether actions of a merge into it may still be missing",
        ).of(*_RELOGGED_ACTIONS),
    ),
    made_of=(VISITS_LOG, ACTIONS_LOG, PROPERTIES_LOG, DELETES_LOG),
    is_view=False,
)

PROFILE_PROPERTIES = ModelTable(
    "profile_properties",
    "Properties of the living profiles, one row per key: `profiles.properties` without the JSON",
    (
        required("pid", _T.VARCHAR, "Profile id").of("properties_log.pid"),
        required("key", _T.VARCHAR, "Name of the property").of("properties_log.key"),
        required("value", _T.JSON, "Its last value in log order").of("properties_log.value"),
        Column("text", _T.VARCHAR, "The value as text: strings unquoted, NULL for a JSON null").of(
            "properties_log.value"
        ),
        required("log_day", _T.DATE, "Log day of the line that set it").of(
            "properties_log.log_day"
        ),
        required("log_line", _T.INTEGER, "1-based physical line in that day's file").of(
            "properties_log.log_line"
        ),
    ),
    made_of=(PROPERTIES_LOG, DELETES_LOG),
)

VISITS = ModelTable(
    "visits",
    "Living visits: each visit once, under the profile it belongs to now",
    _same(VISITS_LOG, (LOG_DAY, LOG_LINE, PID, *VISIT_FIELDS, VISITOR, ACTION_COUNT, EXTRA)),
    made_of=(VISITS_LOG, DELETES_LOG),
)

ACTIONS = ModelTable(
    "actions",
    "Actions of living visits: each action once, under the profile it belongs to now",
    _same(ACTIONS_LOG, ACTIONS_LOG.columns),
    made_of=(ACTIONS_LOG, DELETES_LOG),
)

CANONICAL_PID = Column(
    "canonical_pid", _T.VARCHAR, "pid the merges lead to today; NULL: deleted for good"
)

PROFILE_MERGES = ModelTable(
    "profile_merges",
    "Delete lines: each voids the lines before it under from_pid",
    (
        *_same(DELETES_LOG, (LOG_DAY, LOG_LINE)),
        required("from_pid", _T.VARCHAR, "pid that was deleted").of("deletes_log.pid"),
        Column("to_pid", _T.VARCHAR, "pid it was merged into; NULL: deleted, not merged").of(
            "deletes_log.new_id"
        ),
        CANONICAL_PID.of(*_MERGE_PATH),
    ),
    made_of=(DELETES_LOG,),
)

RELOG_AUDIT = ModelTable(
    "relog_audit",
    "Delete lines with a to_pid: whether the actions they voided were logged again on its path",
    (
        *_same(DELETES_LOG, (LOG_DAY, LOG_LINE)),
        required("from_pid", _T.VARCHAR, "pid that was deleted").of("deletes_log.pid"),
        required("to_pid", _T.VARCHAR, "pid it was merged into").of("deletes_log.new_id"),
        required("action_count", _T.BIGINT, "Actions it voided").of(*_VOIDED_ACTIONS),
        required("relogged_count", _T.BIGINT, "Actions of these that were logged again later").of(
            *_RELOGGED_ACTIONS
        ),
        required("missing_count", _T.BIGINT, "Actions of these that were not logged again").of(
            *_RELOGGED_ACTIONS
        ),
    ),
    made_of=(ACTIONS_LOG, DELETES_LOG),
)

PID_ALIASES = ModelTable(
    "pid_aliases",
    "Every pid ever seen and where its latest data lives now",
    (
        required("pid", _T.VARCHAR, "pid of any line, or a merge's target").of(
            "visits_log.pid", "deletes_log.pid", "deletes_log.new_id"
        ),
        CANONICAL_PID.of("visits_log.pid", *_MERGE_PATH),
        required(
            "hops", _T.INTEGER, "Number of merges on the path to it; 0: it is its own alias"
        ).of("visits_log.pid", *_MERGE_PATH),
    ),
    made_of=(VISITS_LOG, DELETES_LOG),
)

LOG_DAYS = ModelTable(
    "log_days",
    "Log days in the model, with the counts of all physical lines of their files",
    (
        required("log_day", _T.DATE, "Log day (Pacific calendar)").of(
            "visits_log.log_day", "deletes_log.log_day", "rejected_lines_log.log_day"
        ),
        required("line_count", _T.BIGINT, "Physical lines; the sum of the six counts by kind").of(),
        required("visit_count", _T.BIGINT, "Visit lines").of("visits_log.type"),
        required("identify_count", _T.BIGINT, "Identify lines").of("visits_log.type"),
        required("delete_count", _T.BIGINT, "Delete lines").of("deletes_log.log_line"),
        required("rejected_count", _T.BIGINT, "Lines that could not be read").of(
            "rejected_lines_log.log_line"
        ),
        required("blank_count", _T.BIGINT, "Lines of white space only").of(),
        required("erased_count", _T.BIGINT, "Lines of persons who were erased (R10)").of(),
        required("action_count", _T.BIGINT, "Actions on the visit lines").of(
            "visits_log.action_count"
        ),
        required(
            "is_open",
            _T.BOOLEAN,
            "Whether the day was not over yet, so it has only its lines so far",
        ).of(),
        required("raw_bytes", _T.BIGINT, "Size of the day's file in bytes, uncompressed").of(),
        required("raw_sha256", _T.VARCHAR, "SHA-256 of the day's file, uncompressed").of(),
        required("fetched_at", _T.TIMESTAMPTZ, "When the file was downloaded").of(),
        required("applied_at", _T.TIMESTAMPTZ, "When the day was applied to the model").of(),
    ),
    made_of=PARSED_TABLES,
)

REJECTED_LINES = ModelTable(
    "rejected_lines",
    REJECTED_LINES_LOG.comment,
    _same(REJECTED_LINES_LOG, REJECTED_LINES_LOG.columns),
    made_of=(REJECTED_LINES_LOG,),
)

PEOPLE = ModelTable(
    "people",
    "Living profiles with one typed column per property; `property_types` says which",
    tuple(
        column for column in PROFILES.columns if column.name not in ("properties", "email", "name")
    ),
    made_of=PROFILES.made_of,
)

_EVERY_PROPERTY = (
    *("actions_log.name", "actions_log.properties", "properties_log.key", "properties_log.value"),
    *_MERGE_PATH,
)

PROPERTY_TYPES = ModelTable(
    "property_types",
    "Properties of the events and of people: their typed columns, and what their values are",
    (
        Column("event", _T.VARCHAR, "Name of the action; NULL: a property of profiles").of(
            "actions_log.name"
        ),
        required("key", _T.VARCHAR, "Name of the property").of(
            "actions_log.properties", "properties_log.key"
        ),
        Column(
            "relation_name",
            _T.VARCHAR,
            "Its table in the schema `events`, or people; NULL: it is left out",
        ).of("actions_log.name"),
        Column("column_name", _T.VARCHAR, "Its column there; NULL: it is left out").of(
            *_EVERY_PROPERTY
        ),
        Column("type", _T.VARCHAR, "Type of the column; NULL: it is left out").of(*_EVERY_PROPERTY),
        required("is_pinned", _T.BOOLEAN, "Whether types.yml says the type").of(
            "actions_log.properties", "properties_log.key"
        ),
        required("value_count", _T.BIGINT, "Values other than null").of(*_EVERY_PROPERTY),
        Column(
            "distinct_count",
            _T.BIGINT,
            "Different values as texts, at most 100; NULL: it is left out",
        ).of(*_EVERY_PROPERTY),
        Column(
            "first_seen_at",
            _T.TIMESTAMPTZ,
            "Earliest time above 0 of an action with a value; of a profile: when it was first seen",
        ).of(*_SEEN_AT, *_EVERY_PROPERTY),
        Column(
            "last_seen_at",
            _T.TIMESTAMPTZ,
            "Latest time above 0 of an action with a value; of a profile: when it was last seen",
        ).of(*_SEEN_AT, *_EVERY_PROPERTY),
        *(
            required(f"{kind}_count", _T.BIGINT, f"Values that are a JSON {kind}").of(
                *_EVERY_PROPERTY
            )
            for kind in ("null", "boolean", "number", "string", "object", "array")
        ),
        required(
            "misfit_count",
            _T.BIGINT,
            "Values that do not fit a pinned type: NULL there",
        ).of(*_EVERY_PROPERTY),
    ),
    made_of=(VISITS_LOG, ACTIONS_LOG, PROPERTIES_LOG, DELETES_LOG),
)

IDENTIFIERS = ModelTable(
    "identifiers",
    "Identifiers of the living profiles: where an email or an id lives now",
    (
        required("key", _T.VARCHAR, "Name of the property: id, email, …").of("properties_log.key"),
        required("value", _T.VARCHAR, "Its value as text").of("properties_log.value"),
        required("pid", _T.VARCHAR, "Profile that has it").of("properties_log.pid"),
        required("log_day", _T.DATE, "Log day of the line that set it").of(
            "properties_log.log_day"
        ),
        required("log_line", _T.INTEGER, "1-based physical line in that day's file").of(
            "properties_log.log_line"
        ),
    ),
    made_of=(PROPERTIES_LOG, DELETES_LOG),
)

EVENT_COLUMNS: tuple[Column, ...] = tuple(
    ACTIONS.columns[ACTIONS.column_names.index(name)]
    for name in ("pid", "log_day", "log_line", "action_index", "occurred_at")
)
"""What every relation of the schema `events` begins with; its properties follow."""

MODEL_TABLES: tuple[ModelTable, ...] = (
    PROFILES,
    PROFILE_PROPERTIES,
    PEOPLE,
    IDENTIFIERS,
    PROPERTY_TYPES,
    VISITS,
    ACTIONS,
    PROFILE_MERGES,
    RELOG_AUDIT,
    PID_ALIASES,
    LOG_DAYS,
    REJECTED_LINES,
)

LAKE_TABLES = tuple(table for table in MODEL_TABLES if table is not PEOPLE)
"""The tables of the lake whose columns are known beforehand. `people` and the typed tables of the
events are there too, with the columns that `property_types` names.
"""
