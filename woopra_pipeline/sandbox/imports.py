"""Imports as the service accepts them: all lines of a request or none, unchanged and permanent.

An imported line finds or creates its profile by an identifier, and is logged on the day on which it
was imported, in the shape of the export, with its original times. Now and then, the world makes an
import of its own. Imports over HTTP are kept in a journal, one file for each log day.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import orjson

from woopra_pipeline.files import make_folder
from woopra_pipeline.sandbox.identities import COOKIE
from woopra_pipeline.sandbox.people import (
    DAY,
    HOUR,
    IMPORTED,
    KIND_BITS,
    SECOND,
    People,
    milliseconds,
)
from woopra_pipeline.sandbox.vocabulary import BLANK_VISIT, json_text
from woopra_pipeline.woopra.log_days import log_day_at, start_of_log_day

NUMBER_BITS = 32
"""An imported line's key: log day, number of the line on that day, kind of line."""

_SET_BY_THE_SERVICE = ("pid", "h")


class MalformedLineError(ValueError):
    """A line that cannot be imported, and why."""


class ImportedLine(NamedTuple):
    """A line as it was imported: its visitor, and its content."""

    cookie: int | None
    identifiers: dict[str, str]
    is_visit: bool
    time: int
    actions: tuple[tuple[int, str], ...]
    """(`time` in UNIX ms, `name`) of each action, newest first."""
    visitor: str
    """The JSON text of its `visitor` object."""
    members: str
    """The rest of the exported line after the pid."""

    def text(self, pid: str) -> str:
        """The line of the export, with its line feed."""
        return f'{{"pid":"{pid}","h":"{pid}",{self.members}}}\n'


class ImportRequest(NamedTuple):
    """The lines of one request, all logged at `at` (UNIX ms)."""

    at: int
    lines: list[ImportedLine]


class _ImportedDay(NamedTuple):
    journal_size: int
    requests: list[ImportRequest]
    lines: list[ImportedLine]


