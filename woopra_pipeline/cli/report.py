"""`woopra-pipeline report`: writes the report, one page about the project."""

import importlib

import click

from woopra_pipeline.cli.backfill import check_start_date
from woopra_pipeline.cli.terminal import show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.report.page import REPORT_NAME


@click.command("report")
def command() -> None:
    """Write the report about the model, and print where it is.

    Every backfill writes it too. It is one HTML file to open in a browser.
    """
    check_start_date()
    directory = DataDirectory.from_environment()
    importlib.import_module("woopra_pipeline.cli.runs").make_report(directory)
    show(str(directory.reports / REPORT_NAME))
