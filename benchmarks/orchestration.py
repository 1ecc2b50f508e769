"""What Dagster costs: a backfill with its runs and events, and the same work without."""

import os
import shutil
from datetime import date
from pathlib import Path

from benchmarks.days import UNCOMPRESSED, fetch, parse, update
from benchmarks.measuring import measured
from benchmarks.worlds import World
from woopra_pipeline.cli.backfill import backfill
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.sandbox import serve
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline.woopra.settings import WoopraSettings


def run_backfills(root: Path, world: World, repeat: int) -> dict[str, dict[str, float]]:
    """A backfill of all days of a world with Dagster and without, and of its last day alone."""
    directory = DataDirectory(root)
    figures = {}
    with serve(world.sandbox, service=UNCOMPRESSED) as running:
        for name, days, times in (
            ("all days", world.days, 1),
            ("one day", world.days[-1:], repeat),
        ):
            for way, work in (("with Dagster", with_dagster), ("without", without_dagster)):
                costs = measured(
                    times,
                    work,
                    directory,
                    running.settings,
                    days[0],
                    days[-1],
                    before=lambda: shutil.rmtree(root, ignore_errors=True),
                )
                figures[f"{name}, {way}"] = costs.figures()
    shutil.rmtree(root)
    return figures


def with_dagster(
    directory: DataDirectory, settings: WoopraSettings, first: date, last: date
) -> None:
    """What `woopra-pipeline backfill` does, from the moment it knows that it has to."""
    os.environ |= {
        "WOOPRA_PROJECT": settings.project,
        "WOOPRA_APP_ID": settings.app_id,
        "WOOPRA_SECRET_KEY": settings.secret_key,
        "WOOPRA_BASE_URL": settings.base_url,
        "WOOPRA_DATA_DIR": str(directory.root),
    }
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    directory.root.mkdir(parents=True)
    assert backfill(directory, first, last) == {}


def without_dagster(
    directory: DataDirectory, settings: WoopraSettings, first: date, last: date
) -> None:
    days = list(log_days_between(first, last))
    fetch(directory, settings, days)
    parse(directory, days)
    update(directory)
