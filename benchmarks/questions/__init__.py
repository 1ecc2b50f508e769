"""Ad-hoc questions, asked of the published model, of raw JSON, and of a naive view.

The question is the same SQL everywhere, and so must be the answer. Raw JSON is read by DuckDB
anew for every question; the naive view stands on a DuckDB file into which the same JSON was loaded
once. On both, `naive.sql` says which lines count, with window functions over all history.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.days import Project
from benchmarks.measuring import Costs, measured
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.sql_text import exact_files

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


def ask(project: Project, repeat: int) -> dict[str, dict[str, Any]]:
    """Seconds and peak memory of each question by system, and of loading the naive table."""
    directory = project.directory
    files = [str(path) for path in project.world.files]
    naive = directory.root / "naive.duckdb"
    loading = measured(
        repeat, load_naive, naive, files, before=lambda: naive.unlink(missing_ok=True)
    )
    email = address_of_somebody(directory)
    figures: dict[str, dict[str, Any]] = {"load the naive table": loading.figures()}
    for question, name in QUESTIONS.items():
        systems = {
            "model": measured(repeat, ask_model, name, email, directory),
            "raw": measured(repeat, ask_raw, name, email, files),
            "naive": measured(repeat, ask_naive, name, email, naive),
        }
        answers = [costs.value[0] for costs in systems.values()]
        assert answers[0], question
        assert answers[1:] == answers[:1] * 2, question
        figures[question] = {system: of_questions(costs) for system, costs in systems.items()}
    return figures


def ask_only_model(project: Project) -> dict[str, dict[str, float]]:
    """Seconds and peak memory of each question."""
    email = address_of_somebody(project.directory)
    return {
        f"{question}, model": of_questions(measured(1, ask_model, name, email, project.directory))
        for question, name in QUESTIONS.items()
    }


def of_questions(costs: Costs) -> dict[str, float]:
    seconds = [cost.value[1] for cost in costs.all]
    return {
        "seconds": statistics.median(seconds),
        "best_seconds": min(seconds),
        "peak_megabytes": costs.peak_megabytes,
    }


def address_of_somebody(directory: DataDirectory) -> str:
    """The address of a person of whom much is known."""
    with connect_published(directory) as model:
        ((email,),) = model.execute(
            "select email from profiles where email is not null order by action_count desc, pid "
            "limit 1"
        ).fetchall()
    return str(email)


def ask_model(name: str, email: str, directory: DataDirectory) -> tuple[Rows, float]:
    with connect_published(directory) as model:
        return timed(model, name, email)


def ask_raw(name: str, email: str, files: list[str]) -> tuple[Rows, float]:
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create view lines as {numbered(files)}")
        connection.execute((FOLDER / "naive.sql").read_text())
        return timed(connection, name, email)


def ask_naive(name: str, email: str, path: Path) -> tuple[Rows, float]:
    with duckdb.connect(path, read_only=True) as connection:
        return timed(connection, name, email)


def load_naive(path: Path, files: list[str]) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create table lines as {numbered(files)}")
        connection.execute((FOLDER / "naive.sql").read_text())


def numbered(files: list[str]) -> str:
    """The lines of the files in the order of the log; what cannot be read is left out."""
    return (
        "select row_number() over () as position, * "
        f"from read_json({exact_files(map(Path, files))}, columns = {COLUMNS}, "
        "format = 'newline_delimited', ignore_errors = true)"
    )


def timed(connection: duckdb.DuckDBPyConnection, name: str, email: str) -> tuple[Rows, float]:
    """The answer, and the median of some times it took: the first shows what is warm now."""
    question = (FOLDER / f"{name}.sql").read_text()
    parameters = {"email": email} if "$email" in question else None
    seconds = []
    for _ in range(ASKED_AT_ONCE):
        started = time.perf_counter()
        answer = connection.execute(question, parameters).fetchall()
        seconds.append(time.perf_counter() - started)
    return answer, statistics.median(seconds)
