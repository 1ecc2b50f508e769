"""What the documentation tells a consumer to do, one line after another, as plainly as it goes."""

from collections import defaultdict
from typing import Any

import orjson

Visit = tuple[int, tuple[tuple[int, str], ...]]
"""A visit's `time` and the (`time`, `name`) of its actions."""


class PlainReader:
    """The profiles as a consumer has them who follows the log from its first line on."""

    def __init__(self) -> None:
        self.visits: defaultdict[str, list[Visit]] = defaultdict(list)
        self.properties: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self.visit_lines = 0
        self.pids: set[str] = set()
        self.merges: list[tuple[str, str | None]] = []

    def read(self, file: bytes) -> None:
        for text in file.split(b"\n"):
            line = _usable(text)
            if line is None:
                continue
            pid = line["pid"]
            if line["type"] == "visit":
                self.pids.add(pid)
                self.visit_lines += 1
                actions = tuple((action["time"], action["name"]) for action in line["actions"])
                self.visits[pid].append((line["time"], actions))
                self.properties[pid].update(line["visitor"])
            elif line["type"] == "identify":
                self.properties[pid].update(line["visitor"])
            else:
                self.merges.append((pid, line.get("new_id")))
                self.visits.pop(pid, None)
                self.properties.pop(pid, None)

    def living_visits(self) -> dict[str, list[Visit]]:
        return {pid: sorted(visits) for pid, visits in self.visits.items() if visits}


def _usable(text: bytes) -> dict[str, Any] | None:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(line, dict) or not line.get("pid"):
        return None
    is_delete = line.get("type") == "delete" or line.get("method") == "delete"
    is_visit = (
        line.get("type") in {"visit", "identify"}
        and isinstance(line.get("time"), int)
        and isinstance(line.get("actions"), list)
    )
    return line if is_delete or is_visit else None