class Imports:
    """Everything ever imported into one world; the journal is below `folder`."""

    def __init__(self, folder: Path, people: People, identifiers: tuple[str, ...]) -> None:
        self.folder = folder
        self.people = people
        self.identifiers = identifiers
        self._days: dict[date, _ImportedDay] = {}

    def requests_of(self, log_day: date) -> list[ImportRequest]:
        """The requests of a log day so far, in the order in which they were imported."""
        path = self._journal(log_day)
        size = path.stat().st_size if path.exists() else 0
        day = self._days.get(log_day)
        if day is None or day.journal_size != size:
            requests = [*self._own_requests(log_day), *self._journaled_requests(path)]
            requests.sort(key=lambda request: request.at)
            lines = [line for request in requests for line in request.lines]
            day = self._days[log_day] = _ImportedDay(size, requests, lines)
        return day.requests

    def keys_of(self, log_day: date) -> list[list[int]]:
        """For each request of a log day, the keys of its lines."""
        number = (log_day - self.people.first_log_day).days << NUMBER_BITS
        keys = []
        for request in self.requests_of(log_day):
            numbers = range(number, number + len(request.lines))
            keys.append([number << KIND_BITS | IMPORTED for number in numbers])
            number = numbers.stop
        return keys

    def line(self, key: int) -> ImportedLine:
        """The line that `key` names."""
        number, place = divmod(key >> KIND_BITS, 1 << NUMBER_BITS)
        log_day = self.people.first_log_day + timedelta(days=number)
        if log_day not in self._days or place >= len(self._days[log_day].lines):
            self.requests_of(log_day)
        return self._days[log_day].lines[place]

    def last_log_day(self) -> date | None:
        """The last log day on which something was imported over HTTP."""
        days = (date.fromisoformat(path.stem) for path in self.folder.glob("*.jsonl"))
        return max(days, default=None)

    def append(self, at: int, lines: list[str]) -> None:
        """Import lines at `at` (UNIX ms), durably; `read_line` must have found them good."""
        path = self._journal(log_day_at(datetime.fromtimestamp(at / SECOND, UTC)))
        make_folder(self.folder)
        record = orjson.dumps([at, lines], option=orjson.OPT_APPEND_NEWLINE)
        with path.open("ab") as file:
            # A process that died while it wrote may have left an incomplete line.
            file.write(b"\n" + record)
            file.flush()
            os.fsync(file.fileno())

    def _journal(self, log_day: date) -> Path:
        return self.folder / f"{log_day}.jsonl"

    def _journaled_requests(self, path: Path) -> Iterator[ImportRequest]:
        if not path.exists():
            return
        for record in path.read_bytes().split(b"\n"):
            try:
                at, lines = orjson.loads(record)
            except orjson.JSONDecodeError:
                continue
            yield ImportRequest(at, [read_line(line, self.identifiers, at) for line in lines])

    def _own_requests(self, log_day: date) -> Iterator[ImportRequest]:
        """The world's own imports: now and then, data about its people from another system."""
        chance, people = self.people.chance, self.people
        start = milliseconds(start_of_log_day(log_day))
        if chance.one("import", start) >= 0.08 or start >= people.ends_at:
            return
        at = start + int(chance.one("import at", start) * 22 * HOUR)
        numbers = at + np.arange(3 + people.slot_count // 20, dtype=np.int64)
        slots = chance.below("imported slot", numbers, people.slot_count)
        person = people.persons(slots, (log_day - people.first_log_day).days)
        lines = [
            _line_from_elsewhere(at, luck, email, own_id)
            for luck, email, own_id in zip(
                chance.uniform("imported line", numbers).tolist(),
                people.emails(person).to_pylist(),
                people.ids(person).to_pylist(),
                strict=True,
            )
        ]
        yield ImportRequest(at, [read_line(line, self.identifiers, at) for line in lines])


def read_line(text: str, identifiers: tuple[str, ...], now: int) -> ImportedLine:
    """One line of a request that comes at `now` (UNIX ms); raises `MalformedLineError`."""
    try:
        line = orjson.loads(text)
        fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (orjson.JSONDecodeError, msgspec.DecodeError) as error:
        raise MalformedLineError("it is no JSON object") from error
    visitor = line.get("visitor")
    if not isinstance(visitor, dict):
        raise MalformedLineError("it has no visitor object")
    known = {name: str(visitor[name]) for name in (*identifiers, COOKIE) if visitor.get(name)}
    if not known:
        raise MalformedLineError("its visitor has no identifier")
    cookie = known.pop(COOKIE, None)
    is_visit = line.get("actions") is not None
    actions = _actions(line["actions"]) if is_visit else []
    times = [time for time, _ in actions] or [now]
    time = line.get("time", min(times)) if is_visit else 0
    if type(time) is not int:
        raise MalformedLineError("its time is not in UNIX ms")
    shown = _shown_fields(time, (max(times) - min(times)) // SECOND) if is_visit else {}
    newest_first = sorted(range(len(actions)), key=lambda place: -actions[place][0])
    raw_actions = msgspec.json.decode(fields["actions"], type=list[msgspec.Raw]) if actions else []
    members = {
        **{name: json_text(value) for name, value in {**BLANK_VISIT, **shown}.items()},
        **{name: bytes(raw).decode() for name, raw in fields.items()},
        "time": json_text(time),
        "type": '"visit"' if is_visit else '"identify"',
        "actions": f"[{','.join(bytes(raw_actions[place]).decode() for place in newest_first)}]",
    }
    for name in _SET_BY_THE_SERVICE:
        members.pop(name, None)
    return ImportedLine(
        None if cookie is None else _cookie_number(cookie),
        known,
        is_visit,
        time,
        tuple(actions[place] for place in newest_first),
        members["visitor"],
        ",".join(f"{json_text(name)}:{text}" for name, text in members.items()),
    )


def _actions(actions: object) -> list[tuple[int, str]]:
    if not isinstance(actions, list):
        raise MalformedLineError("its actions are no array")
    found = []
    for action in actions:
        name = action.get("name") if isinstance(action, dict) else None
        if not isinstance(name, str) or not name or type(action.get("time")) is not int:
            raise MalformedLineError("an action needs a name, and a time in UNIX ms")
        found.append((action["time"], name))
    return found


def _shown_fields(time: int, duration: int) -> dict[str, object]:
    """A visit's time as the service stores it."""
    try:
        moment = datetime.fromtimestamp(time / SECOND, UTC)
    except (OverflowError, ValueError):
        return {"duration": duration}
    return {
        "date": f"{moment:%Y-%m-%d}",
        "hour_of_day": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "duration": duration,
    }


def _cookie_number(cookie: str) -> int:
    """A number for a cookie that no device of the world has: below zero."""
    digest = hashlib.blake2b(cookie.encode(), digest_size=7).digest()
    return -1 - int.from_bytes(digest, "little")


def _line_from_elsewhere(at: int, luck: float, email: str, own_id: str) -> str:
    time = at - DAY - int(luck * 6 * 365 * DAY)
    visitor: dict[str, object] = {"email": email} if luck < 0.5 else {"id": own_id}
    visitor["customer since"] = time // SECOND
    if luck % 0.25 < 0.05:
        return json_text({"visitor": visitor | {"segment": "früher", "score": luck}})
    call = {"name": "call", "time": time, "properties": {"agent": "Zoë", "minutes": 12.5}}
    order = {"name": "order", "time": time + 40 * SECOND, "properties": {"amount": 1200}}
    actions = [call, order] if luck % 0.25 < 0.15 else [call]
    return json_text({"visitor": visitor, "actions": actions, "time": time, "country": "DE"})
