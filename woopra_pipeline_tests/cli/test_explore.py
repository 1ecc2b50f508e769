"""`explore` says what is missing, and answers to its own pages only."""

import asyncio
import importlib.util

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from woopra_pipeline.cli.status import read_status
from woopra_pipeline.explore import charts
from woopra_pipeline.explore.answers import ANY, Model
from woopra_pipeline.explore.own_pages import OwnPagesOnly

LOOPBACK = ("127.0.0.1", "localhost")


@pytest.mark.skipif(importlib.util.find_spec("marimo") is not None, reason="marimo is installed")
def test_without_the_extra_it_says_how_to_get_it(demo_line):
    done = demo_line("explore", "--no-browser")
    assert done.returncode == 1
    assert "explore needs the package marimo" in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("hello")(scope, receive, send)


def first_answer(kind: str, hosts: tuple[str, ...] | None, headers: dict[str, str]) -> Message:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": "GET",
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(OwnPagesOnly(app, hosts)(scope, receive, send))
    return sent[0]


@pytest.mark.parametrize(
    ("hosts", "host", "origin", "answers"),
    [
        pytest.param(LOOPBACK, "127.0.0.1:2718", None, True, id="no page at all"),
        pytest.param(LOOPBACK, "localhost:2718", "http://localhost:2718", True, id="own page"),
        pytest.param(LOOPBACK, "127.0.0.1:2718", "http://evil.example", False, id="other page"),
        pytest.param(LOOPBACK, "127.0.0.1:2718", "http://127.0.0.1:1", False, id="other port"),
        pytest.param(LOOPBACK, "127.0.0.1:2718", "null", False, id="page without a site"),
        pytest.param(LOOPBACK, "evil.example", "http://evil.example", False, id="rebound name"),
        pytest.param(None, "shop.example", "http://shop.example", True, id="any name, own page"),
        pytest.param(None, "shop.example", "http://evil.example", False, id="any name, other page"),
    ],
)
def test_only_own_pages_are_answered(hosts, host, origin, answers):
    headers = {"host": host} | ({"origin": origin} if origin else {})
    assert first_answer("http", hosts, headers)["status"] == (200 if answers else 403)
    if answers:
        sent = dict(first_answer("http", hosts, headers)["headers"])
        assert b"default-src 'self'" in sent[b"content-security-policy"]
    kind = first_answer("websocket", hosts, headers)["type"]
    assert kind == ("websocket.accept" if answers else "websocket.close")


def test_people_are_found(demo_line):
    model = Model(demo_line.directory)
    (person,) = model.rows(
        "select pid, email, name, from_pid from profiles join profile_merges "
        "on canonical_pid = pid and from_pid <> pid "
        "where email is not null and name is not null order by action_count desc, from_pid limit 1"
    )
    for text in (
        person["pid"],
        person["from_pid"],
        person["email"].upper(),
        f" {person['name'][1:]} ",
    ):
        assert person["pid"] in [row["pid"] for row in model.people(text)]
    assert model.people("'; drop table x") == []
    assert len(model.people("")) == 50
    assert model.timeline(person["from_pid"])
    assert model.history(person["pid"]).profile.email == person["email"]
    assert model.history("nobody") is None


def test_trends_of_any_action_are_split(demo_line):
    model = Model(demo_line.directory)
    assert "format" in model.property_names("report exported")
    assert {row["value"] for row in model.trend_by("report exported", "format", "week")} == {"csv"}
    assert "(none)" in {row["value"] for row in model.trend_by(ANY, "format", "week")}


def test_a_period_that_is_not_whole_is_marked(demo_line):
    model = Model(demo_line.directory)
    weeks = [(str(row["period"]), row["is_whole"]) for row in model.trend("pv", "week")]
    assert weeks == [
        ("2025-12-29", False),
        ("2026-01-05", True),
        ("2026-01-12", True),
        ("2026-01-19", True),
        ("2026-01-26", False),
    ]
    assert not any(row["is_whole"] for row in model.trend_by("pv", "title", "month"))
    points = str(charts.trend(model.trend("pv", "week"), "people").to_dict())
    assert points.count("2026-01-26") == points.count("'filled': False") == 1


def test_people_a_day_are_those_of_the_trend(demo_line):
    model = Model(demo_line.directory)
    days = model.people_a_day()
    trend = model.trend(ANY, "day")
    assert [(row["period"], row["people"]) for row in days] == [
        (row["period"], row["people"]) for row in trend
    ]
    assert all(row["new"] + row["returning"] == row["people"] for row in days)


def test_the_data_page_has_what_the_report_has(demo_line):
    model = Model(demo_line.directory)
    told = model.quality()
    assert told["quality"][0]["log_days"] == 28
    assert sum(row["lines"] for row in told["reasons"]) == told["quality"][0]["rejected_lines"]
    assert model.gaps() == read_status(demo_line.directory).gaps == []
    assert told["largest"]
