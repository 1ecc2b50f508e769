"""How fast an archived day is parsed, beside DuckDB's typed `read_json` and what others offer.

    python -m benchmarks.parse                              # 128 MB, without peers
    python -m benchmarks.parse --megabytes 2048 --repeat 1  # a large day, for its peak memory

DuckDB reads the plain file into a typed table in memory, and nothing else: no rules, no
properties, no Parquet. So do pandas, polars and pyarrow, with types of their own choice, and dlt
loads it into DuckDB. The parse includes reading and checking the compressed archive file, R8 line
by line, one row per action and per property, and all Parquet files on disk. The lines are the
sandbox's; `uniform` ones are all alike, with few values and long texts, and easier for everyone.
"""

import argparse
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import measured
from benchmarks.peers import Peer, run_peer
from benchmarks.worlds import DAY, World, archive_file, clean_lines, make_world
from woopra_pipeline.archive.days import Archive
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.sql_text import exact_files
from woopra_pipeline.tables import ACTION_FIELDS, VISIT_FIELDS, Column, ColumnType

DISTINCT_LINES = 10_000
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"

VARIANTS: dict[str, Callable[[int, bytes], bytes]] = {
    "clean": lambda number, line: line,
    "an unknown field on every line": lambda number, line: line[:-1] + b',"new":{"a":[1,2]}}',
    "1 % rejected lines": lambda number, line: line if number % 100 else line[:-1],
    "1 % odd values": lambda number, line: (
        line if number % 100 else line.replace(b'"duration":', b'"duration":"s","number":', 1)
    ),
}
TEN_TIMES = "ten times as many clean"
SHARES = {"dlt": 0.125, "pandas": 0.5}
"""The share of the file that slow peers get, and but once; what counts is their rate."""

UNIFORM_ONLY = {"pyarrow"}
"""Peers that refuse the sandbox's lines, whose properties are now strings, now numbers."""

Figures = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where the files are made, and removed")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        world = make_world(root / "sandbox", 4_000, 14)
        figures = compare(root, world, arguments.megabytes, arguments.repeat, {})
    finally:
        shutil.rmtree(root)
    print(json.dumps(figures, indent=2))


def compare(
    root: Path, world: World, megabytes: float, repeat: int, peers: dict[str, Peer]
) -> Figures:
    """Rates in MB/s and peak memory in MB of the parse, by variant, and of the others."""
    lines = list(clean_lines(world))
    plain = root / "day.json"
    figures: Figures = {}

    def compare_with_duckdb(name: str, lines: Sequence[bytes], times: int = 1) -> None:
        write_file(plain, lines, times * megabytes, VARIANTS["clean"])
        figures[f"DuckDB, {name}"] = rates(plain, measured(repeat, read_json, plain).figures())
        parse(name)

    def parse(name: str) -> None:
        archive_file(Archive(root / "raw"), plain)
        figures[name] = rates(plain, measured(repeat, parse_archived, root).figures())

    compare_with_duckdb("clean", lines)
    for variant in VARIANTS.keys() - {"clean"}:
        write_file(plain, lines, megabytes, VARIANTS[variant])
        parse(variant)
    uniform = list(log_lines(random.Random(1)))
    compare_with_duckdb("uniform", uniform)
    for name, peer in peers.items():
        readable = uniform if name in UNIFORM_ONLY else lines
        write_file(plain, readable, megabytes * SHARES.get(name, 1), VARIANTS["clean"])
        times = 1 if name in SHARES else repeat
        figures[name] = rates(plain, run_peer(peer, times, plain).figures())
    repeat = 1
    compare_with_duckdb(TEN_TIMES, lines, times=10)
    plain.unlink()
    return figures


def write_file(
    path: Path, lines: Sequence[bytes], megabytes: float, change: Callable[[int, bytes], bytes]
) -> None:
    """A file of so many MB, of `lines` over and over."""
    with path.open("wb") as file:
        for number, line in enumerate(cycle(lines)):
            if file.tell() >= megabytes * 1e6:
                break
            file.write(change(number, line) + b"\n")


