"""The published model as plain rows, to be compared with the reference interpreter."""

import json
from datetime import UTC, datetime

import duckdb

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.parse.json_text import object_members
from woopra_pipeline.sql_text import quoted
from woopra_pipeline.tables import MODEL_TABLES
from woopra_pipeline_tests.model.interpreter import Row

TIME_OF_PROCESSING = {"is_open", "raw_bytes", "raw_sha256", "fetched_at", "applied_at"}


def published_tables(directory: DataDirectory) -> dict[str, list[Row]]:
    """Every public table, without what depends on the time of processing."""
    with connect_published(directory) as connection:
        events = connection.sql(
            "select table_name from information_schema.tables where table_schema = 'events'"
        ).fetchall()
        relations = {table.name: table.name for table in MODEL_TABLES}
        relations |= {f"events.{name}": f"events.{quoted(name)}" for (name,) in events}
        return {name: read_table(connection, sql) for name, sql in relations.items()}


def read_table(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Row]:
    """The rows of a table or table macro; the properties of profiles taken apart by key."""
    result = connection.sql(f"from {relation}")
    rows = [dict(zip(result.columns, map(in_utc, row), strict=True)) for row in result.fetchall()]
    if relation.strip('"') == "people" or relation.startswith(("events.", '"events".')):
        # What JSON columns say, not how it is written.
        for name, kind in zip(result.columns, result.types, strict=True):
            for row in rows:
                if str(kind) == "JSON" and row[name] is not None:
                    row[name] = repr(json.loads(str(row[name])))
    for row in rows:
        for name in TIME_OF_PROCESSING & row.keys():
            del row[name]
        if relation.strip('"').startswith("profiles"):
            properties = object_members(str(row["properties"]))
            assert list(properties) == sorted(properties), "keys of properties are sorted"
            row["properties"] = properties
    return rows


def in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def in_order(tables: dict[str, list[Row]]) -> dict[str, list[str]]:
    """The rows as texts that compare exactly, in an order of their own."""
    return {
        name: sorted(repr(sorted(row.items())) for row in rows) for name, rows in tables.items()
    }
