"""Log days from HTTP to the published model: each stage, and a whole day as in every night.

    python -m benchmarks.days                       # a project of 300 people
    python -m benchmarks.days --people 4800

A project of 60 days of history is fetched, parsed and modelled; then comes a new last day, and a
day of its middle that was missing. The server is the sandbox, on loopback, in another process than
what is measured.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.measuring import Costs, fresh, in_rounds
from benchmarks.questions import QUESTIONS
from benchmarks.records import (
    MEGABYTES,
    PROCESSOR,
    RATIO,
    SECONDS,
    Bar,
    Results,
    both,
    crossed,
    ratios,
)
from benchmarks.single import arguments_of, single
from benchmarks.stages import closed_day, copy, download_only, fetch, parse, update
from benchmarks.worlds import World, make_world
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.sandbox import Service, serve

HISTORY_DAYS = 60
DAYS = HISTORY_DAYS + 1
UNCOMPRESSED = Service(compresses=False)

GROWTH = (1, 4, 16)
"""How many times the data of the smallest world the worlds have."""
SIZE = "growth"
STAGES = ("download", "parse", "build", "new day", "late day")
GROWN = (*STAGES, "closed day", *(f"{question}, model" for question in QUESTIONS))
CLOSED_DAY = ("closed day, download", "closed day, parse", "closed day, model")
PORTABLE_SQL = "portable SQL on DuckDB"
COPY = "copy of the model's file"


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with single(f"{arguments.people} people", arguments) as (root, results):
        world = make_world(root / "sandbox", arguments.people, DAYS)
        project = Project(DataDirectory(root / "project"), world)
        tell_stages(results, run_days(results, project, arguments.repeat, 1))


def grown(name: str, factor: int) -> str:
    """The name of a figure at so many times the data of the smallest world."""
    return f"{name}, at {factor} times the data"


@dataclass(frozen=True)
class Project:
    """A data directory of a world.

    Two of its days are added and removed: one in the middle, and the last. `keep_model` saves the
    model; the methods that add or remove days restore it.
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

    def everything(self) -> None:
        """All days, and no model."""
        self.remove_model()
        for day in (self.late, self.last):
            parsed, aside = self._places(day)
            if aside.exists():
                aside.rename(parsed)

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


def run_days(results: Results, project: Project, repeat: int, factor: int) -> dict[str, Costs]:
    """All stages for a world of `DAYS` days; leaves the project with every day in the model.

    What is compared is measured in the same rounds. `factor` tells this world from others.
    """
    # Loaded here, or the memory of all other work would be measured with it.
    from benchmarks.lake_tables import recompute_tables  # noqa: PLC0415

    project.aside.mkdir(parents=True)
    directory, days, last = project.directory, project.world.days, [project.last]
    with serve(project.world.sandbox, service=UNCOMPRESSED) as running:
        service = running.settings
        costs = in_rounds(
            repeat,
            {
                "download, nothing kept": fresh(download_only, directory, service, days),
                "download": fresh(
                    fetch, directory, service, days, before=lambda: clear(directory.raw)
                ),
                "parse": fresh(parse, directory, days, before=lambda: clear(directory.parsed)),
            },
        )
        project.only_history()
        update(directory)
        project.keep_model()
        costs |= in_rounds(
            repeat,
            {
                "build": fresh(update, directory, before=project.everything),
                PORTABLE_SQL: fresh(recompute_tables, directory, None),
                "new day": fresh(
                    update, directory, before=lambda: project.history_and(project.last)
                ),
                "late day": fresh(
                    update, directory, before=lambda: project.history_and(project.late)
                ),
            },
        )
        clear(directory.root / "tables")
        update(directory)
        project.keep_model()
        costs |= in_rounds(
            repeat,
            {
                "closed day, download": fresh(
                    fetch, directory, service, last, before=project.evening
                ),
                "closed day, parse": fresh(
                    parse, directory, last, before=lambda: clear(project.parsed_last)
                ),
                "closed day, model": fresh(update, directory, before=project.restore_model),
                "closed day": fresh(
                    closed_day, directory, service, project.last, before=project.evening
                ),
                COPY: fresh(copy, directory),
            },
        )
    for name, costs_of_stage in costs.items():
        results.costs(SIZE, grown(name, factor), costs_of_stage)
    of_model = costs["closed day, model"]
    results.add(SIZE, grown("publish", factor), SECONDS, of_model.values, of_model.busy)
    for name, megabytes_of_it in sizes(project).items():
        results.add(SIZE, grown(name, factor), MEGABYTES, [megabytes_of_it])
    return costs


def tell_stages(results: Results, costs: Mapping[str, Costs]) -> None:
    """Record the ratios of one world, with their bars."""
    for stage, what, below, bar in (
        ("download", "into the archive, beside the same requests with nothing kept", None, None),
        ("new day", "beside building the model from all days", "build", 1 / 8),
        ("late day", "beside building the model from all days", "build", 1 / 8),
    ):
        other = costs[below or "download, nothing kept"]
        results.beside(stage, what, costs[stage], other, bar=Bar(at_most=bar))
    publishing, copying = costs["closed day, model"].values, costs[COPY].seconds
    results.add(
        "publish",
        "beside a plain copy of the file",
        RATIO,
        ratios(publishing, copying),
        [*costs["closed day, model"].busy, *costs[COPY].busy],
        figures=both(publishing, copying, SECONDS),
    )
    build, portable = costs["build"], costs[PORTABLE_SQL]
    for what, unit, bar in (
        ("processor time, beside the lake's portable SQL on DuckDB", PROCESSOR, 1.3),
        ("by the clock, beside the lake's portable SQL on DuckDB", SECONDS, None),
    ):
        results.beside("build", what, build, portable, unit, bar=Bar(at_most=bar))
    parts = [costs[name].seconds for name in CLOSED_DAY]
    of_stages = [sum(stages) for stages in zip(*parts, strict=True)]
    results.add(
        "closed day",
        "HTTP to published model, beside the sum of its stages",
        RATIO,
        ratios(costs["closed day"].seconds, of_stages),
        costs["closed day"].busy,
        bar=Bar(at_most=2),
        figures=both(costs["closed day"].seconds, of_stages, SECONDS),
    )


def tell_memory(
    results: Results, smallest: Mapping[str, Costs], largest: Mapping[str, Costs]
) -> None:
    """Record the ratio of the peaks of two worlds, the first and the last of `GROWTH`."""
    for stage in (*STAGES, "closed day"):
        results.beside(
            "memory",
            f"{stage}: its peak with {GROWTH[-1] // GROWTH[0]} times the data",
            largest[stage],
            smallest[stage],
            MEGABYTES,
            bar=Bar(at_most=1.5),
            pairs=crossed,
        )


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def sizes(project: Project) -> dict[str, float]:
    """In MB, of all that there is."""
    directory = project.directory
    return {
        "log": project.world.megabytes,
        "archive": megabytes(directory.raw),
        "parsed": megabytes(directory.parsed),
        "model": directory.published_model.stat().st_size / 1e6,
    }


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
