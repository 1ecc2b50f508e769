"""Keeps the report macros in the model's file at this version.

They have no rows, so a new form of them needs no new version of the tables: an update replaces them
in the existing build file, and publishes it.
"""

import duckdb
import xxhash

from woopra_pipeline.model.database import statements
from woopra_pipeline.model.stages import Stage
from woopra_pipeline.sql_text import literal
from woopra_pipeline.tables import REPORT_MACROS


def reports_sql() -> str:
    """The statements that make all report macros, with their comments."""
    comments = (
        f"comment on macro table {macro.name} is {literal(macro.comment)}"
        for macro in REPORT_MACROS
    )
    return ";\n".join([*map(statements, Stage.REPORTS.value), *comments])


def renew_reports(connection: duckdb.DuckDBPyConnection) -> bool:
    """Replace the report macros in a model's file by those of this version.

    False if they are already.

    Which version they are of is what the macro `reports_version()` returns.
    """
    sql = reports_sql()
    version = xxhash.xxh3_64_hexdigest(sql.encode())
    if _version_in(connection) == version:
        return False
    connection.execute(sql)
    connection.execute(f"create or replace macro reports_version() as {literal(version)}")
    return True


def _version_in(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The version of the macros in a file; None if it has none.

    Calling the macro is much faster than searching for it among all functions.
    """
    try:
        ((version,),) = connection.sql("select reports_version()").fetchall()
    except duckdb.CatalogException:
        return None
    return str(version)
