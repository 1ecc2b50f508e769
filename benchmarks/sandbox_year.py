"""How fast the sandbox makes its files, and what a year of them costs from fetch to model.

    python -m benchmarks.sandbox_year                       # a mid-size project: 10 million actions
    python -m benchmarks.sandbox_year --people 2500 --days 60 --end-to-end

With `--end-to-end` the files are fetched over HTTP, parsed and modelled, and the model is compared
with the truth.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb

from benchmarks.measuring import Costs, measured_here
from benchmarks.records import MEGABYTES, Results
from benchmarks.single import arguments_of, single
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

STAGE = "sandbox"


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--people", type=int, default=33_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--end-to-end", action="store_true")
    arguments = parser.parse_args()
    world = SandboxSettings(seed=arguments.seed, people=arguments.people, days=arguments.days)
    last_day = world.first_day + timedelta(days=arguments.days - 1)
    size = f"{arguments.days} days of {arguments.people:,} people"
    with single(size, arguments) as (root, results):
        directory = DataDirectory(root)
        sandbox = Sandbox(directory.sandbox, world, clock=frozen_clock(end_of_log_day(last_day)))
        note(results, "generate", lambda: sandbox.make_files(world.first_day, last_day))
        for name, path in (("log", "export"), ("states of the world", "states")):
            results.add(STAGE, name, MEGABYTES, [size_of(sandbox.folder / path)])
        if arguments.end_to_end:
            run_end_to_end(results, directory, sandbox)


def note(results: Results, name: str, work: Callable[[], object]) -> None:
    results.costs(STAGE, name, Costs([measured_here(work)]))


def run_end_to_end(results: Results, directory: DataDirectory, sandbox: Sandbox) -> None:
    world, clock = sandbox.settings, sandbox.clock
    assert world.days is not None
    last_day = world.first_day + timedelta(days=world.days - 1)
    days = list(log_days_between(world.first_day, last_day))
    archive = Archive(directory.raw)

    def fetch() -> None:
        with (
            serve(sandbox, service=Service(compresses=False)) as running,
            WoopraClient(running.settings, clock=clock) as client,
        ):
            for day in days:
                fetch_log_day(client, archive, day, clock=clock)

    def parse() -> None:
        for day in days:
            parse_log_day(archive, day, directory.parsed)

    note(results, "fetch", fetch)
    note(results, "parse", parse)
    note(results, "model", lambda: update_model(directory, clock=clock))
    for name, path in (
        ("archive", directory.raw),
        ("parsed", directory.parsed),
        ("woopra.duckdb", directory.published_model),
    ):
        results.add(STAGE, name, MEGABYTES, [size_of(path)])
    truth = sandbox.truth(last_day)
    with connect_published(directory) as model:
        compare(model, truth, truth.visits)


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


def size_of(path: Path) -> float:
    """In MB, of a file or of all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
