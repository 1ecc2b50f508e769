"""R9 for the tables in the lake: whenever a writer is killed, readers see those before or after."""

import multiprocessing
import random
import time
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.updating import update_tables
from woopra_pipeline_tests.lake.computed_tables import expected_tables
from woopra_pipeline_tests.lake.published_lakes import (
    put_log,
    revisions,
    seen_by_readers,
)
from woopra_pipeline_tests.merge_shapes import delete, visit

FIRST_DAY = date(2026, 2, 1)
KILLS = 20
STAGES = ("computing", "publishing")
SPAWN = multiprocessing.get_context("spawn")


def log_of(number: int) -> dict[date, bytes]:
    """The files of the days up to this one."""
    return {
        FIRST_DAY + timedelta(days=day): (
            visit("A", 1, 2) + delete("A", f"B{day}") + visit(f"B{day}", 1, 2)
        ).encode()
        for day in range(number + 1)
    }


def update(location: str, root: Path, told: Connection) -> None:
    """Update the tables, telling when each of the stages begins, and when all is done."""

    def tell(message: str) -> None:
        if (stage := message.partition(" ")[0]) in STAGES:
            told.send(stage)

    update_tables(open_lake(location), DataDirectory(root), notify=tell)
    told.send("done")


def updating(lake, here: DataDirectory) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    heard, told = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=update, args=(lake.location, here.root, told))
    process.start()
    return process, heard


def seconds_of_stages(lake, here: DataDirectory) -> dict[str, float]:
    """How long each stage takes if nobody kills it."""
    process, heard = updating(lake, here)
    begun = {}
    for stage in (*STAGES, "done"):
        assert heard.recv() == stage
        begun[stage] = time.monotonic()
    process.join()
    ends = (begun["publishing"], begun["done"])
    return {stage: end - begun[stage] for stage, end in zip(STAGES, ends, strict=True)}


def kill_in(lake, here: DataDirectory, stage: str, delay: float) -> None:
    """Kill an update so many seconds after a stage of it has begun."""
    process, heard = updating(lake, here)
    while heard.recv() != stage:
        pass
    time.sleep(delay)
    process.kill()
    process.join()


@pytest.mark.long
def test_readers_see_the_tables_of_before_or_of_after(lake, tmp_path):
    chance = random.Random("kills")
    here = DataDirectory(tmp_path / "here")
    put_log(lake, here, log_of(0))
    seconds = seconds_of_stages(lake, here)
    seen = seen_by_readers(lake)
    for number in range(1, KILLS + 1):
        log = log_of(number)
        put_log(lake, here, {max(log): log[max(log)]})
        stage = STAGES[number % 2]
        kill_in(lake, here, stage, chance.uniform(0, 1.2 * seconds[stage]))
        before, seen = seen, seen_by_readers(lake)
        assert seen in (before, expected_tables(log))
        assert len(revisions(lake)) == 1
    update_tables(lake, here)
    assert seen_by_readers(lake) == expected_tables(log_of(KILLS))