def log_lines(chance: random.Random) -> Iterator[bytes]:
    """Visits with some three actions each, and a delete now and then."""
    for number in range(DISTINCT_LINES):
        pid = f"{chance.getrandbits(60):012x}"
        line: dict[str, object] = {"type": "delete", "pid": pid, "new_id": f"{number:012x}"}
        if chance.random() > 0.02:
            line = visit(chance, pid)
        yield json.dumps(line, separators=(",", ":")).encode()


def visit(chance: random.Random, pid: str) -> dict[str, object]:
    time_ms = 1_770_000_000_000 + chance.randrange(86_400_000)
    return {
        **{"continent": "OC", "date": "2026-03-05", "country": "AU", "city": "Sydney"},
        **{"timezone": "Australia/Sydney", "screen": "375x667", "language": "English"},
        **{"pid": pid, "type": "visit", "resolution": "375x667", "second": chance.randrange(60)},
        **{"duration": chance.randrange(1000), "number": 1, "post": "1001", "lat": -33.8615},
        **{"browser": "Safari Mobile", "os": "iPhone", "lng": 151 + chance.random(), "h": pid},
        **{"offset": "+10:00", "method": "", "org": "", "ip": "203.0.113.9", "minute": 38},
        "referrer": {"query": "-encrypted-", "type": "search", "url": "https://example.net/"},
        "time": time_ms,
        "visitor": {"email": f"{pid}@example.com", "name": f"Zoë {pid}", "plan": "free"},
        "device": "mobile",
        "actions": [action(chance, time_ms + step) for step in range(chance.randrange(6))],
    }


def action(chance: random.Random, time_ms: int) -> dict[str, object]:
    url = f"/page/{chance.randrange(10_000)}"
    title = f"What we do, and why it matters - {chance.random()}"
    return {
        **{"duration": chance.randrange(400), "date": "11:50:04 PM", "domain": "example.com"},
        **{"name": "pv", "time": time_ms, "exit": False},
        "properties": {"url": url, "title": title, "agent": AGENT, "amount": 12.5, "dn": "17"},
    }


def rates(plain: Path, figures: dict[str, float]) -> dict[str, float]:
    megabytes = plain.stat().st_size / 1e6
    return {
        **figures,
        "megabytes": megabytes,
        "megabytes_per_second": megabytes / figures["seconds"],
        "megabytes_per_processor_second": megabytes / figures["processor_seconds"],
    }


def parse_archived(root: Path) -> None:
    shutil.rmtree(root / "parsed", ignore_errors=True)
    parse_log_day(Archive(root / "raw"), DAY, root / "parsed")


def read_json(plain: Path) -> None:
    """Read the file into a typed table in memory."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"create table lines as from read_json({exact_files([plain])}, "
            f"format = 'newline_delimited', columns = {columns_of_lines()})"
        )


def columns_of_lines() -> str:
    """The columns of a line of the log, as `read_json` wants them."""
    columns = {column.key: column.type for column in VISIT_FIELDS if "." not in str(column.key)}
    types: dict[Any, str] = {key: sql_type(column_type) for key, column_type in columns.items()}
    types |= {"type": "VARCHAR", "pid": "VARCHAR", "new_id": "VARCHAR", "visitor": "JSON"}
    types["referrer"] = "STRUCT(type VARCHAR, query VARCHAR, url VARCHAR)"
    types["actions"] = f"STRUCT({', '.join(map(struct_field, ACTION_FIELDS))})[]"
    return "{" + ", ".join(f"'{key}': '{type_}'" for key, type_ in types.items()) + "}"


def struct_field(column: Column) -> str:
    return f'"{column.key}" {sql_type(column.type)}'


def sql_type(column_type: ColumnType) -> str:
    return "BIGINT" if column_type is ColumnType.TIMESTAMPTZ else column_type.value


if __name__ == "__main__":
    main()
