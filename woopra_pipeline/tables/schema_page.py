"""`docs/schema.md`: every public table, its keys and its columns, as Markdown.

The text follows from the declarations of this package and from nothing else.
"""

from collections.abc import Iterable, Iterator

from woopra_pipeline.tables.imports import IMPORT_TABLES
from woopra_pipeline.tables.keys import KEYS, REFERENCES, Reference
from woopra_pipeline.tables.model import EVENT_COLUMNS, MODEL_TABLES
from woopra_pipeline.tables.reports import REPORT_MACROS, TableMacro
from woopra_pipeline.tables.table import Column, Table

COMMAND = ".venv/bin/python -m woopra_pipeline.tables > docs/schema.md"

_EVENTS = Table(
    'events."NAME"',
    "Actions with that name, with one typed column per property; `property_types` says which",
    EVENT_COLUMNS,
)
_EVENTS_ENTITY = "events_NAME"
_EVENTS_KEY = KEYS["actions"]
_EVENTS_REFERENCE = Reference(_EVENTS.name, _EVENTS_KEY, "actions")


def schema_page() -> str:
    """The whole page, with a newline at its end."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The tables and their columns"
    yield ""
    yield f"<!-- Do not edit this page. It is written by `{COMMAND}`. -->"
    yield ""
    yield "This page lists every public table and every column, with type and meaning. The same"
    yield "texts are comments in the database: `describe`, `duckdb_tables()` and `duckdb_columns()`"
    yield "show them. [The rules](rules.md) say which rows a table has, and why."
    yield ""
    yield "A type with `?` can be NULL. Times are `TIMESTAMPTZ`. `log_day` and `log_line` say in"
    yield "which day's file a row was logged, and on which line of it."
    yield ""
    yield "## How the tables belong together"
    yield ""
    yield "A line leads from a table to the rows that name one of its rows. Only keys are shown."
    yield ""
    yield from _diagram()
    yield ""
    yield "## Tables of woopra.duckdb"
    for table in MODEL_TABLES:
        yield from _section(table, KEYS[table.name], REFERENCES)
        if table.name == "people":
            yield ""
            yield "The columns of the properties follow: see [typed tables](typed-tables.md)."
    yield from _section(_EVENTS, _EVENTS_KEY, (_EVENTS_REFERENCE,))
    yield ""
    yield "The columns of the properties follow: see [typed tables](typed-tables.md)."
    yield ""
    yield "## Tables of imports.duckdb"
    yield ""
    yield "`woopra-pipeline query` shows them too. [Imports](imports.md) explains them."
    for imported in IMPORT_TABLES:
        yield from _section(imported, KEYS[imported.name], REFERENCES)
    yield ""
    yield "## Reports"
    yield ""
    yield "Table macros of `woopra.duckdb`. [Reports](reports.md) shows each with its answer."
    for macro in REPORT_MACROS:
        yield from _macro_section(macro)


def _diagram() -> Iterator[str]:
    entities = {table.name: table for table in (*MODEL_TABLES, *IMPORT_TABLES)}
    yield "```mermaid"
    yield "erDiagram"
    for name, table in entities.items():
        yield from _entity(name, table, KEYS[name], REFERENCES)
        if name == "actions":
            yield from _entity(
                f'{_EVENTS_ENTITY}["events.NAME"]', _EVENTS, _EVENTS_KEY, (_EVENTS_REFERENCE,)
            )
    for reference in REFERENCES:
        many = "o|" if reference.columns == KEYS[reference.table] else "o{"
        yield (
            f"    {reference.target} ||--{many} {reference.table} : "
            f'"{", ".join(reference.columns)}"'
        )
    yield f'    actions ||--o| {_EVENTS_ENTITY} : "{", ".join(_EVENTS_KEY)}"'
    yield "```"


def _entity(
    title: str, table: Table, key: tuple[str, ...], references: Iterable[Reference]
) -> Iterator[str]:
    foreign = {
        name
        for reference in references
        if reference.table == table.name
        for name in reference.columns
    }
    yield f"    {title} {{"
    for column in table.columns:
        marks = ["PK"] * (column.name in key) + ["FK"] * (column.name in foreign)
        if marks:
            yield f"        {column.type.value} {column.name} {', '.join(marks)}"
    yield "    }"


def _section(table: Table, key: tuple[str, ...], references: Iterable[Reference]) -> Iterator[str]:
    yield ""
    yield f"### {table.name}"
    yield ""
    yield f"{table.comment}."
    yield ""
    named = [
        f"{_names(reference.columns)} names a row of `{reference.target}`"
        for reference in references
        if reference.table == table.name
    ]
    yield f"Key: {_names(key)}.{' ' + '; '.join(named) + '.' if named else ''}"
    yield ""
    yield from _columns(table.columns)


def _macro_section(macro: TableMacro) -> Iterator[str]:
    yield ""
    yield f"### {macro.name}"
    yield ""
    yield f"{macro.comment}."
    yield ""
    yield "| parameter | default | meaning |"
    yield "|---|---|---|"
    for parameter in macro.parameters:
        default = "must be given" if parameter.default is None else f"`{parameter.default}`"
        yield f"| `{parameter.name}` | {default} | {parameter.comment} |"
    yield ""
    yield from _columns(macro.columns)


def _columns(columns: Iterable[Column]) -> Iterator[str]:
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in columns:
        mark = "?" if column.nullable else ""
        yield f"| `{column.name}` | `{column.type.value}{mark}` | {column.comment} |"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)
