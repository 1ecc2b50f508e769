"""How fast an archived day is parsed, compared with DuckDB's typed `read_json` and other tools.

    python -m benchmarks.parse                              # 128 MB, without peers
    python -m benchmarks.parse --megabytes 2048 --repeat 1  # a large day, for its peak memory
    python -m benchmarks.parse --long                       # with ten times as many lines, too

DuckDB reads the plain file into a typed table in memory, and nothing else: no rules, no
properties, no Parquet. So do pandas, polars and pyarrow, with types of their own choice, and dlt
loads it into DuckDB. The parse includes reading and checking the compressed archive file, R8 line
by line, one row per action and per property, and all Parquet files on disk. The lines are the
sandbox's; `uniform` ones are all alike, with few values and long texts, and easier for everyone.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.measuring import Costs, Measure, fresh, in_rounds
from benchmarks.peers import NAMES, Peer, reading
from benchmarks.records import MEGABYTES, NO_BAR, RATIO, Bar, Results, both, crossed, ratios
from benchmarks.single import arguments_of, single
from benchmarks.stages import make_table, parse_archived
from benchmarks.worlds import DAY, World, archive_file, clean_lines, make_world
from woopra_pipeline.archive.days import Archive
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
"""Peers that refuse the sandbox's lines, in which a property can be a string or a number."""

STAGE = "parse"
RATE = "MB/s"
PROCESSOR_COST = "ms of processor a MB"
BARE = "DuckDB, {}"
BESIDE_BARE = Bar(at_least=0.6)
DIRT = Bar(at_least=0.7)
BESIDE_PEERS = {"dlt": Bar(at_least=100)}
MEMORY = Bar(at_most=1.5)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--megabytes", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--long", action="store_true", help="ten times as many lines as well")
    arguments = parser.parse_args()
    with single(f"{arguments.megabytes} MB", arguments) as (root, results):
        world = make_world(root / "sandbox", 4_000, 14)
        compare(results, root, world, arguments.megabytes, arguments.repeat, peers={})
        if arguments.long:
            compare_ten_times(results, root, world, arguments.megabytes, arguments.repeat)


@dataclass(frozen=True)
class File:
    """A file of lines, plain and as it is archived."""

    plain: Path
    archived: Path
    parsed: Path

    @property
    def megabytes(self) -> float:
        return self.plain.stat().st_size / 1e6


def make_file(
    root: Path, name: str, lines: Sequence[bytes], megabytes: float, variant: str = "clean"
) -> File:
    """Write a file of so many MB, and archive it; both below a folder of its own."""
    folder = root / name
    folder.mkdir()
    file = File(folder / "day.json", folder / "raw", root / "parsed")
    write_file(file.plain, lines, megabytes, VARIANTS[variant])
    archive_file(Archive(file.archived), file.plain)
    return file


def compare(
    results: Results,
    root: Path,
    world: World,
    megabytes: float,
    repeat: int,
    *,
    peers: Mapping[str, Peer],
) -> None:
    """The rate of the parse, by what the lines are like, beside DuckDB's and that of the peers."""
    lines, uniform = list(clean_lines(world)), list(log_lines(random.Random(1)))
    files = {
        variant: make_file(root, variant, lines, megabytes, variant) for variant in VARIANTS
    } | {"uniform": make_file(root, "uniform", uniform, megabytes)}
    measures = {}
    for name, file in files.items():
        measures[name] = parsing(file)
        if name in ("clean", "uniform"):
            measures[BARE.format(name)] = reading_json(file)
    for peer in peers.keys() - SHARES.keys():
        measures[peer] = reading(peers[peer], files[lines_for(peer)].plain)
    costs = in_rounds(repeat, measures)
    sizes = {name: files[without_tool(name)].megabytes for name in files.keys() | costs.keys()}
    for name in [name for name in NAMES if name in peers and name in SHARES]:
        part = make_file(root, name, lines, megabytes * SHARES[name])
        # Once is enough for what is so much slower. Our rate is that of all rounds.
        costs[name] = in_rounds(1, {name: reading(peers[name], part.plain)})[name]
        sizes[name] = part.megabytes
    for name, costs_of_name in costs.items():
        note(results, name, costs_of_name, sizes[name])
    for name in ("clean", "uniform"):
        beside_bare(results, name, costs)
    for name in NAMES:
        if name in peers:
            pairs = crossed if name in SHARES else ratios
            bar = BESIDE_PEERS.get(name, Bar(at_least=1))
            ours = lines_for(name)
            what = f"{ours} lines, beside {name}"
            rate_beside(results, what, ours, name, costs=costs, bar=bar, pairs=pairs)
    for variant in [*VARIANTS][1:]:
        what = f"{variant}, beside clean lines"
        rate_beside(results, what, variant, "clean", costs=costs, bar=DIRT)
        work_beside(results, what, variant, "clean", costs=costs, bar=DIRT)


