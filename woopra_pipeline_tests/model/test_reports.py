"""The reports say what plain Python says of the same log, whatever is asked, in any session."""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from woopra_pipeline.cli.query import LARGEST_TABLE
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect, connect_published
from woopra_pipeline.model.update import create_tables, update_model
from woopra_pipeline.reading_sql import lock, require_reading
from woopra_pipeline.sql_text import table_of
from woopra_pipeline.tables import REPORT_MACROS
from woopra_pipeline_tests.model import plain_reports as plain
from woopra_pipeline_tests.model.interpreter import interpret
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.model.plain_reports import Action, Asked

FIRST_DAY = date(2026, 3, 5)
"""The days after it include the short one, 8 March."""
NAMES = ["a", "a", "b", "c", "it's", None]
PIDS = ["p", "q", "r", "s", "t"]
ZONES = ["America/Los_Angeles", "UTC", "Asia/Kathmandu", "Pacific/Apia", "America/Havana"]
"""In Havana 8 March 2026 begins at one o'clock, and 1 November has midnight twice."""
VALUES = ["x", "y", "z", "(other)", 1, None, True]
KEYS = ["plan", "a.b", 'q"q', "$p", "/s", "back\\slash"]


def milliseconds(day: date, **since: float) -> int:
    midnight = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return int((midnight + timedelta(**since)).timestamp() * 1000)


def random_time(chance: random.Random) -> int | None:
    if chance.random() < 0.08:
        return chance.choice([0, -5, None])
    day = FIRST_DAY + timedelta(days=chance.randrange(-20, 9))
    # Many at the same time, and many beside a midnight of some zone.
    return milliseconds(day, hours=chance.randrange(-12, 25)) + chance.choice([-1, 0, 0, 1])


def random_line(chance: random.Random) -> bytes:
    pid = chance.choice(PIDS)
    if chance.random() < 0.15:
        return json.dumps({"type": "delete", "pid": pid, "new_id": chance.choice(PIDS)}).encode()
    actions = [
        {
            "name": chance.choice(NAMES),
            "time": random_time(chance),
            "properties": {key: chance.choice(VALUES) for key in chance.sample(KEYS, 3)},
        }
        for _ in range(chance.randrange(5))
    ]
    line = {"type": "visit", "pid": pid, "time": random_time(chance), "actions": actions}
    return json.dumps(line).encode()


