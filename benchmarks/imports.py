"""How fast import lines are made, beside what `orjson.dumps` alone takes for the same objects.

    python -m benchmarks.imports                   # 1,000,000 lines of each shape
    python -m benchmarks.imports --lines 100000

Making lines is everything up to the moment when they could be sent: the source's query on a
Parquet file, checks, canonical JSON, what is new by the ledger, batch files on disk, and the plan
in the ledger. The same objects are then read back, and only `orjson.dumps` (with sorted keys, which
canonical lines need) is timed, in the same process, some thousands at a time and warm in the cache.
`query` is what of it DuckDB takes to return the rows, as lines where they are plain; `again` is the
same import with everything known. All this is done in turn, and again in empty data directories;
the figures are medians of the rounds. Peak memory is that of the process when it has made lines for
the first time.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import orjson

from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.batch_files import read_lines
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.planning import Plan, plan_day
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import get_source, read_source, sources_folder
from woopra_pipeline.sql_text import literal, read_parquet

DAY = date(2026, 3, 5)

ROWS = """
    select
        i,
        'visitor' || (i % 300000) || '@example.com' as email,
        1772740800000 + i * 1000 as time,
        ['Sydney', 'Łódź', 'Perth'][1 + i % 3] as city,
        ['free', 'pro', 'team'][1 + i % 3] as plan
    from range({lines}) r(i)
"""
SOURCES = {
    "visits": """
        select
            {'email': email, 'plan': plan, 'customer since': 2000 + i % 25} as visitor,
            list_transform(
                range(3),
                lambda place: {
                    'name': ['pv', 'order', 'pay'][1 + place],
                    'time': time + place * 1000,
                    'properties': {
                        'url': '/product/' || i || '/' || place,
                        'title': 'What we do, and why it matters - ' || place,
                        'amount': i / 7,
                        'quantity': place
                    }
                }
            ) as actions,
            city,
            'AU' as country
        from rows
    """,
    "events": """
        select
            {'email': email} as visitor,
            'order' as name,
            time,
            {'order id': i, 'amount': i / 7, 'text': 'What we do, and why it matters'} as properties
        from rows
    """,
    "profiles": """
        select
            {
                'email': 'visitor' || i || '@example.com',
                'plan': plan,
                'city': city,
                'customer since': 2000 + i % 25,
                'score': i / 7,
                'account manager': 'Grace Hopper'
            } as visitor
        from rows
    """,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000, help="rows of the source")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where the files are made, and removed")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    figures = {}
    for name in SOURCES:
        root = Path(tempfile.mkdtemp(dir=arguments.directory))
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                figures[name] = pool.submit(
                    measure, root, name, arguments.lines, arguments.rounds
                ).result()
        finally:
            shutil.rmtree(root)
        print(name)
        for key, value in figures[name].items():
            print(f"    {key:28}{value:12,.2f}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(root: Path, name: str, lines: int, rounds: int) -> dict[str, float]:
    with duckdb.connect() as connection:
        rows = f"with rows as ({ROWS.format(lines=lines)}) {SOURCES[name]}"
        connection.execute(f"copy ({rows}) to {literal(f'{root}/rows.parquet')}")
    measured = [measure_once(root, name, lines, number) for number in range(rounds)]
    figures = {key: statistics.median(each[key] for each in measured) for key in measured[0]}
    return figures | {"peak MB": measured[0]["peak MB"]}


def measure_once(root: Path, name: str, lines: int, number: int) -> dict[str, float]:
    directory = DataDirectory(root / str(number))
    folder = sources_folder(directory)
    folder.mkdir(parents=True)
    rows = read_parquet([directory.root.parent / "rows.parquet"])
    (folder / f"{name}.sql").write_text(f"from {rows}")
    start = time.perf_counter()
    plan = make_lines(directory, name)
    seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bare = bare_seconds(directory, plan)
    query = query_seconds(directory, name)
    accept_all(directory)
    start = time.perf_counter()
    assert make_lines(directory, name).line_count == 0
    again = time.perf_counter() - start
    return {
        "lines": plan.line_count,
        "MB": plan.byte_count / 1e6,
        "lines/s": plan.line_count / seconds,
        "MB/s": plan.byte_count / 1e6 / seconds,
        "orjson.dumps lines/s": plan.line_count / bare,
        "share of orjson.dumps": bare / seconds,
        "query lines/s": lines / query,
        "again lines/s": lines / again,
        "peak MB": peak_mb,
    }


def settings(directory: DataDirectory) -> ImportSettings:
    return ImportSettings(read_folders=(str(directory.root.parent),))


def make_lines(directory: DataDirectory, name: str) -> Plan:
    with Ledger(directory, system_clock) as ledger, ledger.holding(name):
        return plan_day(
            ledger,
            get_source(directory, name),
            DAY,
            settings=settings(directory),
            clock=system_clock,
            dry_run=False,
        )


def query_seconds(directory: DataDirectory, name: str) -> float:
    start = time.perf_counter()
    with read_source(directory, get_source(directory, name), DAY, settings(directory)) as rows:
        for _ in rows.chunks:
            pass
    return time.perf_counter() - start


def accept_all(directory: DataDirectory) -> None:
    with Ledger(directory, system_clock) as ledger:
        for batch in ledger.batches(None, State.PLANNED):
            ledger.begin_sending(batch)
            ledger.settle(batch, State.ACCEPTED)


def bare_seconds(directory: DataDirectory, plan: Plan) -> float:
    seconds = 0.0
    for file in plan.files:
        objects = orjson.loads(b"[" + b",".join(read_lines(directory, file)) + b"]")
        start = time.perf_counter()
        for each in objects:
            orjson.dumps(each, option=orjson.OPT_SORT_KEYS)
        seconds += time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
