"""Lets SQL of users only read: checks what may run, and locks the connection.

The statement's type says whether it is a query; the connection then refuses files, extensions and
settings. A few functions of DuckDB write, or change settings, within a query. They are found in its
plan.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
from duckdb import StatementType

from woopra_pipeline.errors import ReadingError

HARMLESS_SETTINGS = ("TimeZone", "Calendar")

_READING_FUNCTIONS = re.compile(
    r"read_(csv|parquet|text|blob|(nd)?json(_objects)?)(_auto)?|parquet_\w+|sniff_csv|glob"
    r"|range|generate_series|unnest|repeat|repeat_row|summary|histogram|histogram_values"
    r"|json_each|json_tree|seq_scan|icu_calendar_names|pg_timezone_names|duckdb_\w+|pragma_\w+"
)
_OTHER_FUNCTIONS = re.compile(
    r"\b((en|dis)able_\w+|(force_)?checkpoint|truncate_duckdb_logs|json_execute_serialized_sql"
    r"|query|read_duckdb)\b",
    re.IGNORECASE,
)
"""Functions that do more than read, or that run SQL given as a text."""


def lock(connection: duckdb.DuckDBPyConnection, folders: Sequence[Path] = ()) -> None:
    """Let a connection read its databases and the files below `folders`, and nothing else.

    It can still spill to disk. This cannot be undone.
    """
    for setting in (
        "python_enable_replacements",
        "autoinstall_known_extensions",
        "autoload_known_extensions",
    ):
        connection.execute(f"set {setting} = false")
    connection.execute("set allowed_directories = ?", [list(map(str, folders))])
    connection.execute("set allowed_configs = ?", [list(HARMLESS_SETTINGS)])
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def split(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The statements of `sql`, each as it is written; raises `duckdb.Error` if it is no SQL."""
    # DuckDB splits some statements into several, which have no text. Its tokens have byte offsets,
    # and comments are none.
    text = sql.encode()
    ends = [place for place, _ in duckdb.tokenize(sql) if text[place : place + 1] == b";"]
    starts = [0, *(end + 1 for end in ends)]
    parts = [text[start:end].decode() for start, end in zip(starts, [*ends, None], strict=True)]
    return [part for part in parts if connection.extract_statements(part)]


def require_reading(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """Raise `ReadingError` unless one statement is a query, an explained one, or a setting.

    Only a locked connection knows which settings it may change. Raises `duckdb.Error` if it cannot
    be planned.
    """
    made = connection.extract_statements(statement)
    kind = _kind(made)
    if kind == StatementType.EXPLAIN:
        statement = _explained(connection, statement)
        made = connection.extract_statements(statement)
        kind = _kind(made)
    elif kind == StatementType.SET:
        return
    if kind != StatementType.SELECT:
        raise ReadingError(f"{kind.name} statements are not run")
    if len(made) > 1:
        # To plan a pivot DuckDB runs a part of it.
        if word := _OTHER_FUNCTIONS.search(statement):
            raise ReadingError(f"the function {word[0].lower()} is not run, nor named in a pivot")
        return
    for name in _functions(connection, made[0].query, parameters):
        if not _READING_FUNCTIONS.fullmatch(name):
            raise ReadingError(f"the function {name} is not run")


def _kind(made: Sequence[duckdb.Statement]) -> StatementType:
    """The type of a statement that DuckDB has split into these."""
    kinds = [each.type for each in made]
    return StatementType.EXPLAIN if StatementType.EXPLAIN in kinds else kinds[-1]


def _explained(connection: duckdb.DuckDBPyConnection, statement: str) -> str:
    """The query that an EXPLAIN statement explains."""
    text = statement.encode()
    places = [place for place, _ in duckdb.tokenize(statement)][1:]
    if re.match(rb"analy[sz]e\b", text[places[0] :], re.IGNORECASE):
        places.pop(0)
    elif text[places[0] : places[0] + 1] == b"(":
        try:
            connection.extract_statements(text[places[0] :].decode())
        except duckdb.Error:
            # Not a query in brackets, so these are options.
            while text[places[0] : places[0] + 1] != b")":
                places.pop(0)
            places.pop(0)
    return text[places[0] :].decode()


def _functions(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object] | None
) -> list[str]:
    """The table functions in the plan of a query, those in its views and macros too."""
    plans = connection.execute(f"explain (format json) {query}", parameters).fetchall()
    return [name.lower() for _, plan in plans for name in re.findall(r'"Function": "(\w+)"', plan)]
