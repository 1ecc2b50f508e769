"""Imports without an answer, and what the log then shows of them."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import orjson
import pytest

from woopra_pipeline.errors import LedgerError, ModelError
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.runs import settle_by_hand
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.verification import prove_imports, verify_imports
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.imports.conftest import NEXT_DAY, NOON, write_source
from woopra_pipeline_tests.imports.import_server import Mood
from woopra_pipeline_tests.imports.rows import write_rows
from woopra_pipeline_tests.model.parsed_files import put_day

SENT_ON = date(2026, 3, 10)
DAY_BEFORE, DAY_AFTER = SENT_ON - timedelta(1), SENT_ON + timedelta(1)
SETTINGS = ImportSettings()


def visit(email, *times, name="order"):
    actions = [{"name": name, "time": NOON + time, "properties": {"n": time}} for time in times]
    return {"visitor": {"email": email}, "actions": actions}


def logged(pid, row, **changes):
    """A row as the export shows it after it was imported."""
    return {"type": "visit", "pid": pid, "time": NOON, **row, **changes}


def identify(pid, **visitor):
    return {"type": "identify", "pid": pid, "time": 0, "visitor": visitor, "actions": []}


def delete(pid, new_id=None):
    return {"type": "delete", "pid": pid, "new_id": new_id}


class World:
    """Imports, and the log days that follow."""

    def __init__(self, imports, time):
        self.imports = imports
        self.time = time

    def send(self, rows, *moods, shape="visits", name="it", **settings):
        write_rows(self.imports.directory, name, shape, rows)
        self.imports.server.draws(*moods)
        self.imports.run(name, NEXT_DAY, **settings)

    def log(self, **days):
        """Give the model these days, `before`, `that_day` and `after` the import, and end them."""
        names = {"before": DAY_BEFORE, "that_day": SENT_ON, "after": DAY_AFTER}
        for name, lines in days.items():
            file = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
            put_day(self.imports.directory, names[name], file)
        update_model(self.imports.directory)
        self.time.now = datetime(2026, 3, 12, 12, tzinfo=UTC)

    def verify(self):
        verdicts = verify_imports(self.imports.directory, settings=SETTINGS, clock=self.time.clock)
        return [verdict.finding for verdict in verdicts]


@pytest.fixture
def world(imports, frozen_time):
    return World(imports, frozen_time)


ROWS = [visit("a", 1, 2), visit("b", 3)]


def test_what_is_found_whole_is_accepted(world):
    world.send(ROWS, Mood.LOST_ANSWER)
    world.log(before=[], that_day=[logged("p1", ROWS[0]), logged("p2", ROWS[1])])
    assert world.verify() == ["found"]
    assert world.imports.states() == {"accepted": 2}
    assert world.verify() == []
    [(reason,)] = world.imports.query("select reason from imports")
    assert reason == "all of its 3 actions are in the log"


def test_what_is_absent_is_planned_and_sent_again(world):
    world.send(ROWS, Mood.LOST_REQUEST)
    world.log(that_day=[])
    assert world.verify() == ["absent"]
    assert world.imports.states() == {"planned": 2}
    world.send([])
    assert world.imports.states() == {}
    world.send(ROWS)
    assert len(world.imports.server.taken) == 2


def test_nothing_is_decided_by_a_day_of_which_the_end_may_be_missing(world):
    world.send(ROWS, Mood.LOST_ANSWER)
    put_day(world.imports.directory, SENT_ON, b"", is_open=True)
    world.log()
    assert world.verify() == ["waiting"]
    world.log(that_day=[logged("p1", ROWS[0]), logged("p2", ROWS[1])])
    assert world.verify() == ["found"]


def test_what_is_absent_is_sent_by_the_run_of_a_later_day(world):
    world.send(ROWS, Mood.LOST_REQUEST)
    world.log(that_day=[])
    world.verify()
    write_rows(world.imports.directory, "it", "visits", [])
    world.imports.run("it", NEXT_DAY + timedelta(1))
    assert len(world.imports.server.taken) == 2
    assert world.imports.states() == {"accepted": 2}


def test_nothing_is_decided_before_the_day_is_over_and_in_the_model(world):
    world.send(ROWS, Mood.LOST_REQUEST)
    world.log(before=[])
    world.time.now = datetime(2026, 3, 10, 13, tzinfo=UTC)
    assert world.verify() == ["waiting"]
    world.time.now = datetime(2026, 3, 12, 12, tzinfo=UTC)
    assert world.verify() == ["waiting"]
    world.log(after=[])
    assert world.verify() == ["waiting"]
    assert world.imports.states() == {"unknown": 2}
    world.log(that_day=[])
    assert world.verify() == ["absent"]


def test_an_import_around_midnight_waits_for_both_days(world):
    world.time.now = datetime(2026, 3, 11, 6, 50, tzinfo=UTC)
    world.send(ROWS, Mood.LOST_ANSWER)
    world.log(that_day=[])
    assert world.verify() == ["waiting"]
    world.log(after=[logged("p1", ROWS[0]), logged("p2", ROWS[1])])
    assert world.verify() == ["found"]


def test_the_line_itself_need_not_show_the_identifier(world):
    world.send(ROWS[:1], Mood.LOST_ANSWER)
    world.log(before=[identify("p1", email="a")], that_day=[logged("p1", ROWS[0], visitor={})])
    assert world.verify() == ["found"]


@pytest.mark.parametrize(
    "that_day",
    [
        pytest.param([delete("p1", "p2"), identify("p2", email="a")], id="re-logged elsewhere"),
        pytest.param([identify("p1", plan="pro")], id="still there"),
    ],
)
def test_what_was_there_before_or_was_only_logged_again_counts_for_nothing(world, that_day):
    world.send(ROWS[:1], Mood.LOST_REQUEST)
    again = [logged("p2", ROWS[0])] if that_day[0]["type"] == "delete" else []
    world.log(before=[logged("p1", ROWS[0])], that_day=[*that_day, *again])
    assert world.verify() == ["absent"]


def test_what_was_there_before_and_came_once_more_is_found(world):
    world.send(ROWS[:1], Mood.LOST_ANSWER)
    lines = [delete("p1", "p2"), logged("p2", ROWS[0]), logged("p2", ROWS[0])]
    world.log(before=[logged("p1", ROWS[0])], that_day=lines)
    assert world.verify() == ["found"]


def test_what_was_merged_since_is_found_where_it_is_now(world):
    world.send(ROWS[:1], Mood.LOST_ANSWER)
    world.log(
        that_day=[logged("p1", ROWS[0])],
        after=[delete("p1", "p2"), logged("p2", ROWS[0], visitor={"email": "new"})],
    )
    assert world.verify() == ["found"]


def test_what_came_and_was_deleted_for_good_did_come(world):
    world.send(ROWS[:1], Mood.LOST_ANSWER)
    world.log(that_day=[logged("p1", ROWS[0])], after=[delete("p1")])
    assert world.verify() == ["found"]


def test_while_a_merge_is_not_logged_whole_nothing_is_taken_for_absent(world):
    world.send(ROWS[:1], Mood.LOST_REQUEST)
    world.log(
        before=[logged("p1", ROWS[0])], that_day=[delete("p1", "p2"), identify("p2", email="a")]
    )
    assert world.verify() == ["waiting"]
    world.log(after=[logged("p2", ROWS[0])])
    assert world.verify() == ["absent"]


def test_what_another_import_brought_is_not_taken_for_ours(world):
    world.send(ROWS[:1], name="other")
    world.send([visit("a", 1, 2) | {"country": "AU"}], Mood.LOST_REQUEST)
    world.log(that_day=[logged("p1", ROWS[0])])
    assert world.verify() == ["absent"]


def test_identical_actions_must_have_come_as_often_as_they_were_sent(world):
    row = {"visitor": {"email": "a"}, "actions": [{"name": "order", "time": NOON}] * 2}
    world.send([row, row], Mood.LOST_ANSWER, identical_rows="counted")
    world.log(that_day=[logged("p1", row)])
    assert world.verify() == ["partly"]
    world.log(that_day=[logged("p1", row), logged("p1", row)])
    assert world.verify() == ["found"]


def test_what_is_there_in_part_waits_for_a_decision(world):
    world.send(ROWS, Mood.LOST_ANSWER)
    world.log(that_day=[logged("p1", ROWS[0])])
    [verdict] = verify_imports(world.imports.directory, settings=SETTINGS, clock=world.time.clock)
    assert verdict.finding == "partly"
    assert [orjson.loads(line)["visitor"] for line in verdict.missing_lines] == [{"email": "b"}]
    assert "only 2 of its 3 actions" in verdict.reason
    assert world.imports.states() == {"unknown": 2}
    batch = verdict.batch.batch_id
    directory, clock = world.imports.directory, world.time.clock
    settled = settle_by_hand(directory, batch, State.ACCEPTED, clock=clock)
    assert (settled.state, settled.reason) == (State.ACCEPTED, "settled by hand")
    with pytest.raises(LedgerError, match="is accepted: only an unknown one can be settled"):
        settle_by_hand(directory, batch, State.PLANNED, clock=clock)
    with pytest.raises(LedgerError, match="no import batch 99"):
        settle_by_hand(directory, 99, State.PLANNED, clock=clock)


def test_accepted_batches_can_be_proven(world):
    world.send(ROWS[:1])
    world.send(ROWS)
    world.log(that_day=[logged("p1", ROWS[0])])
    verdicts = prove_imports(
        world.imports.directory, [1, 2], settings=SETTINGS, clock=world.time.clock
    )
    assert [verdict.finding for verdict in verdicts] == ["found", "absent"]
    assert world.imports.states() == {"accepted": 2}


def test_a_profile_update_is_found_if_the_profile_says_so(world):
    rows = [{"visitor": {"email": "a", "plan": "pro", "age": 7}}]
    world.send(rows, Mood.LOST_ANSWER, shape="profiles")
    world.log(that_day=[identify("p1", email="a", plan="pro", age="7", more=1)])
    assert world.verify() == ["found"]
    assert world.imports.states() == {"accepted": 1}


def test_a_profile_update_that_is_not_there_is_planned_again(world):
    rows = [{"visitor": {"email": "a", "plan": "pro"}}]
    world.send(rows, Mood.LOST_REQUEST, shape="profiles")
    world.log(that_day=[identify("p1", email="a", plan="free")])
    assert world.verify() == ["absent"]
    assert world.imports.states() == {"planned": 1}
    world.send([], shape="profiles")
    assert len(world.imports.server.taken) == 1


def test_visits_without_actions_are_settled_by_hand(world):
    world.send([{"visitor": {"email": "a"}, "actions": []}], Mood.LOST_ANSWER)
    world.log(that_day=[])
    assert world.verify() == ["waiting"]


def test_a_source_that_is_held_is_left_alone(world):
    world.send(ROWS, Mood.LOST_ANSWER)
    world.log(that_day=[])
    with Ledger(world.imports.directory, world.time.clock) as ledger, ledger.holding("it"):
        assert world.verify() == ["waiting"]
    assert world.verify() == ["absent"]


def test_without_a_model_there_is_nothing_to_look_in(world):
    world.send(ROWS, Mood.LOST_ANSWER)
    with pytest.raises(ModelError, match="no model yet"):
        world.verify()


def test_in_a_model_of_an_earlier_version_nothing_is_looked_for(world):
    world.send(ROWS, Mood.LOST_ANSWER)
    world.log(that_day=[])
    with duckdb.connect(world.imports.directory.published_model) as connection:
        connection.execute("drop macro table logged_actions")
    with pytest.raises(ModelError, match="builds it again"):
        world.verify()


def test_identifiers_with_odd_names_and_values(world):
    write_source(
        world.imports.directory,
        "it",
        """select {'member "no"': 7, 'email': null} as visitor, """
        f"[{{'name': 'it''s', 'time': {NOON}}}] as actions",
    )
    world.imports.server.draws(Mood.LOST_ANSWER)
    settings = ImportSettings(identifiers=('member "no"', "email"))
    world.imports.run("it", NEXT_DAY, identifiers=settings.identifiers)
    action = {"name": "it's", "time": NOON}
    line = {"visitor": {'member "no"': "7"}, "actions": [action]}
    world.log(that_day=[logged("p1", line)])
    [verdict] = verify_imports(world.imports.directory, settings=settings, clock=world.time.clock)
    assert verdict.finding == "found"
