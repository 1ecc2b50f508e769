"""The catalogue of merge stories: one readable file each, with the log and the tables it leads to.

A story is a Markdown file in `stories/`: its title, what it is about, and then sections. A section
named by a log day holds the lines of that day's file, in a block. A section named by a table holds
the rows that are expected in it, in any order, and the columns they are compared by. Times are
UNIX milliseconds, as in the log, and NULL is NULL.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from woopra_pipeline_tests.model.interpreter import Row

TABLES = ("profiles", "visits", "actions", "profile_merges", "pid_aliases", "relog_audit")
"""The tables whose rows every story tells."""


@dataclass(frozen=True)
class Story:
    name: str
    title: str
    purpose: str
    files: dict[date, bytes]
    """The file of each log day."""
    columns: dict[str, list[str]]
    """The columns by which each table is compared."""
    rows: dict[str, list[list[str]]]
    """The rows expected in each table, as texts, sorted."""

    def rows_of(self, tables: dict[str, list[Row]]) -> dict[str, list[list[str]]]:
        """What `tables` hold, as the story tells it."""
        return {
            name: sorted([as_told(row[column]) for column in columns] for row in tables[name])
            for name, columns in self.columns.items()
        }


def read_stories() -> list[Story]:
    return [read_story(path) for path in sorted(Path(__file__).with_name("stories").glob("*.md"))]


def read_story(path: Path) -> Story:
    head, *sections = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    title, _, purpose = head.removeprefix("# ").partition("\n")
    files, columns, rows = {}, {}, {}
    for section in sections:
        name, _, text = section.partition("\n")
        if name in TABLES:
            columns[name], rows[name] = read_table(text)
        else:
            files[date.fromisoformat(name)] = read_block(text)
    assert columns.keys() == set(TABLES), f"{path.name} tells the rows of every table"
    return Story(path.stem, title, purpose.strip(), files, columns, rows)


def read_block(text: str) -> bytes:
    (lines,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return lines.encode()


def read_table(text: str) -> tuple[list[str], list[list[str]]]:
    columns, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return columns, sorted(rows)


WAYS_TO_TELL: dict[type, Callable[..., str]] = {
    datetime: lambda time: str(round(time.timestamp() * 1000)),
    bool: lambda truth: str(truth).lower(),
    dict: lambda members: "{" + ",".join(f'"{k}":{v}' for k, v in members.items()) + "}",
    type(None): lambda _: "NULL",
}


def as_told(value: object) -> str:
    return WAYS_TO_TELL.get(type(value), str)(value)
