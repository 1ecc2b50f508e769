"""What a step of following the current day costs, beside loading the day as a whole each time.

    python -m benchmarks.current_day                                   # some minutes
    python -m benchmarks.current_day --days 4 --visits 10000 --steps 100

A step every minute makes 1,440 of a day. The figures are those of steps with the same number of new
lines, early and late on the day; the request itself is left out.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from benchmarks.parse import log_lines
from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.current_day.day_files import grow, log_file, start_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_days, write_manifest

READ_AT = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30, help="in the model before")
    parser.add_argument("--visits", type=int, default=50_000, help="per day")
    parser.add_argument("--steps", type=int, default=1_440, help="in which the day grows")
    parser.add_argument("--directory", type=Path, default=None, help="where to work")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        run(DataDirectory(root), arguments.days, arguments.visits, arguments.steps)
    finally:
        shutil.rmtree(root)


def run(directory: DataDirectory, days: int, visits: int, steps: int) -> None:
    last_day = make_parsed_days(directory, days, visits)[-1]
    with timed("the days before, built"):
        update_model(directory)
    lines = cycle(log_lines(random.Random(1)))
    log_day = last_day + timedelta(days=1)
    (directory.parsed / log_day.isoformat()).mkdir()
    day = start_current_day(directory.parsed, log_day, READ_AT)
    for step in range(1, steps + 1):
        new_lines = b"".join(line + b"\n" for line in islice(lines, max(1, visits // steps)))
        if step not in {2, steps // 2, steps}:
            day = longer(day, new_lines)
            continue
        update_model(directory)
        with timed(f"step {step} parsed"):
            day = longer(day, new_lines)
        with timed(f"step {step} applied"):
            update = update_model(directory)
        print(f"    {len(update.grown)} day grown, publishing {update.publishing_seconds:.2f} s")
    print(f"{day.line_count:,} lines, {day.raw_bytes / 1e6:,.0f} MB, {len(day.files):,} files")
    with timed("manifests read"):
        find_parsed_days(directory.parsed)
    again = start_current_day(directory.parsed, log_day, READ_AT)
    with timed("the whole day parsed"):
        longer(again, log_file(day).read_bytes())
    with timed("the whole day applied in its place"):
        update = update_model(directory)
    print(f"    {len(update.replaced)} day replaced, publishing {update.publishing_seconds:.2f} s")
    write_manifest(day)
    remove(directory.model)
    with timed("all days built anew, the last in its parts"):
        update_model(directory)


def longer(day: ParsedDay, new_lines: bytes) -> ParsedDay:
    with log_file(day).open("ab") as log:
        log.write(new_lines)
        size = log.tell()
    return grow(day, size, READ_AT)


@contextmanager
def timed(name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"{name:<44}{time.monotonic() - started:8.2f} s", flush=True)


if __name__ == "__main__":
    main()
