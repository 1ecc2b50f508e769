"""Writes texts, names and files as SQL: the only module that puts outside values into SQL.

In a path, DuckDB takes `*`, `?` and `[` for a pattern, and makes a column of `key=value`. For files
that this package names, both are switched off.
"""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TypeAlias

Value: TypeAlias = "str | bool | float | date | list[str] | None"
"""What an argument of a macro can be."""


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """The name of a column, a table, a schema or a database as SQL."""
    return '"' + name.replace('"', '""') + '"'


def exact_pattern(path: Path) -> str:
    """The pattern that matches the file at `path` alone, for DuckDB's readers of files.

    There is none for a path with both a backslash and one of `*`, `?` and `[` in it.
    """
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def exact_files(paths: Iterable[Path]) -> str:
    """The arguments with which a reader of files reads only these files and their own columns."""
    patterns = ", ".join(literal(exact_pattern(path)) for path in paths)
    return f"[{patterns}], hive_partitioning = false"


def read_parquet(paths: Iterable[Path]) -> str:
    """The table function that reads only these Parquet files and their own columns."""
    return f"read_parquet({exact_files(paths)})"


def value(argument: Value) -> str:
    """A value as SQL."""
    if argument is None:
        return "null"
    if isinstance(argument, list):
        return f"[{', '.join(map(literal, argument))}]::varchar[]"
    if isinstance(argument, bool | int | float):
        return str(argument).lower()
    return literal(str(argument))


def table_of(macro: str, *asked: Value, **named: Value) -> str:
    """The call of a table macro of the model with these arguments."""
    arguments = [*map(value, asked), *(f"{name} := {value(said)}" for name, said in named.items())]
    return f"{macro}({', '.join(arguments)})"