def compare_ten_times(
    results: Results, root: Path, world: World, megabytes: float, repeat: int
) -> None:
    """The rate and the memory of ten times as many clean lines, beside what `compare` found."""
    file = make_file(root, TEN_TIMES, list(clean_lines(world)), 10 * megabytes)
    bare = BARE.format(TEN_TIMES)
    costs = in_rounds(repeat, {TEN_TIMES: parsing(file), bare: reading_json(file)})
    for name, costs_of_name in costs.items():
        note(results, name, costs_of_name, file.megabytes)
    shutil.rmtree(file.plain.parent)
    beside_bare(results, TEN_TIMES, costs)
    small = results.find(STAGE, "clean", MEGABYTES)
    large = results.find(STAGE, TEN_TIMES, MEGABYTES)
    results.add(
        "memory",
        "parse, one file: its peak with 10 times the data",
        RATIO,
        crossed(large.rounds, small.rounds),
        costs[TEN_TIMES].busy,
        bar=MEMORY,
        figures=both(large.rounds, small.rounds, MEGABYTES),
    )


def lines_for(peer: str) -> str:
    return "uniform" if peer in UNIFORM_ONLY else "clean"


def without_tool(name: str) -> str:
    """The lines that a measurement is of."""
    return lines_for(name) if name in NAMES else name.removeprefix(BARE.format(""))


def note(results: Results, name: str, costs: Costs, megabytes: float) -> None:
    results.costs(STAGE, name, costs)
    results.add(STAGE, name, RATE, [megabytes / each for each in costs.seconds], costs.busy)
    of_a_megabyte = [1000 * each / megabytes for each in costs.processor_seconds]
    results.add(STAGE, name, PROCESSOR_COST, of_a_megabyte, costs.busy)


def beside_bare(results: Results, name: str, costs: Mapping[str, Costs]) -> None:
    what = f"{name} lines, beside DuckDB's bare typed read_json"
    rate_beside(results, what, name, BARE.format(name), costs=costs, bar=BESIDE_BARE)
    work_beside(results, what, name, BARE.format(name), costs=costs)


def rate_beside(
    results: Results,
    what: str,
    ours: str,
    others: str,
    *,
    costs: Mapping[str, Costs],
    bar: Bar,
    pairs: Callable[[Sequence[float], Sequence[float]], list[float]] = ratios,
) -> None:
    """Note the ratio of two rates, which were noted before."""
    rate, other = (results.find(STAGE, name, RATE).rounds for name in (ours, others))
    busy = [*costs[ours].busy, *costs[others].busy]
    figures = both(rate, other, RATE)
    results.add(STAGE, what, RATIO, pairs(rate, other), busy, bar=bar, figures=figures)


def work_beside(
    results: Results,
    what: str,
    ours: str,
    others: str,
    *,
    costs: Mapping[str, Costs],
    bar: Bar = NO_BAR,
) -> None:
    """Note the ratio of what a second of the processors does, in the same direction as rates."""
    work, other = (results.find(STAGE, name, PROCESSOR_COST).rounds for name in (ours, others))
    busy = [*costs[ours].busy, *costs[others].busy]
    figures = both(work, other, PROCESSOR_COST)
    what = f"{what}, by the processors"
    results.add(STAGE, what, RATIO, ratios(other, work), busy, bar=bar, figures=figures)


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


def parsing(file: File) -> Measure:
    return fresh(parse_archived, file.archived, DAY, file.parsed)


def reading_json(file: File) -> Measure:
    """Measures how DuckDB reads the plain file into a typed table."""
    return fresh(
        make_table,
        f"from read_json({exact_files([file.plain])}, "
        f"format = 'newline_delimited', columns = {columns_of_lines()})",
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
