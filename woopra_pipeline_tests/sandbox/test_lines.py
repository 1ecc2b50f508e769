"""Lines have the shape of real export logs, strictly, and mean what the world knows of them."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.parse.lines import BlankLine, RejectedLine, VisitLine, parse_line, split_lines
from woopra_pipeline.sandbox import Sandbox, SandboxSettings
from woopra_pipeline.woopra.log_days import log_days_between

LATER = frozen_clock(datetime(2027, 1, 1, tzinfo=UTC))
DAYS = list(log_days_between(date(2026, 1, 1), date(2026, 2, 15)))

VISIT_SHAPE = {
    **dict.fromkeys(("continent", "country", "city", "timezone", "region", "post"), str),
    **dict.fromkeys(("offset", "language", "date", "pid", "type", "h", "browser", "os"), str),
    **dict.fromkeys(("device", "screen", "resolution", "ip", "description", "method", "org"), str),
    **dict.fromkeys(("hour_of_day", "minute", "second", "duration", "number", "time"), int),
    **dict.fromkeys(("lat", "lng"), float),
    **dict.fromkeys(("referrer", "visitor"), dict),
    "actions": list,
}
ACTION_SHAPE = {
    **dict.fromkeys(("date", "domain", "name"), str),
    **dict.fromkeys(("duration", "time"), int),
    "properties": dict,
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp("world"), SandboxSettings(people=120), clock=LATER)


@pytest.fixture(scope="module")
def files(sandbox: Sandbox) -> dict[date, bytes]:
    paths = {day: sandbox.export_file(day) for day in DAYS}
    return {day: path.read_bytes() for day, path in paths.items() if path}


@pytest.fixture(scope="module")
def visits(files: dict[date, bytes]) -> list[dict[str, Any]]:
    """The visit lines of the world's own visits, not the imported ones."""
    lines = b"".join(files.values()).split(b"\n")
    found = [orjson.loads(line) for line in lines if b'"type":"visit","h"' in line]
    assert len(found) > 1_000
    return found


def test_every_line_reads_as_what_it_was_written_as(
    sandbox: Sandbox, files: dict[date, bytes]
) -> None:
    kinds: Counter[str] = Counter()
    for day, file in files.items():
        lines = [parse_line(line) for line in split_lines(file)]
        found = Counter(
            line.type if isinstance(line, VisitLine) else type(line).__name__ for line in lines
        )
        expected = sandbox.line_counts(day)
        assert found["visit"] == expected["visit"]
        assert found["identify"] == expected["identify"]
        assert found["DeleteLine"] == expected["delete"]
        assert found[RejectedLine.__name__] == expected["rejected"]
        assert found[BlankLine.__name__] == expected["blank"]
        kinds += found
    assert min(kinds[kind] for kind in (*kinds, "visit", "identify", "DeleteLine")) > 0
    assert {RejectedLine.__name__, BlankLine.__name__} <= set(kinds)


def test_visits_have_all_fields_of_a_real_one(visits: list[dict[str, Any]]) -> None:
    for visit in visits:
        assert {name: type(value) for name, value in visit.items()} == VISIT_SHAPE
        assert re.fullmatch("[0-9A-Za-z]{12}", visit["pid"])
        assert visit["h"] == visit["pid"]
        assert visit["ip"].startswith(("203.0.113.", "198.51.100."))


def test_actions_come_newest_first_and_lie_within_the_visit(visits: list[dict[str, Any]]) -> None:
    for visit in visits:
        actions = visit["actions"]
        times = [action["time"] for action in actions]
        assert times == sorted(times, reverse=True)
        assert times[-1] == visit["time"]
        assert times[0] <= visit["time"] + 1_000 * visit["duration"]
        assert [action.get("landing", False) for action in actions][-1:] == [True]
        assert [action.get("exit", False) for action in actions][:1] == [True]
        for action in actions:
            shape = {name: type(value) for name, value in action.items()}
            assert shape | ACTION_SHAPE == shape
            assert shape.keys() - ACTION_SHAPE.keys() <= {"landing", "exit"}
            assert action["properties"]["dn"] == str(action["duration"])
            if action["name"] == "pv":
                assert {"uri", "url", "title"} <= action["properties"].keys()


def test_times_of_day_are_the_visitors_own(visits: list[dict[str, Any]]) -> None:
    for visit in visits:
        local = datetime.fromtimestamp(visit["time"] / 1_000, ZoneInfo(visit["timezone"] or "UTC"))
        assert visit["date"] == f"{local:%Y-%m-%d}"
        assert (visit["hour_of_day"], visit["minute"]) == (local.hour, local.minute)
        assert visit["second"] == local.second
        assert visit["actions"][-1]["date"] == f"{local:%I:%M:%S %p}"


def test_identify_lines_are_blank_visits(files: dict[date, bytes]) -> None:
    lines = b"".join(files.values()).split(b"\n")
    found = [orjson.loads(line) for line in lines if b'"type":"identify"' in line]
    assert len(found) > 100
    for line in found:
        assert (line["time"], line["date"], line["actions"]) == (0, "1970-01-01", [])
        assert {"email", "id"} & line["visitor"].keys()


def test_deletes_come_in_all_their_forms(files: dict[date, bytes]) -> None:
    lines = b"".join(files.values()).split(b"\n")
    found = [orjson.loads(line) for line in lines if b'"pid"' in line and b"delete" in line[:60]]
    assert any(line["type"] == "delete" and line.get("new_id") for line in found)
    assert any(line["type"] == "system" and line["method"] == "delete" for line in found)
    assert any("new_id" not in line for line in found)
    assert any(line.get("new_id", "") is None for line in found)


def test_a_re_logged_visit_says_the_same_under_another_pid(visits: list[dict[str, Any]]) -> None:
    said: dict[tuple[int, str], set[bytes]] = {}
    for visit in visits:
        rest = {name: value for name, value in visit.items() if name not in {"pid", "h"}}
        key = visit["time"], visit["visitor"]["fingerprint"]
        said.setdefault(key, set()).add(orjson.dumps(rest))
    assert len(visits) > 1.1 * len(said)
    assert all(len(versions) == 1 for versions in said.values())


def test_re_logs_stand_among_other_peoples_lines_and_cross_midnight(
    tmp_path: Path, files: dict[date, bytes]
) -> None:
    deleted_on: dict[str, date] = {}
    later = interleaved = 0
    for day, file in files.items():
        pids = []
        for line in split_lines(file):
            parsed = parse_line(line)
            if isinstance(parsed, VisitLine):
                pids.append(parsed.pid)
            elif not isinstance(parsed, (RejectedLine, BlankLine)) and parsed.new_id:
                deleted_on[parsed.new_id] = day
        for pid, on in deleted_on.items():
            places = [place for place, other in enumerate(pids) if other == pid]
            later += bool(places) and on < day
            interleaved += bool(places) and places[-1] - places[0] > len(places) - 1
    assert later > 10
    assert interleaved > 10
