"""What a day file becomes: the tables of a parsed day, one set of Parquet files a day."""

from woopra_pipeline.tables.table import Column, ColumnType, Table, required

_T = ColumnType

LOG_DAY = required("log_day", _T.DATE, "Log day (Pacific calendar) whose file has the line")
LOG_LINE = required("log_line", _T.INTEGER, "1-based physical line in that day's file")
PID = required("pid", _T.VARCHAR, "Profile id under which it was logged", "pid")

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
ACTION_COUNT = required("action_count", _T.INTEGER, "Number of actions on the line")
EXTRA = Column("extra", _T.JSON, "Fields that have no column, and values their column cannot take")

ACTION_INDEX = required("action_index", _T.INTEGER, "0-based place in the line's `actions` array")

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
    "Visit and identify lines as they were logged, voided ones included",
    (
        LOG_DAY,
        LOG_LINE,
        required("type", _T.VARCHAR, "visit or identify", "type"),
        PID,
        *VISIT_FIELDS,
        VISITOR,
        ACTION_COUNT,
        EXTRA,
    ),
)

ACTIONS_LOG = Table(
    "actions_log",
    "Actions of visit lines as they were logged, voided ones included",
    (LOG_DAY, LOG_LINE, ACTION_INDEX, PID, *ACTION_FIELDS, EXTRA),
)

PROPERTIES_LOG = Table(
    "properties_log",
    "Profile properties set by visit and identify lines: one row per key of each `visitor` object",
    (
        LOG_DAY,
        LOG_LINE,
        PID,
        required("key", _T.VARCHAR, "Key in the `visitor` object"),
        required("value", _T.JSON, "Value as JSON text; a JSON null is the text null"),
    ),
)

DELETES_LOG = Table(
    "deletes_log",
    "Delete lines as they were logged",
    (
        LOG_DAY,
        LOG_LINE,
        PID,
        Column(
            "new_id",
            _T.VARCHAR,
            "pid it was merged into; NULL: deleted, not merged",
            "new_id",
        ),
        EXTRA,
    ),
)

REJECTED_LINES_LOG = Table(
    "rejected_lines_log",
    "Lines that could not be read",
    (
        LOG_DAY,
        LOG_LINE,
        required("reason", _T.VARCHAR, "Why the line was rejected"),
        required("raw", _T.VARCHAR, "The line's text; bytes that are not UTF-8 read as U+FFFD"),
    ),
)

PARSED_TABLES = (VISITS_LOG, ACTIONS_LOG, PROPERTIES_LOG, DELETES_LOG, REJECTED_LINES_LOG)
