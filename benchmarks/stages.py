"""The stages themselves, as they are measured.

Alone here, with nothing beside what they need: whatever this module loads counts as their memory.
"""

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import httpx

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.archive.fetch import fetch_log_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import sync
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.settings import WoopraSettings


def download_only(_: DataDirectory, settings: WoopraSettings, days: Sequence[date]) -> None:
    """The same requests, with nothing done to what comes."""
    with httpx.Client(auth=(settings.app_id, settings.secret_key)) as client:
        for day in days:
            parameters = {
                settings.project_parameter: settings.project,
                settings.file_parameter: day.isoformat(),
            }
            with client.stream("GET", settings.url(settings.export_path), params=parameters) as got:
                for _piece in got.iter_raw():
                    pass


def fetch(directory: DataDirectory, settings: WoopraSettings, days: Sequence[date]) -> None:
    archive = Archive(directory.raw)
    with WoopraClient(settings) as client:
        for day in days:
            fetch_log_day(client, archive, day)


def parse(directory: DataDirectory, days: Sequence[date]) -> None:
    archive = Archive(directory.raw)
    for day in days:
        parse_log_day(archive, day, directory.parsed)


def update(directory: DataDirectory) -> float:
    """Bring the model up to date; returns the seconds it took to publish it."""
    return update_model(directory).publishing_seconds


def closed_day(directory: DataDirectory, settings: WoopraSettings, day: date) -> None:
    fetch(directory, settings, [day])
    parse(directory, [day])
    update(directory)


def copy(directory: DataDirectory) -> None:
    """A plain copy of the published file, on disk."""
    path = directory.root / "copy"
    shutil.copyfile(directory.published_model, path)
    sync(path)
    path.unlink()


def parse_archived(archive: Path, day: date, parsed: Path) -> None:
    """Parse one day, of which nothing is there."""
    shutil.rmtree(parsed, ignore_errors=True)
    parse_log_day(Archive(archive), day, parsed)


def make_table(query: str) -> None:
    """Let DuckDB put what a query returns into a table in memory."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create table lines as {query}")
