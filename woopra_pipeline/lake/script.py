"""The SQL of the lake's tables, `model.sql` and `typed.sql`, as queries in their order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files

SCRIPTS = ("model.sql", "typed.sql")

STATEMENT = re.compile(
    r"^create (?P<kind>table|temporary view) (?P<name>\w+) as\n(?P<query>.*?);$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Query:
    """One query of the script: its name, and whether its result is written out and read back."""

    name: str
    is_kept: bool
    text: str

    def filled(self, phrases: Mapping[str, str]) -> str:
        """The text for one engine: the phrase of that name replaces `{name}`."""
        return re.sub(r"\{(\w+)\}", lambda found: phrases[found[1]], self.text)


@cache
def script_text() -> str:
    """The whole of both files."""
    return "".join(
        (package_files(__package__) / name).read_text(encoding="utf-8") for name in SCRIPTS
    )


@cache
def queries() -> tuple[Query, ...]:
    """The queries of both files, first to last."""
    return tuple(
        Query(found["name"], found["kind"] == "table", found["query"])
        for found in STATEMENT.finditer(script_text())
    )
