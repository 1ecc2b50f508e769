"""What counts as the same thing, and is therefore never sent twice."""

from collections import Counter

import orjson
import pytest

from woopra_pipeline.errors import ConfigurationError, SourceError
from woopra_pipeline.imports.planning import events, staging
from woopra_pipeline_tests.imports.conftest import DAY, NEXT_DAY, NOON
from woopra_pipeline_tests.imports.import_server import Mood
from woopra_pipeline_tests.imports.rows import write_rows

MINUTE = 60_000


def action(name="order", minutes=0, **properties):
    return {"name": name, "time": NOON + minutes * MINUTE, "properties": properties}


def visit(email, *actions):
    return {"visitor": {"email": email}, "actions": list(actions)}


def event(email, name="order", minutes=0, **properties):
    return {"visitor": {"email": email}, **action(name, minutes, **properties)}


def update(email, **properties):
    return {"visitor": {"email": email, **properties}}


def send(imports, shape, rows, day=DAY, **settings):
    """Import `rows` as what the source says now; returns what is new on the other side."""
    write_rows(imports.directory, shape, shape, rows)
    before = len(imports.server.taken)
    imports.run(shape, day, **settings)
    return [orjson.loads(line) for line in imports.server.taken[before:]]


@pytest.mark.parametrize("day", [DAY, NEXT_DAY], ids=["same day", "other day"])
def test_a_visit_is_sent_once_and_changed_content_is_another_visit(imports, day):
    first, second = visit("a", action()), visit("b", action())
    assert send(imports, "visits", [first]) == [first]
    assert send(imports, "visits", [first, second], day) == [second]
    assert send(imports, "visits", [second, first], day) == []
    changed = visit("a", action(n=1))
    assert send(imports, "visits", [changed], day) == [changed]


def test_events_make_visits_and_a_longer_pause_begins_another(imports):
    rows = [event("a", minutes=minutes) for minutes in (61, 0, 30, 92)] + [event("b", minutes=30)]
    sent = send(imports, "events", rows)
    visits = Counter(
        (line["visitor"]["email"], tuple((a["time"] - NOON) // MINUTE for a in line["actions"]))
        for line in sent
    )
    assert visits == {("a", (0, 30)): 1, ("a", (61,)): 1, ("a", (92,)): 1, ("b", (30,)): 1}


def test_a_late_event_travels_alone(imports):
    siblings = [event("a", minutes=0), event("a", minutes=10)]
    assert len(send(imports, "events", siblings)) == 1
    late = event("a", "refund", minutes=5)
    [line] = send(imports, "events", [*siblings, late], NEXT_DAY)
    sent = {"name": "refund", "time": NOON + 5 * MINUTE}
    assert line == {"visitor": {"email": "a"}, "actions": [sent]}


def test_the_visitor_of_a_visit_has_the_last_value_of_each_property(imports):
    rows = [
        {"visitor": {"email": "a", "plan": "pro"}, **action(minutes=2)},
        {"visitor": {"email": "a", "plan": "free", "city": "Perth"}, **action(minutes=1)},
    ]
    [line] = send(imports, "events", rows)
    assert line["visitor"] == {"city": "Perth", "email": "a", "plan": "pro"}


def test_a_visit_never_grows_above_the_largest_line(imports):
    rows = [event("a", minutes=minute, text="x" * 100) for minute in range(20)]
    lines = send(imports, "events", rows, largest_line=600)
    assert sum(len(line["actions"]) for line in lines) == 20
    assert all(len(line) <= 600 for line in imports.server.taken)


def test_free_pro_free_is_sent_three_times_and_what_is_unchanged_never(imports):
    free, pro = update("a", plan="free"), update("a", plan="pro")
    assert send(imports, "profiles", [free]) == [free]
    assert send(imports, "profiles", [free]) == []
    assert send(imports, "profiles", [pro], NEXT_DAY) == [pro]
    assert send(imports, "profiles", [pro]) == []
    assert send(imports, "profiles", [free], NEXT_DAY) == [free]
    assert send(imports, "profiles", [free]) == []


def test_each_visitor_has_one_update_in_a_result(imports):
    rows = [update("a", plan="free"), update("a", plan="free"), update("a", plan="pro")]
    assert send(imports, "profiles", rows) == [rows[0]]
    assert imports.query("select reason from import_lines where state = 'rejected'") == [
        ("the result has another update of this visitor: return one row for each visitor",)
    ]
    assert send(imports, "profiles", rows) == []


@pytest.mark.parametrize(
    ("shape", "row"), [("visits", visit("a", action())), ("events", event("a"))]
)
def test_identical_rows_are_one_unless_they_are_counted(imports, shape, row):
    def actions(rows, **settings):
        return sum(len(line["actions"]) for line in send(imports, shape, rows, **settings))

    assert actions([row] * 3) == 1
    assert actions([row] * 3, identical_rows="counted") == 2
    assert actions([row] * 3, identical_rows="counted") == 0
    assert actions([row] * 4, identical_rows="counted") == 1
    assert actions([row] * 4) == 0


def test_sources_know_nothing_of_each_other(imports):
    row = visit("a", action())
    assert send(imports, "visits", [row]) == [row]
    write_rows(imports.directory, "again", "visits", [row])
    imports.run("again")
    assert len(imports.server.taken) == 2


def test_identifiers_by_which_events_are_known_cannot_be_reordered(imports):
    rows = [{"visitor": {"id": 7, "email": "a"}, **action()}]
    send(imports, "events", rows, identifiers=("id", "email"))
    for others in [("email", "id"), ("email",), ("cookie", "id", "email")]:
        with pytest.raises(ConfigurationError, match="known by the identifiers id, email"):
            send(imports, "events", rows, identifiers=others)
    assert send(imports, "events", rows, identifiers=("id", "email", "cookie")) == []


def test_a_source_that_cannot_be_planned_costs_no_other(imports):
    send(imports, "events", [event("a")], identifiers=("email",))
    write_rows(imports.directory, "visits", "visits", [visit("a", action())])
    imports.source("broken", "selct")
    importer = imports.importer(identifiers=("id", "email"))
    with pytest.raises(SourceError, match=r"syntax error.*; The events of events are known by"):
        importer.run_all(["broken", "events", "visits"], NEXT_DAY)
    assert imports.states() == {"accepted": 2}


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        ("visits", visit("a", action(n="unacceptable"))),
        ("events", event("a", n="unacceptable")),
        ("profiles", update("a", n="unacceptable")),
    ],
)
def test_what_was_rejected_is_not_sent_again_unless_it_changes(imports, shape, row):
    assert send(imports, shape, [row]) == []
    requests = len(imports.server.bodies)
    assert send(imports, shape, [row], NEXT_DAY) == []
    assert len(imports.server.bodies) == requests
    good = orjson.loads(orjson.dumps(row).replace(b"unacceptable", b"fine"))
    assert len(send(imports, shape, [good])) == 1


