"""How fast an archived day is parsed, beside DuckDB's typed `read_json` on the same bytes.

    python benchmarks/parse.py                              # 250 MB, about a minute
    python benchmarks/parse.py --megabytes 2048 --repeat 1  # a large day, for its peak memory

DuckDB reads the plain file into a table of the same columns, and nothing else: no rules, no
properties, no Parquet. The parse includes all of that, and reading and checking the compressed
archive file. Rates are by the clock and by the time of all processors together, which other work
on the machine disturbs less. `vs clean` shows what oddities cost. Peak memory is the sum over all
processes.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from itertools import cycle
from pathlib import Path

import duckdb
import pyarrow as pa

from woopra_pipeline.archive import Archive, ArchivedDay
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.tables import ACTION_FIELDS, VISIT_FIELDS, Column, ColumnType

DAY = date(2026, 3, 5)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=250)
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--directory", type=Path, help="where the files are made, and removed")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        figures = run(root, arguments.megabytes, arguments.repeat)
    finally:
        shutil.rmtree(root)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def run(root: Path, megabytes: int, repeat: int) -> dict[str, dict[str, float]]:
    figures: dict[str, dict[str, float]] = {}
    lines = list(log_lines(random.Random(1)))
    for variant, change in VARIANTS.items():
        plain = root / "day.json"
        with plain.open("wb") as file:
            for number, line in enumerate(cycle(lines)):
                if file.tell() >= megabytes * 1_000_000:
                    break
                file.write(change(number, line) + b"\n")
        if variant == "clean":
            figures["DuckDB"] = best(plain, repeat, partial(in_new_process, read_json, plain))
            show("DuckDB", figures)
        archive(root, plain)
        figures[variant] = best(plain, repeat, partial(in_new_process, parse_archived, root))
        show(variant, figures)
    return figures


@dataclass(frozen=True)
class Cost:
    wall_seconds: float
    processor_seconds: float
    peak_megabytes: float


def best(plain: Path, repeat: int, measure: Callable[[], Cost]) -> dict[str, float]:
    costs = [measure() for _ in range(repeat)]
    megabytes = plain.stat().st_size / 1e6
    return {
        "MB/s": megabytes / min(cost.wall_seconds for cost in costs),
        "MB/processor s": megabytes / min(cost.processor_seconds for cost in costs),
        "peak MB": max(cost.peak_megabytes for cost in costs),
    }


def show(name: str, figures: dict[str, dict[str, float]]) -> None:
    measured = figures[name]
    for other in ("DuckDB", "clean"):
        if other in figures and other != name:
            for rate in ("MB/s", "MB/processor s"):
                measured[f"{rate} vs {other}"] = measured[rate] / figures[other][rate]
    print(name)
    for key, value in measured.items():
        print(f"    {key:28}{value:8.2f}", flush=True)


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


def archive(root: Path, plain: Path) -> None:
    content = plain.read_bytes()
    digest = sha256(content).hexdigest()
    days = Archive(root / "raw")
    path = days.file_path(DAY, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(content)
    days.write_manifest(
        ArchivedDay(
            log_day=DAY,
            path=path,
            sha256=digest,
            byte_count=len(content),
            line_count=content.count(b"\n"),
            compressed_byte_count=path.stat().st_size,
            fetched_at=datetime(2026, 3, 6, tzinfo=UTC),
            status=200,
            headers={},
        )
    )


def parse_archived(root: Path) -> None:
    shutil.rmtree(root / "parsed", ignore_errors=True)
    parse_log_day(Archive(root / "raw"), DAY, root / "parsed")


def in_new_process(work: Callable[[Path], None], path: Path) -> Cost:
    """What some work costs in a process that has done nothing before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pid = pool.submit(process_id).result()
        with peak_memory(pid) as peak:
            wall, processor = pool.submit(timed, work, path).result()
    return Cost(wall, processor, peak[0])


def process_id() -> int:
    return multiprocessing.current_process().pid or 0


def timed(work: Callable[[Path], None], path: Path) -> tuple[float, float]:
    wall, processor = time.perf_counter(), processor_seconds()
    work(path)
    return time.perf_counter() - wall, processor_seconds() - processor


def processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@contextmanager
def peak_memory(pid: int) -> Iterator[list[float]]:
    """Holds the largest sum, in MB, of the resident memory of a process and its descendants."""
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], resident_megabytes(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def resident_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = next((row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")), "0")
    return int(own) * 1024 / 1e6 + sum(map(resident_megabytes, children))


def read_json(plain: Path) -> None:
    """Read the file into a typed table in memory."""
    columns = {column.key: column.type for column in VISIT_FIELDS if "." not in str(column.key)}
    spec = {key: sql_type(column_type) for key, column_type in columns.items()}
    spec |= {"type": "VARCHAR", "pid": "VARCHAR", "new_id": "VARCHAR", "visitor": "JSON"}
    spec["referrer"] = 'STRUCT("type" VARCHAR, query VARCHAR, url VARCHAR)'
    spec["actions"] = f"STRUCT({', '.join(map(struct_field, ACTION_FIELDS))})[]"
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"""
            create table lines as
            from read_json(?, format = 'newline_delimited', columns = {spec})
            """,
            [str(plain)],
        )


def struct_field(column: Column) -> str:
    return f'"{column.key}" {sql_type(column.type)}'


def sql_type(column_type: ColumnType) -> str:
    return "BIGINT" if column_type is ColumnType.TIMESTAMPTZ else column_type.value


if __name__ == "__main__":
    main()
