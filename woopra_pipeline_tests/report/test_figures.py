"""Figures say of the model what anyone would count in it by hand."""

from datetime import UTC, date, datetime

import duckdb
import pytest

from woopra_pipeline.cli.status import read_status
from woopra_pipeline.model.checks import MODEL_CHECKS, run_check
from woopra_pipeline.report.figures import (
    Period,
    figures,
    gaps,
    of_period,
    recent_period,
    whole_period,
)
from woopra_pipeline_tests.report.conftest import at, visit

FIRST, SECOND, THIRD = (date(2026, 1, day) for day in (1, 2, 3))


def test_a_model_without_days_has_no_period(log):
    log.put({})
    with log.connect() as connection:
        assert whole_period(connection) is None
        assert recent_period(connection) is None


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param("2026-01-01", "day", id="one day"),
        pytest.param("2026-04-30", "day", id="four months"),
        pytest.param("2026-05-01", "week", id="a day more"),
        pytest.param("2028-12-31", "month", id="years"),
    ],
)
def test_long_periods_get_wide_bins(log, last, expected):
    log.put({"2026-01-01": [], last: []})
    with log.connect() as connection:
        assert whole_period(connection) == Period(FIRST, date.fromisoformat(last), expected)


def test_a_day_that_is_not_over_is_in_no_period():
    with duckdb.connect() as connection:
        connection.execute(
            "create table log_days as "
            "from (values (date '2026-01-01', false), (date '2026-01-02', true)) "
            "as days (log_day, is_open)"
        )
        assert whole_period(connection) == Period(FIRST, FIRST)


def test_recent_is_the_end_of_the_model(log):
    log.put({"2026-01-01": [], "2026-12-31": []})
    with log.connect() as connection:
        assert recent_period(connection) == Period(date(2026, 11, 6), date(2026, 12, 31))


def test_activity_is_counted_by_the_calendar_of_los_angeles(log):
    log.put(
        {
            "2026-01-01": [],
            "2026-01-02": [
                visit("a", at("2026-01-01", 0), "pv"),
                visit("a", at("2026-01-01", 23.99), "pv", "click"),
                visit("b", at("2026-01-02", 0), "pv"),
            ],
            "2026-01-03": [
                visit("b", at("2025-12-31", 23.99), "pv"),
                visit("b", at("2026-01-04", 0), "pv"),
                visit("b", -1, "pv"),
            ],
        }
    )
    with log.connect() as connection:
        assert of_period(connection, "activity", Period(FIRST, THIRD)) == [
            {"day": FIRST, "visits": 2, "actions": 3},
            {"day": SECOND, "visits": 1, "actions": 1},
            {"day": THIRD, "visits": 0, "actions": 0},
        ]


@pytest.mark.parametrize(
    ("log_day", "hours"),
    [
        pytest.param("2026-03-08", 23, id="clocks go forward"),
        pytest.param("2026-11-01", 25, id="clocks go back"),
    ],
)
def test_activity_on_days_of_other_lengths(log, log_day, hours):
    log.put({log_day: [visit("a", at(log_day, hour + 0.5), "pv") for hour in range(hours)]})
    day = date.fromisoformat(log_day)
    with log.connect() as connection:
        (row,) = of_period(connection, "activity", Period(day, day))
    assert row["visits"] == hours


def test_wide_bins_say_what_was_on_a_day_of_theirs(log):
    # 1 January 2026 is a Thursday: four days of its week are in the period, three of the next.
    lines = [visit("a", at("2026-01-01"), "pv")] * 8 + [visit("a", at("2026-01-07"), "pv")] * 6
    log.put({"2026-01-07": lines})
    with log.connect() as connection:
        rows = of_period(connection, "activity", Period(FIRST, date(2026, 1, 7), "week"))
    assert [(row["day"], row["visits"]) for row in rows] == [
        (date(2025, 12, 29), 2),
        (date(2026, 1, 5), 2),
    ]


def test_merges_say_what_became_of_the_actions_they_voided(log):
    log.put(
        {
            "2026-01-01": [visit("a", at("2026-01-01"), "pv", "click", "buy"), visit("c", 1, "pv")],
            "2026-01-02": [
                {"type": "delete", "pid": "a", "new_id": "b"},
                visit("b", at("2026-01-01"), "pv", "click"),
                {"type": "delete", "pid": "c"},
            ],
        }
    )
    with log.connect() as connection:
        assert of_period(connection, "merges", Period(FIRST, SECOND)) == [
            {"day": FIRST, "merges": 0, "logged again": 0, "missing": 0},
            {"day": SECOND, "merges": 2, "logged again": 2, "missing": 1},
        ]


