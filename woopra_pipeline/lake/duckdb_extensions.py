"""Extensions of DuckDB.

They are installed as packages for one version of DuckDB; none is downloaded.
"""

import importlib.util
from pathlib import Path

import duckdb

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.lake.location import INSTALL
from woopra_pipeline.sql_text import literal


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load the extension `name`; `ConfigurationError` if there is none for this DuckDB."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    path = (
        Path(package.origin).parent
        / "extensions"
        / f"v{duckdb.__version__}"
        / f"{name}.duckdb_extension"
        if package and package.origin
        else None
    )
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"DuckDB's extension {name} for its version {duckdb.__version__} is not installed: "
            f"{INSTALL} 'duckdb-extension-{name}=={duckdb.__version__}'"
        )
    connection.execute(f"load {literal(str(path))}")
