"""`woopra-pipeline shell`: a SQL shell on the published model, read-only."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import click

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.model.database import connect_published


@click.command("shell")
def command() -> None:
    """Open a SQL shell on the published model, read-only: harlequin, or DuckDB's own.

    After an update it still shows the old model: open it again.
    """
    directory = DataDirectory.from_environment()
    with connect_published(directory):
        pass
    model = str(directory.published_model)
    if importlib.util.find_spec("harlequin"):
        arguments = [sys.executable, "-m", "harlequin", "--adapter", "duckdb", "--read-only", model]
    elif duckdb := _duckdb():
        arguments = [duckdb, "-readonly", model]
    else:
        raise ConfigurationError(
            "There is no SQL shell here: run `pip install 'woopra-pipeline[shell]'`, "
            "or install the duckdb command; `woopra-pipeline query` needs neither"
        )
    os.execv(arguments[0], arguments)


def _duckdb() -> str | None:
    """The path of DuckDB's shell: of this environment, or of the machine."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which("duckdb", path=folders)
