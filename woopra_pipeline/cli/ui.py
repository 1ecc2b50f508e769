"""`woopra-pipeline ui`: the Dagster UI on the same instance and data as the command line."""

import os
import sys

import click

from woopra_pipeline.cli.backfill import check_start_date
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.instance import home


@click.command("ui", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Open the Dagster UI; OPTIONS are those of `dagster dev`, like --port 3001."""
    check_start_date()
    folder = home(DataDirectory.from_environment())
    os.environ["DAGSTER_HOME"] = str(folder)
    # Dagster warns when it is started beside a dagster.yaml other than that of DAGSTER_HOME.
    os.chdir(folder)
    arguments = ["-m", "dagster", "dev", "-m", "woopra_pipeline.definitions", *options]
    os.execv(sys.executable, [sys.executable, *arguments])