def test_identified_are_those_with_a_property_that_says_who_they_are(log):
    log.put(
        {
            "2026-01-01": [
                visit("a", at("2026-01-01"), visitor={"email": "a@example.com", "id": "7"}),
                visit("b", at("2026-01-01"), visitor={"email": "", "phone": None}),
                visit("c", at("2026-01-01"), visitor={"cookie": "c"}),
                visit("d", at("2026-01-02"), visitor={"id": 17}),
            ]
        }
    )
    with log.connect() as connection:
        assert of_period(connection, "identified", Period(FIRST, SECOND)) == [
            {"day": FIRST, "people": 3, "identified": 1, "share": 1 / 3},
            {"day": SECOND, "people": 1, "identified": 1, "share": 1},
        ]
        (headline,) = figures(connection, "headline")
        assert headline["identified"] == 2


def test_rejected_lines_are_shares_of_all_lines(log):
    log.put({"2026-01-01": [b"nonsense", visit("a", 1)], "2026-01-02": []})
    with log.connect() as connection:
        assert of_period(connection, "rejected", Period(FIRST, SECOND)) == [
            {"day": FIRST, "lines": 2, "rejected": 1, "share": 0.5},
            {"day": SECOND, "lines": 0, "rejected": 0, "share": 0},
        ]


def test_gaps_are_named(log):
    log.put({"2026-01-01": [], "2026-01-03": [], "2026-01-06": []})
    with log.connect() as connection:
        assert gaps(connection) == [SECOND, date(2026, 1, 4), date(2026, 1, 5)]
        (quality,) = figures(connection, "quality")
        assert quality["log_days"] == 3
        check = next(check for check in MODEL_CHECKS if check.name == "days_without_gaps")
        found = run_check(connection, check, datetime(2026, 1, 7, tzinfo=UTC))
        assert found is not None
        assert [tuple(row) for row in found.examples] == [
            (SECOND, SECOND, 1),
            (date(2026, 1, 4), date(2026, 1, 5), 2),
        ]
    status = read_status(log.directory)
    assert status.gaps == [SECOND, date(2026, 1, 4), date(2026, 1, 5)]


def test_what_no_merge_will_bring_back_is_not_missing(log):
    log.put(
        {
            "2026-01-01": [visit("a", at("2026-01-01"), "pv", "buy")],
            "2026-01-02": [{"type": "delete", "pid": "a", "new_id": "b"}],
        }
    )
    with log.connect() as connection:
        (quality,) = figures(connection, "quality")
        assert (quality["voided_actions"], quality["missing_actions"]) == (2, 2)
    log.put({"2026-01-03": [{"type": "delete", "pid": "b"}]})
    with log.connect() as connection:
        (quality,) = figures(connection, "quality")
        assert (quality["voided_actions"], quality["missing_actions"]) == (2, 0)
        merges = of_period(connection, "merges", Period(FIRST, THIRD))
        assert [row["missing"] for row in merges] == [0, 0, 0]


OBJECT, JSON, PID = "not a JSON object", "not strict JSON", "pid is missing, empty or not a string"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(3, [(OBJECT, 3), (JSON, 2), (PID, 1)], id="all"),
        pytest.param(2, [(OBJECT, 3), ("other reasons", 3)], id="some"),
    ],
)
def test_rejection_reasons_add_up(log, rows, expected):
    log.put({"2026-01-01": [b"[]", b"[]", b"1", b"{", b"nonsense", b'{"type":"visit"}']})
    with log.connect() as connection:
        found = figures(connection, "rejection_reasons", rows=rows)
        assert [tuple(row.values()) for row in found] == expected
        (quality,) = figures(connection, "quality")
    assert sum(row["lines"] for row in found) == quality["rejected_lines"]
    assert sum(read_status(log.directory).rejected_lines.values()) == quality["rejected_lines"]


def test_the_headline_counts_both_ways(log):
    log.put(
        {
            "2026-01-01": [
                visit("a", at("2026-01-01"), "pv"),
                {"type": "delete", "pid": "a", "new_id": "b"},
                visit("b", at("2026-01-01"), "pv"),
            ]
        }
    )
    with log.connect() as connection:
        (headline,) = figures(connection, "headline")
    assert headline == {
        "people": 1,
        "people_logged": 2,
        "visits": 1,
        "visits_logged": 2,
        "actions": 1,
        "actions_logged": 2,
        "merges": 1,
        "identified": 0,
    }


REFERRER = {"type": "search", "url": "https://search.example.net:8443/?q=a/b"}
LATE = at("2026-01-02", 23.99)


