"""Texts, names and files written as SQL: the only place that puts what comes from outside into it.

DuckDB reads more into a path than a path says: `*`, `?` and `[` are a pattern, and `key=value` is a
column of every row. A file that this package names is that file, and its columns are its own.
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
    """The arguments by which a reader of files reads these, and nothing but what is in them."""
    patterns = ", ".join(literal(exact_pattern(path)) for path in paths)
    return f"[{patterns}], hive_partitioning = false"


def read_parquet(paths: Iterable[Path]) -> str:
    """The table function that reads these Parquet files, and nothing but what is in them."""
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
    """The table that a table macro of the model makes of these arguments."""
    arguments = [*map(value, asked), *(f"{name} := {value(said)}" for name, said in named.items())]
    return f"{macro}({', '.join(arguments)})"
