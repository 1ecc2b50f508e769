"""How long the pages of the app take on a year of ten million actions.

    python -m benchmarks.explore                              # makes the year, and removes it again
    python -m benchmarks.explore --data-directory data        # on a model that is there

Measures the queries of each page when it is opened, and a second question for the pages with many
choices. For each it prints seconds by the clock and processor seconds. In the invented year, nearly
all people do all three actions in every visit: the most expensive case for funnels and journeys.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import processor_seconds
from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.explore.answers import ANY, Model
from woopra_pipeline.model.update import update_model
from woopra_pipeline.report.page import write_report

DAYS, VISITS_A_DAY = 365, 9_000
A_DAY = 86_400_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-directory", type=Path, help="default: a year that is made for it")
    arguments = parser.parse_args()
    if arguments.data_directory:
        ask(DataDirectory(arguments.data_directory))
        return
    with tempfile.TemporaryDirectory() as folder:
        directory = DataDirectory(Path(folder))
        make_parsed_days(directory, DAYS, VISITS_A_DAY, milliseconds=DAYS * A_DAY)
        update_model(directory)
        ask(directory)


def ask(directory: DataDirectory) -> None:
    """Open every page once, and print the time of each."""
    model = Model(directory)
    events = [row["name"] for row in model.events()]
    some = events[:3]
    questions: dict[str, Callable[[], object]] = {
        "Overview": lambda: (
            model.events(),
            model.log_days(),
            model.figures("headline"),
            model.people_a_day(),
        ),
        "Trends": lambda: (model.property_names(some[0]), model.trend(some[0], "day")),
        "Trends, any action": lambda: model.trend(ANY, "day"),
        "Trends, split": lambda: model.trend_by(some[0], model.property_names(some[0])[0], "day"),
        "Journeys": lambda: (model.funnel(some, 30), model.journeys(some[0], 4)),
        "Journeys, the funnel": lambda: model.funnel(some, 30),
        "Journeys, the ways on": lambda: model.journeys(some[0], 4),
        "Retention": lambda: model.retention(ANY, ANY, "week"),
        "People": lambda: model.people(""),
        "People, a search": lambda: model.people("example.com"),
        "Data": lambda: (model.quality(), model.gaps()),
        "The report": lambda: write_report(directory),
    }
    ((actions,),) = (row.values() for row in model.rows("select count(*) from actions"))
    print(f"{actions:,} actions")
    for name, question in questions.items():
        clock, processor = time.perf_counter(), processor_seconds()
        question()
        clock, processor = time.perf_counter() - clock, processor_seconds() - processor
        print(f"{name:24}{clock:6.1f} s by the clock,{processor:6.1f} s of the processors")


if __name__ == "__main__":
    main()
