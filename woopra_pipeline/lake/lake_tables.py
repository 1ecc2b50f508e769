"""The public tables as stored in the lake: the folder of each, and the names of its columns.

Most are declared in `tables`. The columns of `people` and of the typed tables of events follow from
the log: `property_types` names them. Delta accepts no name with a blank or with one of some other
characters. Such a column is stored under another name, and has its own name in every view.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from woopra_pipeline.lake.engine import EVENTS_PREFIX
from woopra_pipeline.model.typed_tables import TypedRelation, distinct_names, name_for_duckdb
from woopra_pipeline.sql_text import quoted
from woopra_pipeline.tables import LAKE_TABLES, PEOPLE, Column, ColumnType, Table

TABLES = "tables"
"""The folder of all tables in the lake."""
EVENTS = f"{TABLES}/events"
"""The folder of the typed tables of events."""

NOT_FOR_DELTA = re.compile(r"[ ,;{}()\n\t=]")
"""Characters that Delta does not accept in the name of a column."""

PLAIN_FOLDER = re.compile("[a-z0-9][a-z0-9_]{0,59}")
LONGEST_BEGINNING = 40


@dataclass(frozen=True)
class LakeTable:
    """A public table, and the names that its columns have in the lake, in the same order."""

    table: Table
    stored_names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name: `visits`, or `events.NAME` for an event."""
        return self.table.name

    @property
    def event_relation(self) -> str | None:
        """The name of its relation in the schema `events`, if it is there."""
        return self.name.removeprefix(EVENTS_PREFIX) if is_of_event(self.name) else None

    @property
    def view(self) -> str:
        """Its name as SQL of DuckDB."""
        relation = self.event_relation
        return self.name if relation is None else f"events.{quoted(relation)}"

    @property
    def folder(self) -> str:
        """Its folder in the lake."""
        return folder_of(self.name)

    def data_folder(self, revision: str) -> str:
        """The folder for its files of a revision."""
        return f"{self.folder}/{revision}"


def is_of_event(name: str) -> bool:
    """Whether the table of this name is the typed table of an event."""
    return name.startswith(EVENTS_PREFIX)


def folder_of(name: str) -> str:
    """The folder of the table of this name.

    The folder of an event has the name of its relation, if that name is short and has only small
    letters, digits and `_`. Otherwise it has a similar name with a digest at the end.
    """
    if not is_of_event(name):
        return f"{TABLES}/{name}"
    relation = name.removeprefix(EVENTS_PREFIX)
    if PLAIN_FOLDER.fullmatch(relation):
        return f"{EVENTS}/{relation}"
    similar = re.sub("[^a-z0-9]+", "_", relation.lower())[:LONGEST_BEGINNING].strip("_") or "event"
    return f"{EVENTS}/{similar}-{sha256(relation.encode()).hexdigest()[:12]}"


def declared_tables() -> list[LakeTable]:
    """The tables whose columns are declared."""
    return [LakeTable(table, table.column_names) for table in LAKE_TABLES]


def typed_table(relation: TypedRelation) -> LakeTable:
    """The table for a typed relation of the model."""
    name = PEOPLE.name if relation.event is None else f"{EVENTS_PREFIX}{relation.name}"
    typed = [
        Column(column.name, ColumnType[column.type], column.comment) for column in relation.columns
    ]
    own = relation.own_columns
    return LakeTable(
        Table(name, relation.comment, (*own, *typed)),
        (
            *(column.name for column in own),
            *_stored_names([column.name for column in typed], [column.name for column in own]),
        ),
    )


def _stored_names(names: Iterable[str], reserved: list[str]) -> list[str]:
    """The names of columns in the lake: names that Delta accepts stay the same."""
    names = list(names)
    taken_first = sorted(names, key=lambda name: NOT_FOR_DELTA.search(name) is not None)
    stored = distinct_names(taken_first, reserved, _name_for_delta)
    return [stored[name] for name in names]


def _name_for_delta(name: str) -> str:
    return NOT_FOR_DELTA.sub("_", name_for_duckdb(name))
