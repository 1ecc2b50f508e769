"""How fast import lines are made, compared with `orjson.dumps` alone on the same objects.

    python -m benchmarks.imports                   # 1,000,000 lines of each shape
    python -m benchmarks.imports --lines 100000

Making lines is everything up to the moment when they could be sent: the source's query on a
Parquet file, checks, canonical JSON, what is new by the ledger, batch files on disk, and the plan
in the ledger. The same objects are then read back, and only `orjson.dumps` (with sorted keys, which
canonical lines need) is timed, in the same process, some thousands at a time and warm in the cache.
The query alone is what of it DuckDB takes to return the rows, as lines where they are plain. All
this is done in turn, and again in empty data directories. Peak memory is that of the process when
it has made lines for the first time.
"""

import shutil
import time
from datetime import date
from pathlib import Path

import duckdb
import orjson

from benchmarks.measuring import fresh, peak_so_far, timed
from benchmarks.records import MEGABYTES, RATIO, Results, both
from benchmarks.single import arguments_of, single
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.batch_files import read_lines
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.planning import Plan, plan_day
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.sources import get_source, read_source, sources_folder
from woopra_pipeline.sql_text import literal, read_parquet

STAGE = "imports"
RATE, PROCESSOR_RATE = "lines/s", "lines/s of processor"
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
    parser = arguments_of(__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="rows of the source")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with single(f"{arguments.lines:,} lines", arguments) as (root, results):
        compare_shapes(results, root, arguments.lines, arguments.repeat)


def compare_shapes(results: Results, root: Path, lines: int, repeat: int) -> None:
    """Measure how fast lines of each shape are made, and `orjson.dumps`."""
    for shape in SOURCES:
        folder = root / f"imports-{shape}"
        folder.mkdir()
        cost = fresh(measure, folder, shape, lines, repeat)()
        shutil.rmtree(folder)
        rounds = cost.value
        for name, unit, key in (
            (shape, RATE, "made"),
            (shape, PROCESSOR_RATE, "made, of the processors"),
            (f"{shape}, the query alone", RATE, "query"),
            (f"{shape}, all known already", RATE, "again"),
            (f"{shape}, orjson.dumps alone", RATE, "bare"),
        ):
            results.add(STAGE, name, unit, [each[key] for each in rounds], [cost.busy])
        results.add(STAGE, shape, MEGABYTES, [rounds[0]["peak"]], [cost.busy])
        results.add(
            STAGE,
            f"{shape}, beside orjson.dumps of the same objects",
            RATIO,
            [each["made"] / each["bare"] for each in rounds],
            [cost.busy],
            figures=both(
                [each["made"] for each in rounds], [each["bare"] for each in rounds], RATE
            ),
        )


def measure(root: Path, name: str, lines: int, repeat: int) -> list[dict[str, float]]:
    """Lines a second, by round: made, written by `orjson.dumps`, queried, and known already."""
    with duckdb.connect() as connection:
        rows = f"with rows as ({ROWS.format(lines=lines)}) {SOURCES[name]}"
        connection.execute(f"copy ({rows}) to {literal(f'{root}/rows.parquet')}")
    return [measure_once(root, name, lines, number) for number in range(repeat)]


def measure_once(root: Path, name: str, lines: int, number: int) -> dict[str, float]:
    directory = DataDirectory(root / str(number))
    folder = sources_folder(directory)
    folder.mkdir(parents=True)
    rows = read_parquet([directory.root.parent / "rows.parquet"])
    (folder / f"{name}.sql").write_text(f"from {rows}")
    seconds, processor, plan = timed(make_lines, directory, name)
    peak = peak_so_far()
    bare = bare_seconds(directory, plan)
    query, _, _ = timed(read_rows, directory, name)
    accept_all(directory)
    again, _, nothing = timed(make_lines, directory, name)
    assert nothing.line_count == 0
    return {
        "made": plan.line_count / seconds,
        "made, of the processors": plan.line_count / processor,
        "bare": plan.line_count / bare,
        "query": lines / query,
        "again": lines / again,
        "peak": peak,
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


def read_rows(directory: DataDirectory, name: str) -> None:
    with read_source(directory, get_source(directory, name), DAY, settings(directory)) as rows:
        for _ in rows.chunks:
            pass


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
