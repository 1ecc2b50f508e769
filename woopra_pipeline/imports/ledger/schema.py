"""The tables of a ledger, its version, and whether this program can use it."""

import sqlite3
from importlib.resources import files as package_files
from pathlib import Path

from woopra_pipeline.imports.ledger.lost import unusable

SCHEMA_VERSION = 4
WITHOUT_JOURNALS = 3
NEW_TABLES = {"withdrawn"}
TABLES = {
    "sources",
    "files",
    "batches",
    "requests",
    "file_keys",
    "set_aside",
    "changes",
} | NEW_TABLES


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty ledger of this version in an empty database, within a transaction."""
    script = (package_files(__package__) / "tables.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        connection.execute(statement)
    connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def add_columns_of_journals(connection: sqlite3.Connection) -> None:
    """Add the new columns and the new table to the tables of the earlier version."""
    for statement in (
        "alter table batches add column sent_until text",
        "alter table file_keys add column checksum blob",
        "create table withdrawn (source text not null, path text not null, "
        "first_line integer not null, line_count integer not null)",
    ):
        connection.execute(statement)


def version(connection: sqlite3.Connection) -> int:
    """The version of a database's tables; 0 if it is empty, or no ledger."""
    ((number,),) = connection.execute("pragma user_version").fetchall()
    return int(number)


def table_names(connection: sqlite3.Connection) -> set[str]:
    """The tables of a database, without SQLite's own."""
    rows = connection.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    )
    return {str(name) for (name,) in rows}


def require_ledger(path: Path, connection: sqlite3.Connection) -> None:
    """Raise `UnusableLedgerError` unless the file at `path` is a ledger this program can use."""
    found, tables = version(connection), table_names(connection)
    if found == WITHOUT_JOURNALS and tables >= TABLES - NEW_TABLES:
        return
    if found == 0 or (found == SCHEMA_VERSION and not tables >= TABLES):
        raise unusable(path, "is another kind of file")
    if found != SCHEMA_VERSION:
        raise unusable(
            path,
            f"is of version {found}, and this program knows version {SCHEMA_VERSION} "
            "(the version of the program that wrote it can still use it)",
        )
