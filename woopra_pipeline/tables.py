"""The table schemas: the one place where a column's name, type and meaning are written down.

The parser's Arrow schemas, the model's DDL, the comments in the database and the column metadata
in Dagster all derive from the `Table` objects below. `PARSED_TABLES` are what a day file becomes,
one set of Parquet files a day; `MODEL_TABLES` are what users query in `woopra.duckdb`, and
`IMPORT_TABLES` in `imports.duckdb`.
"""

from dataclasses import dataclass
from enum import Enum

import pyarrow as pa


class ColumnType(Enum):
    """A type a column can have, named as DuckDB names it."""

    BIGINT = "BIGINT"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    DOUBLE = "DOUBLE"
    INTEGER = "INTEGER"
    JSON = "JSON"
    TIMESTAMPTZ = "TIMESTAMPTZ"
    VARCHAR = "VARCHAR"

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of the column; JSON travels as its text."""
        return _ARROW_TYPES[self]


_ARROW_TYPES = {
    ColumnType.BIGINT: pa.int64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.INTEGER: pa.int32(),
    ColumnType.JSON: pa.string(),
    ColumnType.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    ColumnType.VARCHAR: pa.string(),
}


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, what it means, and the key of the line it is read from.

    `key` is the name of the field on the wire, with a dot before a field of a nested object;
    None where the column is not simply copied from one field.
    """

    name: str
    type: ColumnType
    comment: str
    key: str | None = None
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One table: its name, one sentence on what a row is, and its columns in order."""

    name: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the table's Arrow and Parquet form."""
        return pa.schema(
            [pa.field(column.name, column.type.arrow, column.nullable) for column in self.columns]
        )

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)


def _required(name: str, column_type: ColumnType, comment: str, key: str | None = None) -> Column:
    return Column(name, column_type, comment, key, nullable=False)


_T = ColumnType

LOG_DAY = _required("log_day", _T.DATE, "Log day (Pacific calendar) in whose file the line stands")
LOG_LINE = _required("log_line", _T.INTEGER, "1-based physical line in that day's file")
PID = _required("pid", _T.VARCHAR, "Profile id under which it was logged", "pid")

VISIT_FIELDS = (
    Column("started_at", _T.TIMESTAMPTZ, "When the visit began", "time"),
    Column("duration", _T.BIGINT, "Length of the visit in seconds", "duration"),
    Column("number", _T.BIGINT, "Number of the visit among the visitor's own", "number"),
    Column("continent", _T.VARCHAR, "Continent code", "continent"),
    Column("country", _T.VARCHAR, "Country code", "country"),
    Column("region", _T.VARCHAR, "Region or state", "region"),
    Column("city", _T.VARCHAR, "City", "city"),
    Column("post", _T.VARCHAR, "Postal code", "post"),
    Column("lat", _T.DOUBLE, "Latitude in degrees", "lat"),
    Column("lng", _T.DOUBLE, "Longitude in degrees", "lng"),
    Column("timezone", _T.VARCHAR, "Visitor's time zone name", "timezone"),
    Column("utc_offset", _T.VARCHAR, "Visitor's offset from UTC, like +10:00", "offset"),
    Column("ip", _T.VARCHAR, "IP address", "ip"),
    Column("org", _T.VARCHAR, "Organisation the IP address belongs to", "org"),
    Column("domain", _T.VARCHAR, "Domain of the tracked site", "domain"),
    Column("browser", _T.VARCHAR, "Browser", "browser"),
    Column("os", _T.VARCHAR, "Operating system", "os"),
    Column("device", _T.VARCHAR, "Kind of device", "device"),
    Column("screen", _T.VARCHAR, "Screen size in pixels", "screen"),
    Column("resolution", _T.VARCHAR, "Screen resolution in pixels", "resolution"),
    Column("language", _T.VARCHAR, "Browser language", "language"),
    Column("referrer_type", _T.VARCHAR, "Kind of referrer: search, link, …", "referrer.type"),
    Column("referrer_query", _T.VARCHAR, "Search terms of the referrer", "referrer.query"),
    Column("referrer_url", _T.VARCHAR, "Address of the referrer", "referrer.url"),
    Column("landing_page", _T.VARCHAR, "First page of the visit", "landingpage"),
    Column("description", _T.VARCHAR, "Free description", "description"),
    Column("method", _T.VARCHAR, "Method of tracking, where the service logs one", "method"),
    Column("h", _T.VARCHAR, "Field `h` of the log, in real logs the pid once more", "h"),
    Column("date", _T.VARCHAR, "Date of the visit as the service wrote it", "date"),
    Column("year", _T.BIGINT, "Year of the visit, visitor's time", "year"),
    Column("quarter", _T.BIGINT, "Quarter of the visit, visitor's time", "quarter"),
    Column("month", _T.BIGINT, "Month of the visit, visitor's time", "month"),
    Column("day", _T.BIGINT, "Day of the visit, visitor's time", "day"),
    Column("hour", _T.BIGINT, "Hour of the visit, visitor's time", "hour"),
    Column("hour_of_day", _T.BIGINT, "Hour of the day the visit began in", "hour_of_day"),
    Column("minute", _T.BIGINT, "Minute the visit began in", "minute"),
    Column("second", _T.BIGINT, "Second the visit began in", "second"),
)
"""What a visit or identify line says about the visit itself, as typed columns."""

