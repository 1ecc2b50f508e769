"""The published model as plain rows, to be compared with the reference interpreter."""

from datetime import UTC, datetime

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.parse.json_text import object_members
from woopra_pipeline.tables import MODEL_TABLES
from woopra_pipeline_tests.model.interpreter import Row

TIME_OF_PROCESSING = {"log_days": {"raw_bytes", "raw_sha256", "fetched_at", "applied_at"}}


def published_tables(directory: DataDirectory) -> dict[str, list[Row]]:
    """Every public table; the properties of profiles taken apart into JSON texts by key."""
    tables = {}
    with connect_published(directory) as connection:
        for table in MODEL_TABLES:
            names = [
                name
                for name in table.column_names
                if name not in TIME_OF_PROCESSING.get(table.name, ())
            ]
            columns = ", ".join(f'"{name}"' for name in names)
            rows = connection.sql(f"select {columns} from {table.name}").fetchall()
            tables[table.name] = [dict(zip(names, map(in_utc, row), strict=True)) for row in rows]
    for row in tables["profiles"]:
        properties = object_members(str(row["properties"]))
        assert list(properties) == sorted(properties), "keys of properties are sorted"
        row["properties"] = properties
    return tables


def in_utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def in_order(tables: dict[str, list[Row]]) -> dict[str, list[str]]:
    """The rows as texts that compare exactly, in an order of their own."""
    return {
        name: sorted(repr(sorted(row.items())) for row in rows) for name, rows in tables.items()
    }
