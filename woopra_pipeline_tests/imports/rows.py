"""Sources whose rows a test gives as Python objects."""

from collections.abc import Sequence
from typing import Any

import orjson

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.sources import sources_folder
from woopra_pipeline_tests.imports.conftest import write_source

COLUMNS = {
    "visits": ("visitor", "actions"),
    "events": ("visitor", "name", "time", "properties"),
    "profiles": ("visitor",),
}


def write_rows(
    directory: DataDirectory, name: str, shape: str, rows: Sequence[dict[str, Any]]
) -> None:
    """Make `rows` what the source of that name returns."""
    columns = COLUMNS[shape]
    types = ", ".join(f"{column}: 'JSON'" for column in columns)
    selected = ", ".join("name ->> '$' as name" if c == "name" else c for c in columns)
    write_source(
        directory,
        name,
        f"select {selected} from read_json('{name}.jsonl', format = 'nd', columns = {{{types}}})",
    )
    # DuckDB reads no columns from a file without rows.
    lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    (sources_folder(directory) / f"{name}.jsonl").write_bytes(lines)