FLAT_REFERRER_KEYS = {
    "referrertype": "referrer_type",
    "referrerquery": "referrer_query",
    "referrerurl": "referrer_url",
}
"""Where the docs' flat referrer fields go when the `referrer` object does not fill the column."""

VISITOR = Column("visitor", _T.JSON, "Properties the line sets on the profile", "visitor")
ACTION_COUNT = _required("action_count", _T.INTEGER, "Number of actions on the line")
EXTRA = Column("extra", _T.JSON, "Fields that have no column, and values their column cannot take")

ACTION_INDEX = _required("action_index", _T.INTEGER, "0-based place in the line's `actions` array")

ACTION_FIELDS = (
    Column("occurred_at", _T.TIMESTAMPTZ, "When the action happened", "time"),
    Column("name", _T.VARCHAR, "Name of the action; pv is a page view", "name"),
    Column("duration", _T.BIGINT, "Length of the action in seconds", "duration"),
    Column("date", _T.VARCHAR, "Time of day as the service wrote it", "date"),
    Column("domain", _T.VARCHAR, "Domain of the tracked site", "domain"),
    Column("landing", _T.BOOLEAN, "Whether it opened the visit", "landing"),
    Column("exit", _T.BOOLEAN, "Whether it closed the visit", "exit"),
    Column("properties", _T.JSON, "Properties of the action", "properties"),
)
"""What an action says, as typed columns."""

VISITS_LOG = Table(
    "visits_log",
    "Visit and identify lines as they were logged, dead ones included",
    (
        LOG_DAY,
        LOG_LINE,
        _required("type", _T.VARCHAR, "visit or identify", "type"),
        PID,
        *VISIT_FIELDS,
        VISITOR,
        ACTION_COUNT,
        EXTRA,
    ),
)

ACTIONS_LOG = Table(
    "actions_log",
    "Actions of visit lines as they were logged, dead ones included",
    (LOG_DAY, LOG_LINE, ACTION_INDEX, PID, *ACTION_FIELDS, EXTRA),
)

PROPERTIES_LOG = Table(
    "properties_log",
    "Profile properties set by visit and identify lines: one row per key of each `visitor` object",
    (
        LOG_DAY,
        LOG_LINE,
        PID,
        _required("key", _T.VARCHAR, "Key in the `visitor` object"),
        _required("value", _T.JSON, "Value as JSON text; a JSON null is the text null"),
    ),
)

DELETES_LOG = Table(
    "deletes_log",
    "Delete lines as they were logged",
    (
        LOG_DAY,
        LOG_LINE,
        PID,
        Column("new_id", _T.VARCHAR, "pid it was merged into; NULL: deleted, not merged", "new_id"),
        EXTRA,
    ),
)

REJECTED_LINES_LOG = Table(
    "rejected_lines_log",
    "Lines that could not be read",
    (
        LOG_DAY,
        LOG_LINE,
        _required("reason", _T.VARCHAR, "Why the line was rejected"),
        _required("raw", _T.VARCHAR, "The line's text; bytes that are not UTF-8 read as U+FFFD"),
    ),
)

PARSED_TABLES = (VISITS_LOG, ACTIONS_LOG, PROPERTIES_LOG, DELETES_LOG, REJECTED_LINES_LOG)

PROFILES = Table(
    "profiles",
    "Living profiles: one row per person, as far as Woopra knows",
    (
        _required("pid", _T.VARCHAR, "Profile id"),
        _required("properties", _T.JSON, "Last value of every property, in log order, keys sorted"),
        Column("email", _T.VARCHAR, "Property `email`"),
        Column("name", _T.VARCHAR, "Property `name`"),
        Column("first_seen_at", _T.TIMESTAMPTZ, "Earliest time above 0 of its visits and actions"),
        Column("last_seen_at", _T.TIMESTAMPTZ, "Latest time above 0 of its visits and actions"),
        _required("visit_count", _T.BIGINT, "Number of its living visits"),
        _required("action_count", _T.BIGINT, "Number of actions of its living visits"),
        _required(
            "is_provisional", _T.BOOLEAN, "Whether a merge into it may still wait for its re-log"
        ),
    ),
)

