"""What typed columns bring and cost: a question beside the same over JSON, and the file's size.

The question looks at two properties of every action of the busiest event. The answers must be the
same. The file is compared with that of a model of the same days that has no typed columns.
"""

import shutil
from typing import Any

import duckdb

from benchmarks.days import Project
from benchmarks.measuring import Watch, timed
from benchmarks.records import (
    MEGABYTES,
    PROCESSOR,
    RATIO,
    SECONDS,
    Bar,
    Results,
    both,
    ratios,
)
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.typed_settings import TypedSettings
from woopra_pipeline.model.update import update_model
from woopra_pipeline.sql_text import literal, quoted

STAGE = "typed columns"
TYPED, JSON = "a question over two typed columns", "the same question over JSON"
ASKED_AT_ONCE = 5
NOTHING_TYPED = TypedSettings(most_keys=0, names_left_out=("*",))


def compare_typed(results: Results, project: Project) -> None:
    """Note what the question takes over typed columns and over JSON, and how large the file is."""
    watch = Watch()
    seconds: dict[str, list[float]] = {TYPED: [], JSON: []}
    processor: dict[str, list[float]] = {TYPED: [], JSON: []}
    answers: dict[str, Any] = {}
    with connect_published(project.directory) as model:
        event, *columns = _busiest_event(model)
        keys = [f"properties ->> {literal(column)}" for column in columns]
        questions = {
            TYPED: f"select {_asked(map(quoted, columns))} from events.{quoted(event)}",
            JSON: f"select {_asked(keys)} from actions where name = {literal(event)}",
        }
        for _ in range(ASKED_AT_ONCE):
            for name, question in questions.items():
                clock, processors, answers[name] = timed(
                    lambda question=question: model.execute(question).fetchall()
                )
                seconds[name].append(clock)
                processor[name].append(processors)
    assert answers[TYPED] == answers[JSON], questions
    busy = [watch.busy()]
    for name in questions:
        results.add(STAGE, name, SECONDS, seconds[name], busy)
        results.add(STAGE, name, PROCESSOR, processor[name], busy)
    results.add(
        STAGE,
        "a question over JSON, beside the same over two typed columns",
        RATIO,
        ratios(seconds[JSON], seconds[TYPED]),
        busy,
        bar=Bar(at_least=20),
        figures=both(seconds[JSON], seconds[TYPED], SECONDS),
    )
    size = project.directory.published_model.stat().st_size / 1e6
    without = _untyped_megabytes(project.directory)
    results.add(
        STAGE,
        "the file, beside one without any",
        RATIO,
        [size / without],
        bar=Bar(at_most=1.6),
        figures=both([size], [without], MEGABYTES),
    )


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
