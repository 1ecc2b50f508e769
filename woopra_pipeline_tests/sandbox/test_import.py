"""Imports: taken whole or not at all, for good, and found again in the export and the truth."""

import gzip
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.sandbox import RunningSandbox, Sandbox, SandboxSettings, serve
from woopra_pipeline_tests.sandbox.caller import Caller
from woopra_pipeline_tests.sandbox.plain_reader import PlainReader

WORLD = SandboxSettings(seed=2, people=5)
TODAY = date(2026, 1, 12)
NOON = frozen_clock(datetime(2026, 1, 12, 20, tzinfo=UTC))
NEXT_DAY = frozen_clock(datetime(2026, 1, 13, 20, tzinfo=UTC))

VISIT = {
    "visitor": {"email": "new@example.com", "tier": "gold"},
    "time": 1500000000000,
    "country": "IS",
    "actions": [
        {"name": "older", "time": 1500000000000, "properties": {"n": 1}},
        {"name": "newer", "time": 1500000060000},
    ],
}
PROFILE = {"visitor": {"email": "new@example.com", "tier": "silver"}}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSandbox]:
    with serve(Sandbox(tmp_path, WORLD, clock=NOON)) as running:
        yield running


def body(*lines: object) -> bytes:
    return b"\n".join(orjson.dumps(line) for line in lines)


def lines_with(email: str, file: bytes) -> list[dict[str, Any]]:
    lines = [orjson.loads(line) for line in file.split(b"\n") if email.encode() in line]
    return [line for line in lines if line["visitor"].get("email") == email]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_imported_stands_in_the_growing_file(running: RunningSandbox, method: str) -> None:
    caller = Caller(running)
    assert caller.post(body(VISIT, PROFILE), method).status_code == 200
    visit, identify = lines_with("new@example.com", caller.export(f"{TODAY}").content)
    assert (visit["type"], visit["time"], visit["country"]) == ("visit", 1500000000000, "IS")
    assert [action["name"] for action in visit["actions"]] == ["newer", "older"]
    assert visit["actions"][1]["properties"] == {"n": 1}
    assert (identify["type"], identify["time"], identify["actions"]) == ("identify", 0, [])
    assert identify["date"] == "1970-01-01"
    assert identify["pid"] == visit["pid"]


def test_sent_twice_it_stands_there_twice(running: RunningSandbox) -> None:
    caller = Caller(running)
    for _ in range(2):
        caller.post(body(VISIT))
    assert len(lines_with("new@example.com", caller.export(f"{TODAY}").content)) == 2


def test_it_is_true_for_every_later_process(running: RunningSandbox, tmp_path: Path) -> None:
    Caller(running).post(body(VISIT, PROFILE))
    later = Sandbox(tmp_path, WORLD, clock=NEXT_DAY)
    truth = later.truth(TODAY)
    [pid] = [pid for pid, p in truth.profiles.items() if p.get("email") == "new@example.com"]
    assert truth.profiles[pid] == PROFILE["visitor"]
    [visit] = [row for row in truth.visits.to_pylist() if row["pid"] == pid]
    assert visit["started_at"] == 1500000000000
    assert [action["name"] for action in visit["actions"]] == ["newer", "older"]
    file = later.export_file(TODAY)
    assert file is not None
    assert len(lines_with("new@example.com", file.read_bytes())) == 2


def test_values_arrive_as_they_were_written(running: RunningSandbox) -> None:
    exact = '{"visitor":{"id":"x1","n":123456789012345678901234567890,"f":1.10},"actions":[]}'
    Caller(running).post(exact)
    assert b'{"id":"x1","n":123456789012345678901234567890,"f":1.10}' in (
        Caller(running).export(f"{TODAY}").content
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(b'{"visitor":', "line 2: it is no JSON object", id="broken JSON"),
        pytest.param(b"[]", "line 2: it is no JSON object", id="no object"),
        pytest.param(body({"actions": []}), "line 2: it has no visitor object", id="no visitor"),
        pytest.param(
            body({"visitor": {"name": "Ada"}}),
            "line 2: its visitor has no identifier",
            id="no identifier",
        ),
        pytest.param(
            body({"visitor": {"id": "1"}, "actions": {}}),
            "line 2: its actions are no array",
            id="actions no array",
        ),
        pytest.param(
            body({"visitor": {"id": "1"}, "actions": [{"time": 1}]}),
            "line 2: an action needs a name",
            id="action without a name",
        ),
        pytest.param(
            body({"visitor": {"id": "1"}, "actions": [{"name": "a", "time": 1.5}]}),
            "line 2: an action needs a name, and a time in UNIX ms",
            id="action with half a millisecond",
        ),
        pytest.param(
            body({"visitor": {"id": "1"}, "actions": [], "time": "now"}),
            "line 2: its time is not in UNIX ms",
            id="time as text",
        ),
        pytest.param(b'{"visitor":{"id":"\xff"}}', "the body is not utf-8", id="no UTF-8"),
    ],
)
def test_one_bad_line_and_nothing_is_imported(
    running: RunningSandbox, bad: bytes, reason: str
) -> None:
    caller = Caller(running)
    before = caller.export(f"{TODAY}").content
    answer = caller.post(body(VISIT) + b"\n" + bad)
    assert answer.status_code == 400
    assert answer.text.lower().startswith(reason.lower())
    assert caller.export(f"{TODAY}").content == before


