"""The database behind the model: the log's own tables, and the public ones users query.

Schema `log` holds every line of the log with its position and, once a later delete line voids it,
the position of that delete (`voided_by`). It depends only on the row and the set of delete lines.
So a change of days touches only rows of pids whose deletes changed. Schema `main` holds the
contract with users: tables and views over the living rows.
"""

from collections.abc import Iterator

from woopra_pipeline.sql_text import literal, quoted
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    LOG_DAYS,
    MODEL_TABLES,
    PEOPLE,
    PROFILE_MERGES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    RELOG_AUDIT,
    VISITS_LOG,
    Column,
    ColumnType,
    ModelTable,
    Table,
)

SCHEMA_VERSION = 5
"""Raised whenever the tables of this module change; an older build file is then built again."""

LOG_POSITION = Column(
    "log_position",
    ColumnType.BIGINT,
    "Place in the whole log: days since 1970-01-01 shifted left by 32 bits, plus log_line",
    nullable=False,
)
VOIDED_BY = Column(
    "voided_by",
    ColumnType.BIGINT,
    "log_position of the first later delete line of the same pid; NULL while the row lives",
)

STORED_LINES = Table(
    "log.lines",
    VISITS_LOG.comment,
    (
        *VISITS_LOG.columns,
        LOG_POSITION,
        Column("earliest_at", ColumnType.TIMESTAMPTZ, "Earliest time above 0 of a visit line"),
        Column("latest_at", ColumnType.TIMESTAMPTZ, "Latest time above 0 of a visit line"),
        VOIDED_BY,
    ),
)
STORED_ACTIONS = Table(
    "log.actions", ACTIONS_LOG.comment, (*ACTIONS_LOG.columns, LOG_POSITION, VOIDED_BY)
)
STORED_PROPERTIES = Table(
    "log.properties",
    PROPERTIES_LOG.comment,
    (
        LOG_POSITION,
        *(column for column in PROPERTIES_LOG.columns if column.name in ("key", "value")),
    ),
)
STORED_DELETES = Table("log.deletes", DELETES_LOG.comment, (*DELETES_LOG.columns, LOG_POSITION))
STORED_REJECTED_LINES = Table(
    "log.rejected_lines", REJECTED_LINES_LOG.comment, (*REJECTED_LINES_LOG.columns, LOG_POSITION)
)
DAY_LEDGER = Table(
    "log.days",
    "Ledger of the days in the model",
    (
        *LOG_DAYS.columns,
        Column("fingerprint", ColumnType.VARCHAR, "Fingerprint of the parsed day applied"),
    ),
)
FOLLOWED_MERGES = Table(
    "log.merges",
    PROFILE_MERGES.comment,
    (
        *PROFILE_MERGES.columns,
        Column(
            "onward_position",
            ColumnType.BIGINT,
            "log_position of the next delete line on its path; NULL if the path ends with it",
        ),
        Column("hops", ColumnType.INTEGER, "Number of merges on the way to canonical_pid"),
        Column("path_first", ColumnType.BIGINT, "Number of the delete in the forest of paths"),
        Column("path_last", ColumnType.BIGINT, "Highest number among deletes that lead through it"),
        LOG_POSITION,
    ),
)
DEPARTED_PIDS = Table(
    "log.departed_pids",
    "Pids without a living profile, and where the merges lead from their last delete",
    (
        Column("pid", ColumnType.VARCHAR, "Profile id", nullable=False),
        Column("canonical_pid", ColumnType.VARCHAR, "pid at the end of the merges, if any"),
        Column("hops", ColumnType.INTEGER, "Number of merges followed"),
    ),
)
STORED_AUDITS = Table(
    "log.audits",
    RELOG_AUDIT.comment,
    (
        LOG_POSITION,
        *(
            column
            for column in RELOG_AUDIT.columns
            if column.name in ("action_count", "relogged_count")
        ),
    ),
)
LAST_WRITES = Table(
    "log.last_writes",
    "Last write of every property of the living profiles (R2)",
    (
        Column("pid", ColumnType.VARCHAR, "Profile id", nullable=False),
        Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),
        Column("value", ColumnType.JSON, "Its last value", nullable=False),
        LOG_POSITION,
    ),
)
TYPED_RELATIONS = Table(
    "log.typed_relations",
    "Names of the living actions, and the profiles: what may have a typed relation",
    (
        Column("relation", ColumnType.BIGINT, "Number of the relation", nullable=False),
        Column("event", ColumnType.VARCHAR, "Name of the actions; NULL: the profiles"),
        Column("row_count", ColumnType.BIGINT, "Living rows", nullable=False),
        Column("is_left_out", ColumnType.BOOLEAN, "Whether a setting leaves the name out"),
        Column("name", ColumnType.VARCHAR, "Name of its view; NULL: it has none"),
    ),
)
PROPERTY_KINDS = (
    *("null", "boolean", "boolean_text", "integer", "number", "integer_text", "number_text"),
    *("time_text", "text", "object", "array"),
)
"""The kinds of values that the macro `value_kind` returns; each value has one kind."""