def test_what_is_unknown_is_not_sent_again(imports):
    row = visit("a", action())
    imports.server.draws(Mood.LOST_ANSWER)
    assert send(imports, "visits", [row]) == [row]
    assert send(imports, "visits", [row], NEXT_DAY) == []
    assert imports.states() == {"unknown": 1}


def test_an_unknown_profile_update_is_sent_again_unless_a_newer_one_was_accepted(
    imports, frozen_time
):
    imports.server.draws(Mood.LOST_REQUEST)
    first = [update("a", plan="free"), update("b", plan="free"), update("c", plan="free")]
    assert send(imports, "profiles", first) == []
    assert "so the next run sends it again" in frozen_time.notices[0]
    changed = [update("a", plan="pro"), update("c", plan="free")]
    assert send(imports, "profiles", changed, NEXT_DAY) == [*changed, update("b", plan="free")]
    assert imports.states() == {"accepted": 3, "superseded": 3}


def test_a_newer_unknown_update_makes_an_older_one_void(imports):
    imports.server.draws(Mood.LOST_REQUEST, Mood.LOST_REQUEST)
    send(imports, "profiles", [update("a", plan="free")])
    send(imports, "profiles", [update("a", plan="pro")])
    sent = send(imports, "profiles", [])
    assert sent == [update("a", plan="pro")]
    assert imports.states() == {"accepted": 1, "superseded": 2}


def test_an_unknown_update_makes_an_earlier_one_uncertain_even_if_it_is_rejected_later(imports):
    pro, free = update("a", plan="pro"), update("a", plan="free")
    assert send(imports, "profiles", [pro]) == [pro]
    imports.server.draws(Mood.LOST_ANSWER)
    assert send(imports, "profiles", [free]) == [free]
    imports.server.draws(Mood.UNPROCESSABLE)
    assert send(imports, "profiles", [free]) == []
    assert imports.states() == {"accepted": 1, "superseded": 1, "rejected": 1}
    assert send(imports, "profiles", [pro]) == [pro]


def test_what_was_accepted_is_sent_again_if_it_is_asked_for_by_name(imports):
    row = visit("a", action())
    send(imports, "visits", [row])
    [(batch,)] = imports.query("select batch from imports")
    [again] = imports.importer().send_again([batch])
    assert (again.state, again.attempts) == ("accepted", 2)
    assert [orjson.loads(line) for line in imports.server.taken] == [row, row]
    assert send(imports, "visits", [row]) == []


def test_what_does_not_fit_into_memory_is_spilled_and_nothing_is_left_of_it(imports, monkeypatch):
    monkeypatch.setattr(staging, "MEMORY", "40MB")
    monkeypatch.setattr(events, "SORTED_BYTES", 8_000_000)
    imports.source(
        "it",
        f"select {{'email': md5(i::text)}} as visitor, repeat(md5(i::text), 20) as name, "
        f"{NOON} as time from range(70_000) r(i)",
    )
    run = imports.run("it", dry_run=True, memory_limit="200MB")
    assert run.plan.line_count == 70_000
    assert not (imports.directory.imports / "spill").exists()
