"""The cost of Dagster: a backfill with its runs and events, and the same work without them.

    python -m benchmarks.orchestration              # 61 days, and one
    python -m benchmarks.orchestration --year       # a year of 365 days as well

The work without Dagster has all that a backfill does: fetch, parse, model, its checks and the
report. *Nothing in Dagster* is the least that a backfill can cost there: a run of one step with as
many empty assets, which records as many materializations and checks of each day, without metadata.
What a way imports counts, so it is imported there.
"""

import os
import shutil
from datetime import date
from pathlib import Path

from benchmarks.days import DAYS, UNCOMPRESSED
from benchmarks.measuring import fresh, in_rounds
from benchmarks.records import PROCESSOR, SECONDS, Bar, Results
from benchmarks.single import arguments_of, single
from benchmarks.stages import fetch, parse, update
from benchmarks.worlds import World, make_world
from woopra_pipeline.cli.backfill import backfill
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.tags import of_days
from woopra_pipeline.files import make_folder
from woopra_pipeline.sandbox import serve
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline.woopra.settings import WoopraSettings

STAGE = "Dagster"
SMALL_WORLD = 300
"""So many people make days of some 200 kB."""
DAYS_OF_A_YEAR = 365
ASSETS_OF_A_DAY = 6
CHECKS_OF_A_DAY = 2
"""What `day_files` records of each day: the file and five tables, and what the checks found."""
BESIDE_WORK = Bar(at_most=3)
YEAR = Bar(at_most=180)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--people", type=int, default=SMALL_WORLD)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--year", action="store_true", help="a year of days as well, once")
    arguments = parser.parse_args()
    with single(f"{arguments.people} people", arguments) as (root, results):
        world = make_world(root / "sandbox", arguments.people, DAYS)
        run_backfills(results, root / "backfill", world, arguments.repeat)
        if arguments.year:
            year = make_world(root / "year", arguments.people, DAYS_OF_A_YEAR)
            run_year(results, root / "backfill", year)


def run_backfills(results: Results, root: Path, world: World, repeat: int) -> None:
    """Note backfills of all days of a world and of its last one, with Dagster and without."""
    directory = DataDirectory(root)
    with serve(world.sandbox, service=UNCOMPRESSED) as running:
        for days, bar in ((world.days, BESIDE_WORK), (world.days[-1:], Bar())):
            name = "one day" if len(days) == 1 else f"{len(days)} days"
            costs = in_rounds(
                repeat,
                {
                    way: fresh(
                        work,
                        directory,
                        running.settings,
                        days[0],
                        days[-1],
                        before=lambda: shutil.rmtree(root, ignore_errors=True),
                    )
                    for way, work in (
                        ("with Dagster", with_dagster),
                        ("without", without_dagster),
                        ("nothing in Dagster", nothing_in_dagster),
                    )
                },
            )
            for way, costs_of_way in costs.items():
                results.costs(STAGE, f"backfill of {name}, {way}", costs_of_way)
            what = f"backfill of {name}, beside the same work without Dagster"
            results.beside(STAGE, what, costs["with Dagster"], costs["without"], bar=bar)
            what = f"{name} of nothing in Dagster, beside the work of a backfill without it"
            results.beside(STAGE, what, costs["nothing in Dagster"], costs["without"])
    shutil.rmtree(root)


def run_year(results: Results, root: Path, world: World) -> None:
    """Note a backfill of all days of a year, once."""
    first, last = world.days[0], world.days[-1]
    with serve(world.sandbox, service=UNCOMPRESSED) as running:
        measure = fresh(with_dagster, DataDirectory(root), running.settings, first, last)
        costs = in_rounds(1, {"": measure})[""]
    shutil.rmtree(root)
    results.costs(STAGE, "backfill of a year, with Dagster", costs)
    results.add(
        STAGE,
        f"backfill of {len(world.days)} days, in seconds",
        SECONDS,
        costs.seconds,
        costs.busy,
        bar=YEAR,
        figures=f"{costs.processor_seconds[0]:,.0f} {PROCESSOR}",
    )


def with_dagster(
    directory: DataDirectory, settings: WoopraSettings, first: date, last: date
) -> None:
    """The work of `woopra-pipeline backfill`, from the moment when its arguments are read."""
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
    from woopra_pipeline.model.checks import MODEL_CHECKS, run_check
    from woopra_pipeline.model.database import connect_published
    from woopra_pipeline.report.page import write_report

    days = list(log_days_between(first, last))
    fetch(directory, settings, days)
    parse(directory, days)
    update(directory)
    with connect_published(directory) as connection:
        for check in MODEL_CHECKS:
            run_check(connection, check, system_clock())
    write_report(directory)


def nothing_in_dagster(
    directory: DataDirectory, settings: WoopraSettings, first: date, last: date
) -> None:
    """A run of as many assets, days and checks of days as a backfill has, which do nothing."""
    from dagster import (
        AssetCheckEvaluation,
        AssetCheckSpec,
        AssetSpec,
        BackfillPolicy,
        DagsterInstance,
        DailyPartitionsDefinition,
        MaterializeResult,
        materialize,
        multi_asset,
    )

    names = [f"asset_{number}" for number in range(ASSETS_OF_A_DAY)]
    partitions = DailyPartitionsDefinition(start_date=first.isoformat())
    checks = [
        AssetCheckSpec(f"check_{number}", asset=names[0], partitions_def=partitions)
        for number in range(CHECKS_OF_A_DAY)
    ]

    @multi_asset(
        specs=[AssetSpec(name) for name in names],
        check_specs=checks,
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        can_subset=True,
    )
    def nothing(context):  # type: ignore[no-untyped-def]
        for check in checks:
            for day in context.partition_keys:
                context.log_event(
                    AssetCheckEvaluation(
                        asset_key=check.asset_key,
                        check_name=check.name,
                        partition=day,
                        passed=True,
                    )
                )
        for name in names:
            yield MaterializeResult(asset_key=name)

    make_folder(directory.dagster)
    (directory.dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with DagsterInstance.from_config(str(directory.dagster)) as instance:
        run = materialize(
            [nothing],
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags=of_days(first, last),
        )
        recorded = [event.event_type_value for event in run.all_events]
        days = (last - first).days + 1
        assert recorded.count("ASSET_MATERIALIZATION") == days * ASSETS_OF_A_DAY
        assert recorded.count("ASSET_CHECK_EVALUATION") == days * CHECKS_OF_A_DAY


if __name__ == "__main__":
    main()
