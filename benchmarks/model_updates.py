"""The cost of a change of days, compared with building the model from all days.

    python -m benchmarks.model_updates                        # 60 days of 100,000 visits
    python -m benchmarks.model_updates --visits 10000 --applies 200

Every update runs in a process of its own. Updates whose ratio is computed are measured in turns,
each time from the same state.
"""

import shutil
from collections.abc import Sequence
from datetime import date

from benchmarks.measuring import Costs, Measure, fresh, in_new_process, in_rounds
from benchmarks.records import (
    MEGABYTES,
    RATIO,
    SECONDS,
    Bar,
    Results,
    both,
    ratios,
)
from benchmarks.single import arguments_of, single
from benchmarks.stages import copy
from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.update import update_model

STAGE = "model updates"
ONE_DAY = Bar(at_most=1 / 8)
GROWN = Bar(at_most=1.1)
NEW, BUILT = "a new last day after {} days", "{} days, built in one go"
COPY = "copy of the published file"


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--visits", type=int, default=100_000, help="per day")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--applies", type=int, default=0, help="daily applies to watch the file by")
    arguments = parser.parse_args()
    size = f"{arguments.applies or arguments.days} days of {arguments.visits:,} visits"
    with single(size, arguments) as (root, results):
        bench = Bench(DataDirectory(root))
        if arguments.applies:
            bench.watch_the_file(results, arguments.applies, arguments.visits)
        else:
            bench.compare(results, arguments.days, arguments.visits, arguments.repeat)


class Bench:
    """A data directory whose parsed days come and go, and what the updates cost."""

    def __init__(self, directory: DataDirectory) -> None:
        self.directory = directory
        self.aside = directory.root / "aside"
        self.states = directory.root / "states"
        self.aside.mkdir(parents=True)
        self.states.mkdir()

    def compare(self, results: Results, days: int, visits: int, repeat: int) -> None:
        made = make_parsed_days(self.directory, days + 1, visits)
        histories = (days // 4, days // 2, days)
        costs: dict[str, Costs] = {}
        for history in histories:
            costs |= in_rounds(1, {BUILT.format(history): self.updating(made[:history])})
            self.save(f"{history}")
        middle = made[days // 2]
        without_middle = [day for day in made if day != middle]
        for state, kept in (("all", made), ("without middle", without_middle)):
            self.keep(kept)
            in_new_process(update_model, self.directory)
            self.save(state)
        late, replaced = f"day {days // 2} comes late", f"day {days // 2} comes with other content"
        new = {history: NEW.format(history) for history in histories}
        built = BUILT.format(days + 1)
        costs |= in_rounds(
            repeat,
            {
                **{
                    new[history]: self.updating(made[: history + 1], f"{history}")
                    for history in histories
                },
                f"day {days // 2} of {days + 1} removed": self.updating(without_middle, "all"),
                late: self.updating(made, "without middle"),
                replaced: self.updating(made, "all", other_content=middle),
                built: self.updating(made),
                COPY: fresh(copy, self.directory),
            },
        )
        for step, costs_of_step in costs.items():
            note(results, step, costs_of_step)
        for what, step in (
            ("new last day", new[days]),
            ("late day", late),
            ("replaced day", replaced),
        ):
            bar = Bar() if step == replaced else ONE_DAY
            results.beside(
                STAGE, f"{what}, beside a build of all days", costs[step], costs[built], bar=bar
            )
        longest, shortest = (
            [cost.seconds - cost.value.publishing_seconds for cost in costs[new[history]].all]
            for history in (days, days // 4)
        )
        publishing = [update.publishing_seconds for update in costs[new[days]].values]
        copying = costs[COPY].seconds
        for what, above, below in (
            (f"new last day after {days}, beside after {days // 4} days", longest, shortest),
            ("publishing, beside copying the file", publishing, copying),
        ):
            results.add(
                STAGE,
                what,
                RATIO,
                ratios(above, below),
                costs[new[days]].busy,
                figures=both(above, below, SECONDS),
            )

    def watch_the_file(self, results: Results, applies: int, visits: int) -> None:
        made = make_parsed_days(self.directory, applies, visits)
        for count in range(1, applies + 1):
            self.keep(made[:count])
            cost = in_new_process(update_model, self.directory)
            grown = self.file_megabytes
            if count in {2, applies // 2, applies}:
                note(results, f"day {count} applied", Costs([cost]))
        built = self.updating(made)()
        note(results, BUILT.format(applies), Costs([built]))
        results.add(
            STAGE,
            f"the file after {applies} applies, beside one built in one go",
            RATIO,
            [grown / self.file_megabytes],
            bar=GROWN,
            figures=both([grown], [self.file_megabytes], MEGABYTES),
        )

    def updating(
        self, days: Sequence[date], state: str | None = None, other_content: date | None = None
    ) -> Measure:
        """Measures an update to exactly these days, of the model as it was saved, or of none."""

        def prepare() -> None:
            self.keep(days)
            for day in days:
                self.set_content(day, is_other=day == other_content)
            self.remove_model()
            if state is not None:
                shutil.copytree(self.states / state, self.directory.model)

        return fresh(update_model, self.directory, before=prepare)

    def save(self, state: str) -> None:
        shutil.copytree(self.directory.model, self.states / state)

    def keep(self, days: Sequence[date]) -> None:
        """Leave exactly these of the parsed days in place."""
        names = {day.isoformat() for day in days}
        for folder in list(self.directory.parsed.iterdir()):
            if folder.name not in names:
                folder.rename(self.aside / folder.name)
        for folder in list(self.aside.iterdir()):
            if folder.name in names:
                folder.rename(self.directory.parsed / folder.name)

    def set_content(self, day: date, *, is_other: bool) -> None:
        """Give the day its fingerprint, or another one, as if its content had changed."""
        manifest = self.directory.parsed / day.isoformat() / "manifest.json"
        content = manifest.read_text()
        first = content.replace('"synthetic again ', '"synthetic ')
        wanted = first.replace('"synthetic ', '"synthetic again ') if is_other else first
        if wanted != content:
            manifest.write_text(wanted)

    def remove_model(self) -> None:
        shutil.rmtree(self.directory.model, ignore_errors=True)
        self.directory.published_model.unlink(missing_ok=True)

    @property
    def file_megabytes(self) -> float:
        return self.directory.published_model.stat().st_size / 1e6


def note(results: Results, step: str, costs: Costs) -> None:
    """Note what a step took, and how much of that it took to publish the model."""
    results.costs(STAGE, step, costs)
    if step != COPY:
        seconds = [update.publishing_seconds for update in costs.values]
        results.add(STAGE, f"{step}: publishing", SECONDS, seconds, costs.busy)


if __name__ == "__main__":
    main()
