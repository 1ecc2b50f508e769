"""The table schemas: the one place where a column's name, type and meaning are written down.

The parser's Arrow schemas, the model's DDL, the comments in the databases and what Dagster shows of
columns all derive from the `Table` objects here: `parsed` has what a day file becomes, `model` what
users query in `woopra.duckdb`, `reports` the table macros there, `imports` what users query in
`imports.duckdb`, and `table` says what a table and a column are. `keys` has the keys of the public
tables, and `schema_page` makes `docs/schema.md` of all that. The private tables of the model, in
its schema `log`, are in `model/schema.py`, and those of the import ledger in
`imports/ledger/tables.sql`.
"""

from woopra_pipeline.tables.imports import (
    IMPORT_LINES,
    IMPORT_TABLES,
    IMPORTS,
)
from woopra_pipeline.tables.model import (
    ACTIONS,
    EVENT_COLUMNS,
    IDENTIFIERS,
    LAKE_TABLES,
    LOG_DAYS,
    MODEL_TABLES,
    PEOPLE,
    PID_ALIASES,
    PROFILE_MERGES,
    PROFILE_PROPERTIES,
    PROFILES,
    PROPERTY_TYPES,
    REJECTED_LINES,
    RELOG_AUDIT,
    VISITS,
    ModelTable,
)
from woopra_pipeline.tables.parsed import (
    ACTION_FIELDS,
    ACTIONS_LOG,
    DELETES_LOG,
    FLAT_REFERRER_KEYS,
    LOG_DAY,
    LOG_LINE,
    PARSED_TABLES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISIT_FIELDS,
    VISITS_LOG,
)
from woopra_pipeline.tables.reports import (
    REPORT_MACROS,
    Parameter,
    TableMacro,
)
from woopra_pipeline.tables.table import (
    Column,
    ColumnType,
    Table,
)

__all__ = [
    "ACTIONS",
    "ACTIONS_LOG",
    "ACTION_FIELDS",
    "DELETES_LOG",
    "EVENT_COLUMNS",
    "FLAT_REFERRER_KEYS",
    "IDENTIFIERS",
    "IMPORTS",
    "IMPORT_LINES",
    "IMPORT_TABLES",
    "LAKE_TABLES",
    "LOG_DAY",
    "LOG_DAYS",
    "LOG_LINE",
    "MODEL_TABLES",
    "PARSED_TABLES",
    "PEOPLE",
    "PID_ALIASES",
    "PROFILES",
    "PROFILE_MERGES",
    "PROFILE_PROPERTIES",
    "PROPERTIES_LOG",
    "PROPERTY_TYPES",
    "REJECTED_LINES",
    "REJECTED_LINES_LOG",
    "RELOG_AUDIT",
    "REPORT_MACROS",
    "VISITS",
    "VISITS_LOG",
    "VISIT_FIELDS",
    "Column",
    "ColumnType",
    "ModelTable",
    "Parameter",
    "Table",
    "TableMacro",
]
