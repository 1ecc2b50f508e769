"""Log days from HTTP to the published model: each stage, and a whole day as a night would take it.

A project of 60 days of history is fetched, parsed and modelled; then comes a new last day, and a
day of its middle that was missing. The server is the sandbox, on loopback, in another process than
what is measured.
"""

import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from benchmarks.measuring import Costs, measured
from benchmarks.worlds import World
from woopra_pipeline.archive.days import Archive
from woopra_pipeline.archive.fetch import fetch_log_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import sync
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import find_parsed_days
from woopra_pipeline.sandbox import Service, serve
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.settings import WoopraSettings

HISTORY_DAYS = 60
DAYS = HISTORY_DAYS + 1
UNCOMPRESSED = Service(compresses=False)

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Project:
    """A data directory of a world, of which two days come and go: one in the middle, and the last.

    `keep_model` notes the model as it is; whatever puts days in or out brings it back.
    """

    directory: DataDirectory
    world: World

    @property
    def late(self) -> date:
        return self.world.days[HISTORY_DAYS // 2]

    @property
    def last(self) -> date:
        return self.world.days[-1]

    @property
    def aside(self) -> Path:
        return self.directory.root / "aside"

    def only_history(self) -> None:
        for day in (self.late, self.last):
            parsed, aside = self._places(day)
            if parsed.exists():
                shutil.rmtree(aside, ignore_errors=True)
                parsed.rename(aside)
        self.restore_model()

    def history_and(self, day: date) -> None:
        self.only_history()
        parsed, aside = self._places(day)
        aside.rename(parsed)

    def evening(self) -> None:
        """All days but the last, which is not even downloaded."""
        self.history_and(self.late)
        shutil.rmtree(self.directory.raw / self.last.isoformat(), ignore_errors=True)

    def keep_model(self) -> None:
        shutil.rmtree(self.aside / "model", ignore_errors=True)
        shutil.copytree(self.directory.model, self.aside / "model")
        shutil.copyfile(self.directory.published_model, self.aside / "woopra.duckdb")

    def restore_model(self) -> None:
        self.remove_model()
        if (self.aside / "model").exists():
            shutil.copytree(self.aside / "model", self.directory.model)
            shutil.copyfile(self.aside / "woopra.duckdb", self.directory.published_model)

    def remove_model(self) -> None:
        shutil.rmtree(self.directory.model, ignore_errors=True)
        self.directory.published_model.unlink(missing_ok=True)

    @property
    def parsed_last(self) -> Path:
        return self._places(self.last)[0]

    def _places(self, day: date) -> tuple[Path, Path]:
        return self.directory.parsed / day.isoformat(), self.aside / day.isoformat()


def run_days(root: Path, world: World, repeat: int) -> tuple[Project, Figures]:
    """All stages for a world of `DAYS` days; leaves the project with every day in the model."""
    project = Project(DataDirectory(root), world)
    project.aside.mkdir(parents=True)
    directory, days, last = project.directory, world.days, [project.last]
    costs: dict[str, Costs] = {}
    with serve(world.sandbox, service=UNCOMPRESSED) as running:
        service = running.settings

        def measure(name: str, before: Callable[[], object], work: Any, *arguments: Any) -> None:
            costs[name] = measured(repeat, work, directory, *arguments, before=before)

        measure("download, nothing kept", lambda: None, download_only, service, days)
        measure("download", lambda: clear(directory.raw), fetch, service, days)
        measure("parse", lambda: clear(directory.parsed), parse, days)
        project.only_history()
        measure("build", project.remove_model, update)
        project.keep_model()
        measure("new day", lambda: project.history_and(project.last), update)
        measure("late day", lambda: project.history_and(project.late), update)

        update(directory)
        project.keep_model()
        measure("closed day, download", project.evening, fetch, service, last)
        measure("closed day, parse", lambda: clear(project.parsed_last), parse, last)
        measure("closed day, model", project.restore_model, update)
        measure("closed day", project.evening, closed_day, service, project.last)
        measure("copy of the model's file", lambda: None, copy)
    figures = {name: cost.figures() for name, cost in costs.items()}
    publishing = [cost.value for cost in costs["closed day, model"].all]
    figures["publish"] = {"seconds": statistics.median(publishing), "best_seconds": min(publishing)}
    figures["sizes"] = sizes(project)
    return project, figures


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def download_only(_: DataDirectory, settings: WoopraSettings, days: Sequence[date]) -> None:
    """The same requests, with nothing done to what comes."""
    with httpx.Client(auth=(settings.app_id, settings.secret_key)) as client:
        for day in days:
            parameters = {
                settings.project_parameter: settings.project,
                settings.file_parameter: day.isoformat(),
            }
            with client.stream("GET", settings.url(settings.export_path), params=parameters) as got:
                for _ in got.iter_raw():
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


def sizes(project: Project) -> dict[str, float]:
    directory = project.directory
    with connect_published(directory) as model:
        ((actions,), (visits,), (profiles,)) = (
            model.execute(f"select count(*) from {table}").fetchone() or (0,)
            for table in ("actions", "visits", "profiles")
        )
    parsed = find_parsed_days(directory.parsed).values()
    return {
        "raw_megabytes": project.world.megabytes,
        "archive_megabytes": megabytes(directory.raw),
        "parsed_megabytes": megabytes(directory.parsed),
        "model_megabytes": directory.published_model.stat().st_size / 1e6,
        "lines": sum(day.line_count for day in parsed),
        "logged_actions": sum(day.action_count for day in parsed),
        "actions": actions,
        "visits": visits,
        "profiles": profiles,
    }


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