TYPED_PROPERTIES = Table(
    "log.typed_properties",
    "Properties of the living rows, and how many values of each kind they have",
    (
        Column("relation", ColumnType.BIGINT, "Number of the relation", nullable=False),
        Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),
        Column("row_count", ColumnType.BIGINT, "Living rows that have it", nullable=False),
        *(
            Column(f"{kind}_count", ColumnType.BIGINT, f"Values of the kind {kind}", nullable=False)
            for kind in PROPERTY_KINDS
        ),
        Column("first_seen_at", ColumnType.TIMESTAMPTZ, "Earliest time above 0 with a value"),
        Column("last_seen_at", ColumnType.TIMESTAMPTZ, "Latest time above 0 with a value"),
        Column("level", ColumnType.INTEGER, "Of 2 to this power digests, one is kept"),
    ),
)
TYPED_VALUES = Table(
    "log.typed_values",
    "Values of the properties by digest; of properties with many values, a part of them",
    (
        Column("relation", ColumnType.BIGINT, "Number of the relation", nullable=False),
        Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),
        Column("digest", ColumnType.UBIGINT, "Digest of the value as text", nullable=False),
        Column("value_count", ColumnType.BIGINT, "How often it occurs", nullable=False),
    ),
)
TYPED_COLUMNS = Table(
    "log.typed_columns",
    "Columns of the typed relations: where a property is stored, and what its column is called",
    (
        Column("relation", ColumnType.BIGINT, "Number of the relation", nullable=False),
        Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),
        Column("place", ColumnType.VARCHAR, "Its column in the stored table", nullable=False),
        Column("name", ColumnType.VARCHAR, "Its column in the view", nullable=False),
        Column("type", ColumnType.VARCHAR, "Type of the column", nullable=False),
        Column("is_pinned", ColumnType.BOOLEAN, "Whether types.yml says it", nullable=False),
    ),
)
EARLIER_TYPES = Table(
    "log.earlier_types",
    "Types after the last update that brought a day that was over, of properties that had a value",
    (
        Column("event", ColumnType.VARCHAR, "Name of the actions; NULL: the profiles"),
        Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),
        Column("type", ColumnType.VARCHAR, "Type of its column", nullable=False),
    ),
)
TYPE_CHANGES = Table(
    "log.type_changes",
    "Types that changed in or after the last update that brought a day that was over",
    (
        Column("event", ColumnType.VARCHAR, "Name of the actions; NULL: the profiles"),
        Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),
        Column("earlier_type", ColumnType.VARCHAR, "Type it had", nullable=False),
        Column("type", ColumnType.VARCHAR, "Type it has", nullable=False),
        Column(
            "log_day",
            ColumnType.DATE,
            "Log day of the first living line that the earlier type cannot take",
        ),
        Column("log_line", ColumnType.INTEGER, "1-based physical line in that day's file"),
    ),
)
TYPED_STATE = Table(
    "log.typed_state",
    "One row: the settings that the typed relations were made with",
    (Column("fingerprint", ColumnType.VARCHAR, "Fingerprint of the settings and types.yml"),),
)
IDENTIFIER_KEYS = Table(
    "log.identifier_keys",
    "Properties that identify somebody, as the settings name them",
    (Column("key", ColumnType.VARCHAR, "Name of the property", nullable=False),),
)
STORED_PEOPLE = Table("log.people", PEOPLE.comment, PEOPLE.columns)

STATE = Table(
    "log.state",
    "One row: what this file is",
    (
        Column("schema_version", ColumnType.INTEGER, "Version of the tables"),
        Column("revision", ColumnType.VARCHAR, "New with every change of the content"),
        Column("purge", ColumnType.VARCHAR, "Since which erasure of lines this file exists"),
    ),
)

LOG_TABLES = (
    STORED_LINES,
    STORED_ACTIONS,
    STORED_PROPERTIES,
    STORED_DELETES,
    STORED_REJECTED_LINES,
    DAY_LEDGER,
    FOLLOWED_MERGES,
    DEPARTED_PIDS,
    STORED_AUDITS,
    LAST_WRITES,
    TYPED_RELATIONS,
    TYPED_PROPERTIES,
    TYPED_VALUES,
    TYPED_COLUMNS,
    EARLIER_TYPES,
    TYPE_CHANGES,
    TYPED_STATE,
    IDENTIFIER_KEYS,
    STORED_PEOPLE,
    STATE,
)


def create_table(table: Table) -> str:
    """The statement that creates `table`, empty."""
    columns = ", ".join(
        f"{quoted(column.name)} {column.type.value}{'' if column.nullable else ' not null'}"
        for column in table.columns
    )
    return f"create table {table.name} ({columns})"


def comments() -> Iterator[str]:
    """The statements that write the comments of all tables and columns into the database."""
    for table in (*LOG_TABLES, *MODEL_TABLES):
        kind = "view" if isinstance(table, ModelTable) and table.is_view else "table"
        yield f"comment on {kind} {table.name} is {literal(table.comment)}"
        for column in table.columns:
            yield (
                f"comment on column {table.name}.{quoted(column.name)} is {literal(column.comment)}"
            )
