"""Ad-hoc questions on the published model, on raw JSON, and on a naive view.

The question is the same SQL everywhere, and so must be the answer. DuckDB reads the raw JSON again
for every question. The naive view reads a DuckDB file into which the same JSON was loaded once. For
both, `naive.sql` finds the lines that count, with window functions over all history.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import Cost, Costs, Measure, fresh, in_rounds, timed
from benchmarks.records import Bar, Results
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sql_text import exact_files

STAGE = "question"
FOLDER = Path(__file__).parent
QUESTIONS = {
    "people by property": "people_by_plan",
    "funnel": "funnel",
    "retention": "retention",
    "timeline of a person": "timeline",
}
COLUMNS = {
    **{"type": "VARCHAR", "method": "VARCHAR", "pid": "VARCHAR", "new_id": "VARCHAR"},
    **{"time": "BIGINT", "duration": "BIGINT", "country": "VARCHAR", "city": "VARCHAR"},
    **{"browser": "VARCHAR", "os": "VARCHAR", "device": "VARCHAR", "referrer": "JSON"},
    "visitor": "JSON",
    "actions": "STRUCT(name VARCHAR, time BIGINT, duration BIGINT, properties JSON)[]",
}
ASKED_AT_ONCE = 3

Rows = list[tuple[Any, ...]]
Answer = tuple[Rows, float, float]


def ask(results: Results, directory: DataDirectory, files: Sequence[Path], repeat: int) -> None:
    """Note seconds and peak memory of each question by system, and of loading the naive table."""
    naive = directory.root / "naive.duckdb"
    loading = fresh(load_naive, naive, files, before=lambda: naive.unlink(missing_ok=True))
    results.costs(STAGE, "load the naive table", in_rounds(repeat, {"": loading})[""])
    email = address_of_somebody(directory)
    all_costs = {}
    for question, name in QUESTIONS.items():
        costs = in_rounds(
            repeat,
            {
                "model": asking(ask_model, name, email, directory),
                "raw": asking(ask_raw, name, email, files),
                "naive": asking(ask_naive, name, email, naive),
            },
        )
        answers = [costs_of_system.values[0] for costs_of_system in costs.values()]
        assert answers[0], question
        assert answers[1:] == answers[:1] * 2, question
        for system, costs_of_system in costs.items():
            results.costs(STAGE, f"{question}, {system}", costs_of_system)
        all_costs[question] = costs
    for system, name, bar in (("raw", "raw JSON", 20), ("naive", "the naive view", 1)):
        for question, costs in all_costs.items():
            what = f"{question}: {name}, beside the model"
            results.beside(STAGE, what, costs[system], costs["model"], bar=Bar(at_least=bar))


def ask_only_model(directory: DataDirectory) -> dict[str, Costs]:
    """What each question takes, once."""
    email = address_of_somebody(directory)
    return in_rounds(
        1,
        {
            question: asking(ask_model, name, email, directory)
            for question, name in QUESTIONS.items()
        },
    )


def asking(work: Callable[..., Any], *arguments: Any) -> Measure:
    """Measures a question alone, without what the process does to get ready."""

    def measure() -> Cost:
        cost = fresh(work, *arguments)()
        answer, seconds, processor = cost.value
        return replace(cost, value=answer, seconds=seconds, processor_seconds=processor)

    return measure


def address_of_somebody(directory: DataDirectory) -> str:
    """The address of a person of whom much is known."""
    with connect_published(directory) as model:
        ((email,),) = model.execute(
            "select email from profiles where email is not null order by action_count desc, pid "
            "limit 1"
        ).fetchall()
    return str(email)


def ask_model(name: str, email: str, directory: DataDirectory) -> Answer:
    with connect_published(directory) as model:
        return answered(model, name, email)


def ask_raw(name: str, email: str, files: Sequence[Path]) -> Answer:
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create view lines as {numbered(files)}")
        connection.execute((FOLDER / "naive.sql").read_text())
        return answered(connection, name, email)


def ask_naive(name: str, email: str, path: Path) -> Answer:
    with duckdb.connect(path, read_only=True) as connection:
        return answered(connection, name, email)


def load_naive(path: Path, files: Sequence[Path]) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create table lines as {numbered(files)}")
        connection.execute((FOLDER / "naive.sql").read_text())


def numbered(files: Sequence[Path]) -> str:
    """The lines of the files in the order of the log; what cannot be read is left out."""
    return (
        "select row_number() over () as position, * "
        f"from read_json({exact_files(files)}, columns = {COLUMNS}, "
        "format = 'newline_delimited', ignore_errors = true)"
    )


def answered(connection: duckdb.DuckDBPyConnection, name: str, email: str) -> Answer:
    """The answer, and the medians of some times it took: the first shows what is warm now.

    By the clock, and of the processors.
    """
    question = (FOLDER / f"{name}.sql").read_text()
    parameters = {"email": email} if "$email" in question else None
    times = [
        timed(lambda: connection.execute(question, parameters).fetchall())
        for _ in range(ASKED_AT_ONCE)
    ]
    seconds, processor, answers = zip(*times, strict=True)
    return answers[-1], statistics.median(seconds), statistics.median(processor)
