"""The public tables of `imports.duckdb`: what was imported."""

from woopra_pipeline.tables.table import Column, ColumnType, Table, required

_T = ColumnType

_OUTCOME = (
    required(
        "state",
        _T.VARCHAR,
        "planned, sending, accepted, rejected, unknown (it may have been imported) or superseded "
        "(an unknown profile update that a later one replaced)",
    ),
    required("is_dry_run", _T.BOOLEAN, "Whether a dry run made it"),
    required("attempts", _T.INTEGER, "How often it was sent"),
    Column("status", _T.INTEGER, "HTTP status of the last answer; NULL if none came"),
    Column("reason", _T.VARCHAR, "Why it is in this state, if that is not obvious"),
    required("planned_at", _T.TIMESTAMPTZ, "When it was made"),
    Column("sent_at", _T.TIMESTAMPTZ, "When it was sent last"),
    Column("settled_at", _T.TIMESTAMPTZ, "When it was accepted or rejected, or became unknown"),
)

IMPORTS = Table(
    "imports",
    "Import batches: what is sent in one request",
    (
        required("batch", _T.BIGINT, "Number of the batch"),
        required("source", _T.VARCHAR, "Name of the import source"),
        required("shape", _T.VARCHAR, "visits, events or profiles"),
        required("log_day", _T.DATE, "Day that was imported (Pacific calendar)"),
        required("line_count", _T.BIGINT, "Lines in the batch"),
        required("byte_count", _T.BIGINT, "Size of its lines in bytes, uncompressed"),
        *_OUTCOME,
        Column("answer", _T.VARCHAR, "Text of the last answer"),
        required("path", _T.VARCHAR, "File that holds its lines, below the data directory"),
    ),
)

IMPORT_LINES = Table(
    "import_lines",
    "Lines of the import batches, and rows of import sources that could not become a line",
    (
        required("line_key", _T.VARCHAR, "XXH3 of the line, 128 bits, hexadecimal"),
        Column("batch", _T.BIGINT, "Batch it is in; NULL: set aside before anything was sent"),
        Column("line_number", _T.BIGINT, "1-based line in the batch's file"),
        required("source", _T.VARCHAR, "Name of the import source"),
        required("shape", _T.VARCHAR, "visits, events or profiles"),
        required("log_day", _T.DATE, "Day that was imported (Pacific calendar)"),
        *_OUTCOME,
        required("line", _T.VARCHAR, "The line as JSON; if there is none, the row as JSON"),
    ),
)

IMPORT_TABLES = (IMPORTS, IMPORT_LINES)
