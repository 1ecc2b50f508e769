"""How fast the sandbox makes its files, and what a year of them costs from fetch to model.

    python -m benchmarks.sandbox_year                       # a mid-size project: 10 million actions
    python -m benchmarks.sandbox_year --people 2500 --days 60 --end-to-end

With `--end-to-end` the files are fetched over HTTP, parsed and modelled, and the model is compared
with the truth. Everything is written below `--directory` and removed again at the end.
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb

from woopra_pipeline.archive.days import Archive
from woopra_pipeline.archive.fetch import fetch_log_day
from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, Service, Truth, serve
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.log_days import end_of_log_day, log_days_between


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=33_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--end-to-end", action="store_true")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    world = SandboxSettings(seed=arguments.seed, people=arguments.people, days=arguments.days)
    last_day = world.first_day + timedelta(days=arguments.days - 1)
    sandbox = Sandbox(
        DataDirectory(root).sandbox, world, clock=frozen_clock(end_of_log_day(last_day))
    )
    try:
        with timed("generate", lambda: size(sandbox.folder / "export")):
            sandbox.make_files(world.first_day, last_day)
        print(f"    states of the world: {size(sandbox.folder / 'states') / 1e6:,.0f} MB")
        if arguments.end_to_end:
            run_end_to_end(DataDirectory(root), sandbox)
    finally:
        shutil.rmtree(root)


def run_end_to_end(directory: DataDirectory, sandbox: Sandbox) -> None:
    world, clock = sandbox.settings, sandbox.clock
    assert world.days is not None
    last_day = world.first_day + timedelta(days=world.days - 1)
    days = list(log_days_between(world.first_day, last_day))
    raw = size(sandbox.folder / "export")
    archive = Archive(directory.raw)
    with (
        timed("fetch", lambda: raw),
        serve(sandbox, service=Service(compresses=False)) as running,
        WoopraClient(running.settings, clock=clock) as client,
    ):
        for day in days:
            fetch_log_day(client, archive, day, clock=clock)
    with timed("parse", lambda: raw):
        for day in days:
            parse_log_day(archive, day, directory.parsed)
    with timed("model", lambda: raw):
        update_model(directory, clock=clock)
    for name, path in (
        ("archive", directory.raw),
        ("parsed", directory.parsed),
        ("woopra.duckdb", directory.published_model),
    ):
        print(f"    {name}: {size(path) / 1e6:,.0f} MB")
    with timed("truth", lambda: raw):
        truth = sandbox.truth(last_day)
        visits = truth.visits
    with timed("compare", lambda: raw), connect_published(directory) as model:
        compare(model, truth, visits)


def compare(model: duckdb.DuckDBPyConnection, truth: Truth, visits: object) -> None:
    """Compare every living visit with its actions, under its pid, as multisets."""
    model.register("true_visits", visits)
    counts = model.execute("select count(*), sum(len(actions)) from true_visits").fetchone()
    [differences] = model.execute(
        """
        with true_actions as (
            select pid, started_at, unnest(actions, recursive := true) from true_visits
        ),
        found_actions as (
            select v.pid, epoch_ms(started_at) as started_at, epoch_ms(occurred_at) as time, name
            from visits v join actions a using (log_day, log_line)
        ),
        found_visits as (select pid, epoch_ms(started_at) as started_at from visits)
        select
            (select count(*) from (from found_actions except all from true_actions))
            + (select count(*) from (from true_actions except all from found_actions))
            + (
                select count(*)
                from (from found_visits except all select pid, started_at from true_visits)
            )
            + (
                select count(*)
                from (select pid, started_at from true_visits except all from found_visits)
            )
        """
    ).fetchall()[0]
    merges = model.execute("select count(to_pid) from profile_merges").fetchall()[0][0]
    print(f"    living visits and actions: {counts}, merges: {truth.merge_count} and {merges}")
    print(f"    differences from the truth: {differences}")


@contextmanager
def timed(name: str, byte_count: Callable[[], int]) -> Iterator[None]:
    """Print what the block took: wall clock, processor, peak memory of this process so far."""
    wall, processor = time.perf_counter(), processor_seconds()
    yield
    wall, processor = time.perf_counter() - wall, processor_seconds() - processor
    megabytes = byte_count() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{name}: {megabytes:,.0f} MB in {wall:,.1f} s ({megabytes / wall:,.0f} MB/s), "
        f"{processor:,.1f} s of processor, peak {peak:,.0f} MB",
        flush=True,
    )


def processor_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
