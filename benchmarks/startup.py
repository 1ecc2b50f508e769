"""What a run costs before it does anything: imports, and a small day beside an empty asset.

    python -m benchmarks.startup                    # half a minute on two cores
    python -m benchmarks.startup --repeat 15

All of it are commands, from their start to their end, each in a folder of its own that was empty
before: Dagster makes its databases there. The day is a small one of the sandbox, which is served by
another process. Of the import of the definitions, the seconds of each package are those of its own
modules, as Python tells with `-X importtime`, which makes all of it slower.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.days import UNCOMPRESSED
from benchmarks.measuring import Costs, in_rounds, running, seconds_of_packages
from benchmarks.orchestration import SMALL_WORLD
from benchmarks.records import SECONDS, Bar, Results
from benchmarks.single import arguments_of, single
from benchmarks.worlds import World, make_world
from woopra_pipeline.data_directory import checkout
from woopra_pipeline.sandbox import serve
from woopra_pipeline.woopra.settings import WoopraSettings

STAGE = "start-up"
PACKAGES_SHOWN = 12
PYTHON = "python, which does nothing"
DAGSTER = "import dagster"
DEFINITIONS = "import woopra_pipeline.definitions"
EMPTY = "dagster asset materialize, one empty asset"
ONE_DAY = "woopra-pipeline backfill, one small day"
BESIDE_DAGSTER = Bar(at_most=1.5)
BESIDE_EMPTY = Bar(at_most=2)
EMPTY_ASSET = """
import dagster


@dagster.asset
def empty() -> None:
    pass


definitions = dagster.Definitions(assets=[empty])
"""
QUIET = "telemetry:\n  enabled: false\n"


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with single("one day", arguments) as (root, results):
        world = make_world(root / "sandbox", SMALL_WORLD, 1)
        compare_starts(results, root / "start", world, arguments.repeat)


def compare_starts(results: Results, root: Path, world: World, repeat: int) -> None:
    """Note what imports and the smallest commands take, and what the import consists of."""
    root.mkdir()
    asset = root / "empty.py"
    asset.write_text(EMPTY_ASSET)
    home, data = root / "home", root / "data"
    dagster, pipeline = (
        Path(sys.executable).with_name(name) for name in ("dagster", "woopra-pipeline")
    )
    with serve(world.sandbox, service=UNCOMPRESSED) as served:
        environment = environment_of(served.settings, data, home)
        day = str(world.days[-1])
        commands: dict[str, Sequence[str | Path]] = {
            PYTHON: python("pass"),
            DAGSTER: python(DAGSTER),
            DEFINITIONS: python(DEFINITIONS),
            EMPTY: [dagster, "asset", "materialize", "--select", "empty", "-f", asset],
            ONE_DAY: [pipeline, "backfill", day, day],
        }
        measures = {
            name: running(arguments, environment=environment, before=lambda: empty(home, data))
            for name, arguments in commands.items()
        }
        costs = in_rounds(repeat, measures)
        tell_imports(results, environment, repeat)
    shutil.rmtree(root)
    for name, costs_of_command in costs.items():
        results.costs(STAGE, name, costs_of_command)
    tell(results, costs)


def tell(results: Results, costs: Mapping[str, Costs]) -> None:
    for what, above, below, bar in (
        ("import of the definitions, beside import dagster", DEFINITIONS, DAGSTER, BESIDE_DAGSTER),
        ("backfill of one small day, beside one empty asset", ONE_DAY, EMPTY, BESIDE_EMPTY),
    ):
        results.beside(STAGE, what, costs[above], costs[below], bar=bar)


def python(code: str) -> Sequence[str | Path]:
    return [sys.executable, "-c", code]


def environment_of(settings: WoopraSettings, data: Path, home: Path) -> dict[str, str]:
    return os.environ | {
        "WOOPRA_PROJECT": settings.project,
        "WOOPRA_APP_ID": settings.app_id,
        "WOOPRA_SECRET_KEY": settings.secret_key,
        "WOOPRA_BASE_URL": settings.base_url,
        "WOOPRA_DATA_DIR": str(data),
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(checkout()),
    }


def empty(home: Path, data: Path) -> None:
    for folder in (home, data):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (home / "dagster.yaml").write_text(QUIET)


def tell_imports(results: Results, environment: Mapping[str, str], repeat: int) -> None:
    """Note which packages the import of the definitions spends its time on."""
    shell = ["sh", "-c", f"{sys.executable} -X importtime -c '{DEFINITIONS}' 2>&1"]
    costs = in_rounds(repeat, {"": running(shell, environment=environment)})[""]
    rounds = [seconds_of_packages(output) for output in costs.values]
    longest = sorted(rounds[0], key=lambda package: rounds[0][package], reverse=True)
    for package in longest[:PACKAGES_SHOWN]:
        results.add(
            STAGE,
            f"{DEFINITIONS}: the modules of {package}",
            SECONDS,
            [seconds[package] for seconds in rounds],
            costs.busy,
        )


if __name__ == "__main__":
    main()
