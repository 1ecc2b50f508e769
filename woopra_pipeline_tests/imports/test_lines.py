"""What becomes of a row: a canonical line, or the reason why none can be made of it."""

import pytest

from woopra_pipeline.imports.lines import BadRowError, Reader, numbered
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline_tests.imports.conftest import NOON

READER = Reader(ImportSettings(largest_line=300))
ACTION = {"name": "order", "time": NOON}


def visit(**changes):
    return {"visitor": {"email": "a@x.com"}, "actions": [ACTION], **changes}


def event(**changes):
    return {"visitor": {"email": "a@x.com"}, **ACTION, **changes}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param({"actions": []}, "visitor is not a JSON object", id="no visitor"),
        pytest.param(visit(visitor="me"), "visitor is not a JSON object", id="visitor a text"),
        pytest.param(visit(visitor={}), "no identifier", id="empty visitor"),
        pytest.param(visit(visitor={"name": "A"}), "no identifier", id="no identifier"),
        pytest.param(visit(visitor={"email": None}), "no identifier", id="identifier null"),
        pytest.param(visit(visitor={"email": " "}), "no identifier", id="identifier blank"),
        pytest.param(visit(visitor={"id": True}), "no identifier", id="identifier true"),
        pytest.param(visit(visitor={"id": {}}), "no identifier", id="identifier an object"),
        pytest.param(visit(actions={}), "actions is not a JSON array", id="actions an object"),
        pytest.param(visit(actions=["x"]), "an action is not", id="action a text"),
        pytest.param(visit(actions=[{"time": NOON}]), "name of an action is missing", id="no name"),
        pytest.param(visit(actions=[ACTION | {"name": " "}]), "empty", id="blank name"),
        pytest.param(visit(actions=[ACTION | {"name": 7}]), "not a string", id="name a number"),
        pytest.param(
            visit(actions=[{"name": "x"}]), "time of the action 'x' is missing", id="no time"
        ),
        pytest.param(
            visit(actions=[ACTION | {"time": 1.5}]), "is 1.5, not an integer", id="fraction"
        ),
        pytest.param(visit(actions=[ACTION | {"time": 1e12}]), "not an integer", id="float"),
        pytest.param(
            visit(actions=[ACTION | {"time": True}]), "is true, not an integer", id="true"
        ),
        pytest.param(
            visit(actions=[ACTION | {"time": "2026-03-05"}]),
            '"2026-03-05", not an integer',
            id="date",
        ),
        pytest.param(
            visit(actions=[ACTION | {"time": NOON // 1000}]), "looks like seconds", id="seconds"
        ),
        pytest.param(
            visit(actions=[ACTION | {"time": NOON * 1000}]), "not within", id="microseconds"
        ),
        pytest.param(visit(actions=[ACTION | {"time": 0}]), "not within", id="zero"),
        pytest.param(
            visit(actions=[ACTION | {"properties": []}]), "properties of", id="properties"
        ),
        pytest.param(
            visit(time=NOON // 1000), "time of the visit is .* seconds", id="visit's time"
        ),
        pytest.param(visit(n=2**64), "JSON cannot have", id="integer of more than 64 bits"),
        pytest.param(visit(n="\ud800"), "JSON cannot have", id="lone surrogate"),
        pytest.param(visit(n="x" * 300), "more than the 300", id="too long"),
    ],
)
def test_a_visit_that_cannot_be_sent_is_set_aside_with_the_reason(row, reason):
    with pytest.raises(BadRowError, match=reason):
        READER.visit(row)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(event(visitor={"name": "A"}), "no identifier", id="no identifier"),
        pytest.param(event(name=""), "name of an action", id="no name"),
        pytest.param(event(time=NOON // 1000), "looks like seconds", id="seconds"),
        pytest.param(event(properties=3), "properties of the action 'order'", id="properties"),
        pytest.param(event(properties={"n": "x" * 300}), "more than the 300", id="too long"),
    ],
)
def test_an_event_that_cannot_be_sent_is_set_aside_with_the_reason(row, reason):
    with pytest.raises(BadRowError, match=reason):
        READER.event(row)


def test_a_profile_update_needs_an_identifier():
    with pytest.raises(BadRowError, match="no identifier: it needs one of id, email"):
        READER.profile_update({"visitor": {"plan": "pro"}})


def test_lines_are_canonical_and_their_key_is_their_content():
    row = visit(visitor={"plan": "é", "email": "a@x.com"}, country="AU")
    line = READER.visit(row)
    assert line.line.decode() == (
        f'{{"actions":[{{"name":"order","time":{NOON}}}],'
        '"country":"AU","visitor":{"email":"a@x.com","plan":"é"}}'
    )
    assert line.key == READER.visit(dict(reversed(row.items()))).key
    assert line.key != READER.visit(row | {"country": "NZ"}).key


def test_null_properties_are_left_out():
    line = READER.visit(visit(actions=[ACTION | {"properties": None}])).line
    assert b"properties" not in line


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({}, {}, True, id="equal"),
        pytest.param({}, {"properties": {}}, True, id="no properties"),
        pytest.param({}, {"visitor": {"email": "a@x.com", "plan": "pro"}}, True, id="other plan"),
        pytest.param({}, {"visitor": {"email": " a@x.com"}}, True, id="space around identifier"),
        pytest.param({}, {"visitor": {"email": "b@x.com"}}, False, id="other visitor"),
        pytest.param({}, {"visitor": {"phone": "a@x.com"}}, False, id="other identifier"),
        pytest.param(
            {"visitor": {"id": 7, "email": "a@x.com"}},
            {"visitor": {"id": "7", "email": "b@x.com"}},
            True,
            id="strongest identifier",
        ),
        pytest.param({}, {"name": "refund"}, False, id="other name"),
        pytest.param({}, {"time": NOON + 1}, False, id="other time"),
        pytest.param({}, {"properties": {"n": 1}}, False, id="other properties"),
    ],
)
def test_an_event_is_the_same_by_visitor_name_time_and_properties(one, other, same):
    assert (READER.event(event(**one)).key == READER.event(event(**other)).key) is same


def test_keys_stay_as_they_are():
    """Ledgers are full of them: with other keys, everything would be new and sent again."""
    a_visit = READER.visit(visit(country="AU"))
    an_event = READER.event(event(properties={"n": 1}))
    an_update = READER.profile_update({"visitor": {"id": 7, "plan": "pro"}})
    keys = [a_visit.key, an_event.key, an_update.visitor_key, an_update.content]
    assert [key.hex() for key in [*keys, numbered(a_visit.key, 0), numbered(a_visit.key, 1)]] == [
        "7e2eef8451cc488f34dc6c8d28ed687e",
        "3e49ff6e99a1b5570476ab350761ce6c",
        "1eb318c7861b7d29707ff44c84726e92",
        "d5c63cb354fe5ba7da965b945b901fae",
        "7e2eef8451cc488f34dc6c8d28ed687e",
        "a875e67a8738cbfb1e41412fd09c976f",
    ]
