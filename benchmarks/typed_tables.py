"""What typed columns bring and cost: a question beside the same over JSON, and the file's size.

The question looks at two properties of every action of the busiest event. The answers must be the
same. The file is compared with that of a model of the same days that has no typed columns.
"""

import shutil
import statistics
import time
from typing import Any

import duckdb

from benchmarks.days import Project
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.typed_settings import TypedSettings
from woopra_pipeline.model.update import update_model
from woopra_pipeline.sql_text import literal, quoted

ASKED_AT_ONCE = 5
NOTHING_TYPED = TypedSettings(most_keys=0, names_left_out=("*",))


def compare_typed(project: Project) -> dict[str, Any]:
    """Seconds of the question over typed columns and over JSON, and megabytes of both files."""
    with connect_published(project.directory) as model:
        event, *columns = _busiest_event(model)
        typed = f"from events.{quoted(event)}"
        over_json = f"from actions where name = {literal(event)}"
        keys = [f"properties ->> {literal(column)}" for column in columns]
        questions = {
            "typed": f"select {_asked(map(quoted, columns))} {typed}",
            "json": f"select {_asked(keys)} {over_json}",
        }
        seconds: dict[str, list[float]] = {name: [] for name in questions}
        answers = {}
        for _ in range(ASKED_AT_ONCE):
            for name, question in questions.items():
                started = time.perf_counter()
                answers[name] = model.execute(question).fetchall()
                seconds[name].append(time.perf_counter() - started)
    assert answers["typed"] == answers["json"], questions
    return {
        **{f"{name}_seconds": statistics.median(times) for name, times in seconds.items()},
        "typed_megabytes": project.directory.published_model.stat().st_size / 1e6,
        "untyped_megabytes": _untyped_megabytes(project.directory),
    }


def _busiest_event(model: duckdb.DuckDBPyConnection) -> tuple[str, str, str]:
    """The event with most values in two columns of texts, and these columns."""
    (row,) = model.execute(
        "select event, list(key order by value_count desc, key)[:2] as keys "
        "from property_types where type = 'VARCHAR' and event = relation_name "
        "and key = column_name group by event having count(*) > 1 "
        "order by max(value_count) desc limit 1"
    ).fetchall()
    return (row[0], *row[1])


def _asked(columns: Any) -> str:
    return ", ".join(f"count({column}), max(length({column}))" for column in columns)


def _untyped_megabytes(directory: DataDirectory) -> float:
    untyped = DataDirectory(directory.root / "untyped")
    untyped.root.mkdir()
    untyped.parsed.symlink_to(directory.parsed)
    try:
        update_model(untyped, typed=NOTHING_TYPED)
        return untyped.published_model.stat().st_size / 1e6
    finally:
        shutil.rmtree(untyped.root)