def random_log(chance: random.Random) -> dict[date, bytes]:
    days = [FIRST_DAY + timedelta(days=number) for number in range(chance.choice([1, 3, 6]))]
    return {
        day: b"\n".join(random_line(chance) for _ in range(chance.randrange(1, 16)))
        for day in chance.sample(days, chance.choice([len(days), (len(days) + 1) // 2]))
    }


@contextmanager
def model_of(
    folder: Path, log: dict[date, bytes], zone: str = "UTC", open_day: date | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published model of a log, locked to reading as `woopra-pipeline query` has it."""
    directory = DataDirectory(folder)
    for log_day, file in log.items():
        put_day(directory, log_day, file, is_open=log_day == open_day)
    update_model(directory)
    with connect_published(directory) as connection:
        connection.execute(f"set TimeZone = '{zone}'")
        lock(connection)
        yield connection


def rows_of(connection: duckdb.DuckDBPyConnection, call: str) -> list[tuple[Any, ...]]:
    require_reading(connection, f"from {call}")
    rows = connection.sql(f"from {call}").fetchall()
    return [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in rows]


def rounded(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in rows]


def random_asked(chance: random.Random) -> Asked:
    some_day = lambda: chance.choice(  # noqa: E731
        [None, None, FIRST_DAY + timedelta(days=chance.randrange(-15, 12))]
    )
    since, until = some_day(), some_day()
    return Asked(
        since, until, chance.choice(ZONES), chance.choice(["day", "week", "month", "quarter"])
    )


def compare_all(
    connection: duckdb.DuckDBPyConnection,
    actions: Sequence[Action],
    log_days: Sequence[date],
    chance: random.Random,
) -> None:
    """Ask each report something, of the model and of plain Python."""
    asked = random_asked(chance)
    ranges: dict[str, Any] = {"since": asked.since, "until": asked.until, "tz": asked.tz}
    names = [name for name in NAMES if name]
    event, other = chance.choice([*names, None]), chance.choice([*names, None])
    number = chance.randrange(0, 9)

    found = rows_of(connection, table_of("trend", event, grain=asked.grain, **ranges))
    assert found == plain.trend(actions, log_days, event, asked)

    key = chance.choice(KEYS)
    found = rows_of(
        connection, table_of("trend_by", event, key, grain=asked.grain, top=number, **ranges)
    )
    expected = plain.trend_by(actions, log_days, event, key, top=number, asked=asked)
    assert found == expected

    steps = [chance.choice(names) for _ in range(chance.randrange(1, 5))]
    days = chance.choice([0, 1 / 24, 0.5, 1, 3, 30])
    found = rows_of(connection, table_of("funnel", steps, days=days, **ranges))
    assert found == rounded(plain.funnel(actions, steps, days, asked))

    found = rows_of(
        connection,
        table_of("retention", event, other, grain=asked.grain, periods=number, **ranges),
    )
    expected = plain.retention(actions, log_days, event, other, periods=number, asked=asked)
    assert found == rounded(expected)

    start, repeats = chance.choice(names), chance.choice([False, True])
    found = rows_of(
        connection, table_of("journeys", start, depth=number, top=5, repeats=repeats, **ranges)
    )
    expected = plain.journeys(actions, start, depth=number, top=5, repeats=repeats, asked=asked)
    assert found == rounded(expected)


SEEDS = [*range(4), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(4, 300))]


@pytest.mark.parametrize("seed", SEEDS)
def test_reports_equal_plain_python(tmp_path, seed):
    chance = random.Random(seed)
    log = random_log(chance)
    interpretation = interpret(log)
    with model_of(tmp_path, log, zone=chance.choice(ZONES)) as connection:
        for _ in range(8):
            compare_all(connection, plain.living_actions(interpretation), sorted(log), chance)


def test_reports_equal_plain_python_whatever_came_when(tmp_path):
    chance = random.Random("days")
    log = random_log(chance)
    directory = DataDirectory(tmp_path)
    for log_day in chance.sample(sorted(log), len(log)):
        put_day(directory, log_day, random_line(chance))
        update_model(directory, rebuild_share=2)
        put_day(directory, log_day, log[log_day])
        update_model(directory, rebuild_share=2)
    with connect_published(directory) as connection:
        lock(connection)
        compare_all(connection, plain.living_actions(interpret(log)), sorted(log), chance)


def visit(pid: str, *actions: tuple[str, int]) -> bytes:
    listed = [{"name": name, "time": time} for name, time in actions]
    return json.dumps(
        {"type": "visit", "pid": pid, "time": min(time for _, time in actions), "actions": listed}
    ).encode()


def merge(pid: str, into: str) -> bytes:
    return json.dumps({"type": "delete", "pid": pid, "new_id": into}).encode()


NOON = milliseconds(FIRST_DAY, hours=12)
DAY = 86_400_000


@pytest.mark.parametrize(
    ("actions", "days", "people"),
    [
        pytest.param([("a", NOON), ("b", NOON)], 1, 1, id="same time, in the log's order"),
        pytest.param([("b", NOON), ("a", NOON)], 1, 0, id="same time, the other order"),
        pytest.param([("a", NOON), ("b", NOON + DAY)], 1, 1, id="the last millisecond"),
        pytest.param([("a", NOON), ("b", NOON + DAY + 1)], 1, 0, id="a millisecond too late"),
        pytest.param(
            [("a", NOON), ("a", NOON + DAY), ("b", NOON + 2 * DAY)], 1, 1, id="a later start"
        ),
        pytest.param([("b", NOON), ("a", NOON + 1)], 1, 0, id="the wrong way round"),
    ],
)
def test_a_funnel_of_two_steps(tmp_path, actions, days, people):
    with model_of(tmp_path, {FIRST_DAY: visit("p", *actions)}) as connection:
        rows = rows_of(connection, f"funnel(['a', 'b'], days := {days})")
        assert [row[2] for row in rows] == [1, people]


def test_an_action_is_one_step_only(tmp_path):
    with model_of(tmp_path, {FIRST_DAY: visit("p", ("a", NOON))}) as connection:
        assert [row[2] for row in rows_of(connection, "funnel(['a', 'a'])")] == [1, 0]


def test_a_start_that_leads_further_is_not_lost_to_a_later_one(tmp_path):
    actions = [("a", NOON), ("b", NOON + 1), ("a", NOON + 2), ("c", NOON + 3)]
    with model_of(tmp_path, {FIRST_DAY: visit("p", *actions)}) as connection:
        assert [row[2] for row in rows_of(connection, "funnel(['a', 'b', 'c'])")] == [1, 1, 1]


def test_people_are_who_they_are_today(tmp_path):
    log = {
        FIRST_DAY: visit("phone", ("a", NOON)) + b"\n" + visit("laptop", ("b", NOON + 1)),
        FIRST_DAY + timedelta(days=1): merge("phone", "laptop")
        + b"\n"
        + visit("laptop", ("a", NOON)),
    }
    with model_of(tmp_path / "before", {FIRST_DAY: log[FIRST_DAY]}) as connection:
        assert [row[2] for row in rows_of(connection, "funnel(['a', 'b'])")] == [1, 0]
    with model_of(tmp_path / "after", log) as connection:
        assert [row[2] for row in rows_of(connection, "funnel(['a', 'b'])")] == [1, 1]
        assert rows_of(connection, "trend('a', grain := 'year')") == [(date(2026, 1, 1), 1, 1, 1)]


def test_people_count_whose_merges_wait_for_their_relog(tmp_path):
    file = visit("phone", ("a", NOON)) + b"\n" + visit("laptop", ("a", NOON))
    with model_of(tmp_path, {FIRST_DAY: file + b"\n" + merge("phone", "laptop")}) as connection:
        assert connection.sql("select is_provisional from profiles").fetchall() == [(True,)]
        assert rows_of(connection, "trend('a')") == [(FIRST_DAY, 1, 1, 1)]


def test_a_period_that_is_not_over_is_unknown(tmp_path):
    days = [FIRST_DAY + timedelta(days=number) for number in range(3)]
    log = {day: visit("p", ("a", milliseconds(day, hours=1))) for day in days}
    with model_of(tmp_path, log, open_day=days[-1]) as connection:
        rows = rows_of(connection, "retention('a', 'a', grain := 'day', periods := 3)")
        assert [row[3] for row in rows] == [1, 1, None, 0, None, None, None, None, None]
        assert [row[1] for row in rows[::3]] == [1, 0, 0]


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_journey_of_somebody_who_repeats_often(tmp_path, depth, repeats):
    """More repetitions than `journeys` sorts at first, and others at the time of the start."""
    before = [("b", NOON), ("a", NOON), ("b", NOON)]
    often = [("a", NOON + number) for number in range(1, 40)]
    many = [*before, *often, ("b", NOON + 50), ("c", NOON + 60)]
    file = visit("p", *many) + b"\n" + visit("q", *many[:9]) + b"\n" + visit("r", *before)
    log = {FIRST_DAY: file}
    with model_of(tmp_path, log) as connection:
        found = rows_of(
            connection, f"journeys('a', depth := {depth}, top := 9, repeats := {repeats})"
        )
    actions = plain.living_actions(interpret(log))
    expected = plain.journeys(actions, "a", depth=depth, top=9, repeats=repeats, asked=Asked())
    assert found == rounded(expected)


@pytest.mark.parametrize("name", [macro.name for macro in REPORT_MACROS])
def test_a_model_without_days_has_nothing_to_report(tmp_path, name):
    asked = {"funnel": "['a']", "retention": "null, null", "trend_by": "null, 'x'"}
    with connect(tmp_path / "model.duckdb") as connection:
        create_tables(connection)
        rows = rows_of(connection, f"{name}({asked.get(name, repr('a'))})")
        assert rows == ([(1, "a", 0, None, None, None)] if name == "funnel" else [])


def test_a_day_with_two_midnights_and_one_with_none(tmp_path):
    """In Havana clocks go back to 0:00 on 1 November, and from 0:00 to 1:00 on 8 March."""
    moments = [
        datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC),  # 31 October, 23:59:59
        datetime(2026, 11, 1, 4, tzinfo=UTC),  # 1 November, 0:00 for the first time
        datetime(2026, 11, 1, 5, tzinfo=UTC),  # and for the second
        datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC),  # 7 March, 23:59:59
        datetime(2026, 3, 8, 5, tzinfo=UTC),  # 8 March, 1:00
    ]
    actions = [("a", int(moment.timestamp() * 1000)) for moment in moments]
    with model_of(tmp_path, {FIRST_DAY: visit("p", *actions)}) as connection:
        for since, until, count in [
            ("2026-11-01", "2026-11-01", 2),
            ("2026-10-31", "2026-10-31", 1),
            ("2026-03-08", "2026-03-08", 1),
            ("2026-03-07", "2026-03-07", 1),
        ]:
            ranges = f"since := '{since}', until := '{until}', tz := 'America/Havana'"
            rows = rows_of(connection, f"trend('a', {ranges})")
            assert [row[3] for row in rows] == [count]
            ((_, _, people, *_),) = rows_of(connection, f"funnel(['a'], {ranges})")
            assert people == 1


def test_an_unknown_grain_is_refused(tmp_path):
    with model_of(tmp_path, {FIRST_DAY: visit("p", ("a", NOON))}) as connection:
        for report in ("trend('a', grain := 'hour')", "retention('a', 'a', grain := 'hour')"):
            with pytest.raises(duckdb.Error, match="the grain must be day, week, month, quarter"):
                connection.sql(f"from {report}").fetchall()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_timeline_has_everything_in_order(tmp_path, seed):
    chance = random.Random(seed)
    log = random_log(chance)
    interpretation = interpret(log)
    with model_of(tmp_path, log, zone=chance.choice(ZONES)) as connection:
        aliases = dict(connection.sql("select pid, canonical_pid from pid_aliases").fetchall())
        for pid in PIDS:
            rows = rows_of(connection, f"timeline('{pid}')")
            profile = interpretation.profiles.get(aliases.get(pid) or "")
            happened = sorted(
                (kind, row["log_day"], row["log_line"], row.get("action_index"))
                for kind, found in (("visit", "visits"), ("action", "actions"))
                for row in (getattr(profile, found) if profile else [])
            )
            found = sorted((row[2], row[5], row[6], row[7]) for row in rows if row[2] != "merge")
            assert found == happened
            merges = [row for row in rows if row[2] == "merge"]
            assert [(row[5], row[6], row[3]) for row in merges] == [
                row[:3]
                for row in connection.execute(
                    "select log_day, log_line, from_pid, to_pid from profile_merges "
                    "where canonical_pid = ? order by all",
                    [aliases.get(pid)],
                ).fetchall()
            ]
            assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
            check_times(rows)


def check_times(rows: Sequence[tuple[Any, ...]]) -> None:
    """What happened is in time; a merge stands on its log day."""
    times = [row[1].astimezone(UTC) for row in rows if row[1]]
    assert times == sorted(times)
    for row in rows:
        if row[2] == "merge":
            before = [r[1].astimezone(UTC) for r in rows[: row[0] - 1] if r[1]]
            after = [r[1].astimezone(UTC) for r in rows[row[0] :] if r[1]]
            assert all(time >= plain.midnight(row[5], plain.PACIFIC) for time in after)
            day_after = plain.midnight(row[5] + timedelta(days=1), plain.PACIFIC)
            assert all(time <= day_after for time in before)


def test_a_merge_stands_after_what_it_voided(tmp_path):
    """All on one log day: a visit by phone, the merge, the visit again, and a visit by laptop."""
    file = b"\n".join(
        [
            visit("phone", ("a", NOON)),
            merge("phone", "laptop"),
            visit("laptop", ("a", NOON)),
            visit("laptop", ("b", NOON + 60_000)),
        ]
    )
    with model_of(tmp_path, {FIRST_DAY: file}) as connection:
        for pid in ("phone", "laptop"):
            rows = rows_of(connection, f"timeline('{pid}')")
            assert [(row[2], row[3]) for row in rows] == [
                ("visit", None),
                ("action", "a"),
                ("merge", "phone"),
                ("visit", None),
                ("action", "b"),
            ]


@pytest.mark.parametrize("macro", REPORT_MACROS, ids=lambda macro: macro.name)
def test_a_macro_is_what_is_declared(macro):
    asked = ", ".join(
        "['a']" if parameter.name == "steps" else "'a'"
        for parameter in macro.parameters
        if parameter.default is None
    )
    with duckdb.connect() as connection:
        create_tables(connection)
        columns = connection.sql(f"describe from {macro.name}({asked})").fetchall()
        ((parameters, comment),) = connection.execute(
            "select parameters, comment from duckdb_functions() where function_name = ?",
            [macro.name],
        ).fetchall()
        for parameter in macro.parameters:
            if parameter.default is not None:
                said = f"{parameter.name} := {parameter.default}"
                assert connection.sql(f"from {macro.name}({asked}, {said})").columns
    types = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
    assert [(name, types.get(kind, kind)) for name, kind, *_ in columns] == [
        (column.name, column.type.value) for column in macro.columns
    ]
    assert parameters == [parameter.name for parameter in macro.parameters]
    assert comment == macro.comment


def test_a_model_of_before_gets_its_reports_without_being_built_again(tmp_path):
    directory = DataDirectory(tmp_path)
    put_day(directory, FIRST_DAY, visit("p", ("a", NOON)))
    update_model(directory)
    with connect(directory.model / "build.duckdb") as connection:
        connection.execute("drop macro table trend; drop macro reports_version")
    update = update_model(directory)
    assert (update.method, update.published) == ("none", True)
    with connect_published(directory) as connection:
        assert rows_of(connection, "trend('a')") == [(FIRST_DAY, 1, 1, 1)]
    update = update_model(directory)
    assert (update.method, update.published) == ("none", False)


def test_a_long_range_is_not_cut(tmp_path):
    with model_of(tmp_path, {FIRST_DAY: visit("p", ("a", NOON))}) as connection:
        rows = rows_of(connection, "trend('a', since := '2020-01-01')")
        assert len(rows) == (FIRST_DAY - date(2020, 1, 1)).days + 1 > LARGEST_TABLE
