"""The cost of a step that follows the current day, compared with loading the whole day.

    python -m benchmarks.current_day                                   # some minutes
    python -m benchmarks.current_day --days 4 --visits 10000 --steps 100

A step every minute makes 1,440 of a day. The figures are those of steps with the same number of new
lines, early and late on the day; the request itself is left out.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from benchmarks.measuring import Costs, measured_here
from benchmarks.parse import log_lines
from benchmarks.records import Results
from benchmarks.single import arguments_of, single
from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.current_day.day_files import grow, log_file, start_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_days, write_manifest

STAGE = "current day"
READ_AT = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--days", type=int, default=30, help="in the model before")
    parser.add_argument("--visits", type=int, default=50_000, help="per day")
    parser.add_argument("--steps", type=int, default=1_440, help="in which the day grows")
    arguments = parser.parse_args()
    size = f"{arguments.days} days of {arguments.visits:,} visits, {arguments.steps:,} steps"
    with single(size, arguments) as (root, results):
        follow(results, DataDirectory(root), arguments.days, arguments.visits, arguments.steps)


def follow(results: Results, directory: DataDirectory, days: int, visits: int, steps: int) -> None:
    """Measure steps early and late on the day, and the whole day."""

    def measure(name: str, work: Callable[[], object]) -> None:
        results.costs(STAGE, name, Costs([measured_here(work)]))

    last_day = make_parsed_days(directory, days, visits)[-1]
    measure("the days before, built", lambda: update_model(directory))
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
        cost = measured_here(longer, day, new_lines)
        results.costs(STAGE, f"step {step} parsed", Costs([cost]))
        day = cost.value
        measure(f"step {step} applied", lambda: update_model(directory))
    print(f"{day.line_count:,} lines, {day.raw_bytes / 1e6:,.0f} MB, {len(day.files):,} files")
    measure("manifests read", lambda: find_parsed_days(directory.parsed))
    again = start_current_day(directory.parsed, log_day, READ_AT)
    measure("the whole day parsed", lambda: longer(again, log_file(day).read_bytes()))
    measure("the whole day applied in its place", lambda: update_model(directory))
    write_manifest(day)
    remove(directory.model)
    measure("all days built again, the last in its parts", lambda: update_model(directory))


def longer(day: ParsedDay, new_lines: bytes) -> ParsedDay:
    with log_file(day).open("ab") as log:
        log.write(new_lines)
        size = log.tell()
    return grow(day, size, READ_AT)


if __name__ == "__main__":
    main()