def test_a_body_may_be_compressed(running: RunningSandbox) -> None:
    caller = Caller(running)
    headers = {"Content-Encoding": "gzip"}
    assert caller.post(gzip.compress(body(VISIT)), headers=headers).status_code == 200
    assert len(lines_with("new@example.com", caller.export(f"{TODAY}").content)) == 1
    refused = caller.post(body(VISIT), headers=headers)
    assert (refused.status_code, "not gzip" in refused.text) == (400, True)
    assert len(lines_with("new@example.com", caller.export(f"{TODAY}").content)) == 1


def test_nothing_to_import(running: RunningSandbox) -> None:
    assert Caller(running).post(b"\n \n").status_code == 400


def test_an_identifier_finds_the_person_the_world_knows(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, SandboxSettings(people=40), clock=NOON)
    before = sandbox.truth(date(2026, 1, 11))
    pid, email = next(
        (pid, properties["email"])
        for pid, properties in before.profiles.items()
        if "id" in properties and "email" in properties
    )
    sandbox.import_lines(body({"visitor": {"email": email, "imported": True}, "actions": []}))
    after = sandbox.truth(TODAY)
    [(found, properties)] = [
        (pid, properties) for pid, properties in after.profiles.items() if "imported" in properties
    ]
    assert found == after.canonical_pids.get(pid, pid)
    assert properties["email"] == email


def test_two_known_people_told_to_be_one_are_merged(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, WORLD, clock=NOON)
    one, other = {"email": "one@example.com"}, {"cookie": "elsewhere-1"}
    for visitor in (one, other, one | other):
        sandbox.import_lines(body({"visitor": visitor, "actions": []}))
    sandbox.clock = frozen_clock(NOON() + timedelta(days=15))
    reader = PlainReader()
    for day in range(1, 26):
        file = sandbox.export_file(date(2026, 1, day))
        assert file is not None
        reader.read(file.read_bytes())
    truth = sandbox.truth(date(2026, 1, 25))
    assert truth.profiles == reader.properties
    merged = [p for p in truth.profiles.values() if p.get("email") == "one@example.com"]
    assert [properties.get("cookie") for properties in merged] == ["elsewhere-1"]


def test_the_world_lasts_until_its_last_import(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, SandboxSettings(people=5, days=3), clock=NOON)
    assert sandbox.growing_file(TODAY) is None
    sandbox.import_lines(body(VISIT))
    assert lines_with("new@example.com", sandbox.growing_file(TODAY) or b"")
    assert sandbox.export_file(date(2026, 1, 8)) is not None


def _import_some(arguments: tuple[Path, int]) -> None:
    directory, process = arguments
    sandbox = Sandbox(directory, WORLD, clock=NOON)
    for number in range(20):
        visitor = {"id": f"{process}-{number}", "email": "all@example.com"}
        sandbox.import_lines(body({"visitor": visitor, "actions": []}))
        sandbox.growing_file(TODAY)


def test_processes_import_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool:
        list(pool.map(_import_some, [(tmp_path, 0), (tmp_path, 1)]))
    file = Sandbox(tmp_path, WORLD, clock=NEXT_DAY).export_file(TODAY)
    assert file is not None
    lines = lines_with("all@example.com", file.read_bytes())
    assert len({line["visitor"]["id"] for line in lines if line["type"] == "visit"}) == 40


def test_a_growing_file_never_changes_what_it_said(tmp_path: Path) -> None:
    sandbox, before = Sandbox(tmp_path, WORLD, clock=NOON), b""
    for number in range(10):
        sandbox.import_lines(body({"visitor": {"id": f"{number % 3}"}, "actions": []}))
        now = sandbox.growing_file(TODAY)
        assert now is not None
        assert now.startswith(before)
        assert len(now) > len(before)
        before = now