PROFILE_PROPERTIES = Table(
    "profile_properties",
    "Properties of the living profiles, one row per key: `profiles.properties` without the JSON",
    (
        _required("pid", _T.VARCHAR, "Profile id"),
        _required("key", _T.VARCHAR, "Name of the property"),
        _required("value", _T.JSON, "Its last value in log order"),
        Column("text", _T.VARCHAR, "The value as text: strings unquoted, NULL for a JSON null"),
        _required("log_day", _T.DATE, "Log day of the line that set it"),
        _required("log_line", _T.INTEGER, "1-based physical line in that day's file"),
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
        _required("from_pid", _T.VARCHAR, "pid that was deleted"),
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
        _required("from_pid", _T.VARCHAR, "pid that was deleted"),
        _required("to_pid", _T.VARCHAR, "pid it was merged into"),
        _required("action_count", _T.BIGINT, "Actions it voided"),
        _required("relogged_count", _T.BIGINT, "Actions of these that were logged again since"),
        _required("missing_count", _T.BIGINT, "Actions of these that were not"),
    ),
)

PID_ALIASES = Table(
    "pid_aliases",
    "Every pid ever seen and where its latest data lives now",
    (
        _required("pid", _T.VARCHAR, "pid of any line, or a merge's target"),
        CANONICAL_PID,
        _required("hops", _T.INTEGER, "Number of merges followed to get there; 0: it is its own"),
    ),
)

LOG_DAYS = Table(
    "log_days",
    "Log days in the model, with every physical line of their files accounted for",
    (
        _required("log_day", _T.DATE, "Log day (Pacific calendar)"),
        _required("line_count", _T.BIGINT, "Physical lines; the sum of the five counts by kind"),
        _required("visit_count", _T.BIGINT, "Visit lines"),
        _required("identify_count", _T.BIGINT, "Identify lines"),
        _required("delete_count", _T.BIGINT, "Delete lines"),
        _required("rejected_count", _T.BIGINT, "Lines that could not be read"),
        _required("blank_count", _T.BIGINT, "Lines of white space only"),
        _required("action_count", _T.BIGINT, "Actions on the visit lines"),
        _required("is_open", _T.BOOLEAN, "Whether the day was not over yet: its lines so far"),
        _required("raw_bytes", _T.BIGINT, "Size of the day's file in bytes, uncompressed"),
        _required("raw_sha256", _T.VARCHAR, "SHA-256 of the day's file, uncompressed"),
        _required("fetched_at", _T.TIMESTAMPTZ, "When the file was downloaded"),
        _required("applied_at", _T.TIMESTAMPTZ, "When the day was applied to the model"),
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

_IMPORT_OUTCOME = (
    _required(
        "state",
        _T.VARCHAR,
        "planned, sending, accepted, rejected, unknown (it may have been imported) or superseded "
        "(an unknown profile update that a later one made void)",
    ),
    _required("is_dry_run", _T.BOOLEAN, "Whether it was only made to be looked at"),
    _required("attempts", _T.INTEGER, "How often it was sent"),
    Column("status", _T.INTEGER, "HTTP status of the last answer; NULL if none came"),
    Column("reason", _T.VARCHAR, "Why it is in this state, unless that is plain"),
    _required("planned_at", _T.TIMESTAMPTZ, "When it was made"),
    Column("sent_at", _T.TIMESTAMPTZ, "When it was sent last"),
    Column("settled_at", _T.TIMESTAMPTZ, "When it came to be accepted, rejected or unknown"),
)

IMPORTS = Table(
    "imports",
    "Import batches: what is sent in one request",
    (
        _required("batch", _T.BIGINT, "Number of the batch"),
        _required("source", _T.VARCHAR, "Name of the import source"),
        _required("shape", _T.VARCHAR, "visits, events or profiles"),
        _required("log_day", _T.DATE, "Day that was imported (Pacific calendar)"),
        _required("line_count", _T.BIGINT, "Lines in the batch"),
        _required("byte_count", _T.BIGINT, "Size of its lines in bytes, uncompressed"),
        *_IMPORT_OUTCOME,
        Column("answer", _T.VARCHAR, "Text of the last answer"),
        _required("path", _T.VARCHAR, "File that holds its lines, below the data directory"),
    ),
)

IMPORT_LINES = Table(
    "import_lines",
    "Lines of the import batches, and rows of import sources that no line could be made of",
    (
        _required("line_key", _T.VARCHAR, "XXH3 of the line, 128 bits, hexadecimal"),
        Column("batch", _T.BIGINT, "Batch it is in; NULL: set aside before anything was sent"),
        Column("line_number", _T.BIGINT, "1-based line in the batch's file"),
        _required("source", _T.VARCHAR, "Name of the import source"),
        _required("shape", _T.VARCHAR, "visits, events or profiles"),
        _required("log_day", _T.DATE, "Day that was imported (Pacific calendar)"),
        *_IMPORT_OUTCOME,
        _required("line", _T.VARCHAR, "The line's JSON; where none could be made, the row's"),
    ),
)

IMPORT_TABLES = (IMPORTS, IMPORT_LINES)
