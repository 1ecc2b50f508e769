"""The reports on worlds of the sandbox, beside what plain Python makes of the truth.

The truth knows people and their visits from the identity system, not from lines of a log.
"""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.report.figures import of_period, whole_period
from woopra_pipeline.sandbox import Moods, SandboxSettings, Truth
from woopra_pipeline.sql_text import table_of
from woopra_pipeline_tests.model import plain_reports as plain
from woopra_pipeline_tests.model.plain_reports import Action, Asked
from woopra_pipeline_tests.model.test_reports import rounded, rows_of
from woopra_pipeline_tests.sandbox.test_model_equals_truth import FIRST_DAY, run

STEPS = ["pv", "search", "newsletter", "payment", "invite", "order"]


def true_actions(truth: Truth) -> list[Action]:
    visits = truth.visits.sort_by("logged_at").to_pylist()
    return sorted(
        Action(
            datetime.fromtimestamp(action["time"] / 1000, UTC),
            truth.log_day,
            number,
            place,
            visit["pid"],
            action["name"],
        )
        for number, visit in enumerate(visits)
        for place, action in enumerate(visit["actions"])
    )


@pytest.mark.parametrize(
    ("seed", "people", "days"),
    [
        (7, 60, 15),
        *(pytest.param(seed, 100, 24, marks=pytest.mark.long) for seed in range(300, 330)),
    ],
)
def test_reports_equal_the_truth(tmp_path: Path, seed: int, people: int, days: int) -> None:
    world = SandboxSettings(seed=seed, people=people, first_day=FIRST_DAY)
    truth = run(tmp_path, world, days, Moods())
    actions = true_actions(truth)
    chance = random.Random(seed)
    with connect_published(DataDirectory(tmp_path)) as connection:
        query = "select log_day from log_days order by log_day"
        log_days: list[date] = [log_day for (log_day,) in connection.sql(query).fetchall()]
        for event in (None, "pv", "payment"):
            asked = Asked(grain=chance.choice(["day", "week"]))
            found = rows_of(connection, table_of("trend", event, grain=asked.grain))
            assert found == plain.trend(actions, log_days, event, asked)
            found = rows_of(connection, table_of("retention", event, "pv", grain="week"))
            expected = plain.retention(
                actions, log_days, event, "pv", periods=8, asked=Asked(grain="week")
            )
            assert found == rounded(expected)
        for _ in range(4):
            steps, within = chance.sample(STEPS, 3), chance.choice([1, 7, 30])
            found = rows_of(connection, table_of("funnel", steps, days=within))
            assert found == rounded(plain.funnel(actions, steps, within, Asked()))
            assert found[0][2] > 0 or steps[0] == "order"
        found = rows_of(connection, table_of("journeys", "pv"))
        expected = plain.journeys(actions, "pv", depth=4, top=20, repeats=False, asked=Asked())
        assert found == rounded(expected)
        compare_page(connection, actions, log_days)


def compare_page(
    connection: duckdb.DuckDBPyConnection, actions: Sequence[Action], log_days: Sequence[date]
) -> None:
    """What the report and the app say of people, beside the truth, in a session of elsewhere."""
    connection.execute("set TimeZone = 'Asia/Kathmandu'")
    period = whole_period(connection)
    assert period is not None
    for grain in ("day", "week", "month"):
        rows = of_period(connection, "people", period, grain=grain)
        assert [tuple(row.values()) for row in rows] == plain.people(actions, log_days, grain)
    lately = of_period(connection, "people_lately", period)
    assert [tuple(row.values()) for row in lately] == plain.people_lately(actions, log_days)
    assert lately[-1]["people"] > lately[-1]["new"] > 0
    weekly = [
        row
        for row in plain.retention(
            actions, log_days, None, None, periods=8, asked=Asked(grain="week")
        )
        if row[0] >= log_days[0] and row[4] is not None
    ]
    found = of_period(connection, "retention", period, weeks=8)
    assert [tuple(row.values()) for row in found] == weekly
    assert weekly
    by_day = plain.trend(actions, log_days, None, Asked())
    found = of_period(connection, "activity", period)
    assert [(row["day"], row["visits"], row["actions"]) for row in found] == [
        (day, visits, done) for day, _, visits, done in by_day
    ]