@pytest.mark.parametrize(
    ("name", "lines", "expected"),
    [
        pytest.param(
            "countries",
            [
                visit("a", LATE, country="AT"),
                visit("b", LATE, country="AT"),
                visit("a", LATE, country="AT"),
                visit("a", LATE, country=""),
                visit("a", LATE),
            ],
            [("AT", 3, 2), ("unknown", 2, 1)],
            id="countries",
        ),
        pytest.param(
            "referrers",
            [
                visit("a", LATE, referrer=REFERRER),
                visit("b", LATE, referrer={"type": "direct"}),
                visit("b", LATE, referrer={"type": "direct", "url": ""}),
            ],
            [("direct", 2, 1), ("search.example.net:8443", 1, 1)],
            id="referrers",
        ),
        pytest.param(
            "pages",
            [
                visit("a", LATE, "pv", "buy", properties={"url": "/a", "title": "A"}),
                visit("a", LATE, "pv", properties={"title": "B"}),
                visit("b", LATE, "pv", properties={"url": "/a"}),
            ],
            [("/a", 2, 2), ("B", 1, 1)],
            id="pages",
        ),
        pytest.param(
            "action_names",
            [visit("a", LATE, "pv", "buy", "buy", "")],
            [("buy", 2, 1), ("unknown", 1, 1)],
            id="actions other than page views",
        ),
    ],
)
def test_lists_begin_with_the_most_frequent(log, name, lines, expected):
    outside = [visit("z", at("2026-01-03", 0), "z", country="Z", referrer={"type": "z"})]
    log.put({"2026-01-02": [*lines, *outside]})
    with log.connect() as connection:
        rows = of_period(connection, name, Period(FIRST, SECOND), rows=10)
        assert [tuple(row.values()) for row in rows] == expected
        assert len(of_period(connection, name, Period(FIRST, SECOND), rows=1)) == 1


def test_retention_counts_people_of_whole_weeks(log):
    # 5 January 2026 is a Monday; the week of the 19th is not over on the 24th.
    log.put(
        {
            "2026-01-24": [
                visit("early", at("2026-01-04", 23.99), "pv"),
                visit("early", at("2026-01-06"), "pv"),
                visit("a", at("2026-01-05", 0), "pv"),
                visit("a", at("2026-01-06"), "pv"),
                visit("a", at("2026-01-12"), "pv"),
                visit("b", at("2026-01-11", 23.99), "pv"),
                visit("c", at("2026-01-18"), "pv"),
                visit("d", at("2026-01-19"), "pv"),
                visit("a", at("2026-01-20"), "pv"),
            ]
        }
    )
    with log.connect() as connection:
        rows = of_period(connection, "retention", Period(FIRST, date(2026, 1, 24)), weeks=8)
    assert [tuple(row.values())[:4] for row in rows] == [
        (date(2026, 1, 5), 2, 0, 2),
        (date(2026, 1, 5), 2, 1, 1),
        (date(2026, 1, 12), 1, 0, 1),
    ]


def test_retention_looks_at_the_last_weeks_only(log):
    log.put(
        {"2026-12-31": [visit("a", at("2026-01-06"), "pv"), visit("b", at("2026-12-15"), "pv")]}
    )
    with log.connect() as connection:
        rows = of_period(connection, "retention", Period(FIRST, date(2026, 12, 31)), weeks=3)
    assert [(row["cohort"], row["people"]) for row in rows] == [
        (date(2026, 12, 14), 1),
        (date(2026, 12, 14), 0),
    ]


def test_what_tells_that_too_much_was_merged(log):
    merges = [{"type": "delete", "pid": pid, "new_id": "d"} for pid in "abc"]
    log.put(
        {
            "2026-01-01": [
                *(
                    visit(pid, at("2026-01-01"), visitor={"email": "x@example.com"})
                    for pid in "abcde"
                ),
                visit("f", at("2026-01-01"), visitor={"email": "", "id": 1}),
                *merges[:2],
            ],
            "2026-01-02": [merges[2], {"type": "delete", "pid": "g", "new_id": "f"}],
        }
    )
    with log.connect() as connection:
        assert figures(connection, "largest_profiles", rows=2) == [
            {"pid": "d", "merged_pids": 3},
            {"pid": "f", "merged_pids": 1},
        ]
        assert figures(connection, "busiest_merge_day") == [
            {"day": FIRST, "merges": 2, "merges_an_hour": 1}
        ]
        assert figures(connection, "shared_identifiers") == [
            {"name": "email", "shared": 1, "most_profiles": 2}
        ]
