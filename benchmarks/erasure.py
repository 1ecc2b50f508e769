"""The cost of erasing one person: only the days with lines of the person are rewritten.

    python -m benchmarks.erasure                            # 60 days of 20,000 visits
    python -m benchmarks.erasure --days 365 --visits 11000  # a year with ten million actions

Every day has as many visits of three actions each, one in twenty of a pid that is merged into a
person the next day. Says, too, how many files each step changed. With `--folder` the log that is
made there once serves again, in a copy.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.measuring import Cost, Costs, measured_here
from benchmarks.records import Results
from benchmarks.single import arguments_of, single
from woopra_pipeline.archive import Archive, ArchivedDay
from woopra_pipeline.archive.staging import StagedFile
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.workers import Workers
from woopra_pipeline.privacy.erasing import enter
from woopra_pipeline.privacy.plan import Finder, Identifier
from woopra_pipeline.privacy.settling import settle_erasures
from woopra_pipeline.privacy.verification import search

STAGE = "erasure"
FIRST_DAY = date(2025, 1, 1)
PEOPLE_PER_DAILY_VISIT = 5
ACTIONS = 3
ADA = Identifier("email", "ada@example.com")
EVERY = 10
"""The person comes every so many days, each time under a new pid that is merged the next day."""


def lines_of_day(number: int, visits: int) -> Iterator[bytes]:
    """The lines of a day's file, with their newlines."""
    at = int(datetime(2025, 1, 1, 9, tzinfo=UTC).timestamp() * 1000) + number * 86_400_000
    for visit in range(visits):
        pid = f"P{(visit * 7919 + number * 104_729) % (visits * PEOPLE_PER_DAILY_VISIT)}"
        if visit % 20 == 19:
            pid = f"A{number}x{visit}"
        yield _visit(pid, at + visit, {"email": f"{pid}@example.com", "plan": "pro"})
        if number and visit % 20 == 19:
            yield _line({"type": "delete", "pid": f"A{number - 1}x{visit}", "new_id": f"P{visit}"})
    if number % EVERY == 0:
        yield _visit(f"ada{number}", at, {"email": ADA.value, "name": "Ada"})
    elif number % EVERY == 1:
        yield _line({"type": "delete", "pid": f"ada{number - 1}", "new_id": "ada"})
        yield _visit("ada", at - 86_400_000, {"email": ADA.value, "name": "Ada"})


def _visit(pid: str, at: int, visitor: dict[str, str]) -> bytes:
    actions = [
        {"name": "pv", "time": at + index, "properties": {"url": f"/page/{at % 997}", "n": index}}
        for index in range(ACTIONS)
    ]
    return _line(
        {
            "type": "visit",
            "pid": pid,
            "time": at,
            "country": "AT",
            "city": f"City {at % 499}",
            "ip": f"203.0.113.{at % 251}",
            "browser": "Firefox",
            "visitor": visitor,
            "actions": actions,
        }
    )


def _line(content: dict[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def put_day(archive: Archive, log_day: date, lines: Iterator[bytes]) -> int:
    """Archive a day as if it had been fetched; returns the bytes of its file."""
    with StagedFile(archive.day_folder(log_day)) as staged:
        staged.write(lines)
        archived = ArchivedDay(
            log_day=log_day,
            path=archive.file_path(log_day, staged.sha256),
            sha256=staged.sha256,
            byte_count=staged.byte_count,
            line_count=staged.line_count,
            compressed_byte_count=staged.compressed_byte_count,
            fetched_at=system_clock(),
            status=200,
            headers={},
        )
        staged.path.replace(archived.path)
        archive.write_manifest(archived)
        return archived.byte_count


def files_of(folder: Path) -> dict[Path, int]:
    """The files below a folder with the times of their last changes."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def build(directory: DataDirectory, days: int, visits: int) -> str:
    """Make a log of so many days, parsed and modelled; says how much that is."""
    archive = Archive(directory.raw)
    byte_count = 0
    with Workers() as workers:
        for number in range(days):
            log_day = FIRST_DAY + timedelta(days=number)
            byte_count += put_day(archive, log_day, lines_of_day(number, visits))
            parse_log_day(archive, log_day, directory.parsed, workers=workers)
    update = update_model(directory)
    return (
        f"{byte_count / 1e6:,.0f} MB of log, {update.row_counts['visits']:,} visits, "
        f"{update.row_counts['actions']:,} actions"
    )


def plan_and_enter(directory: DataDirectory) -> str:
    """Plan the erasure of one person and write it into the register; returns what it removes."""
    with connect_published(directory) as connection:
        finder = Finder(connection)
        life = finder.find(ADA)
        assert life is not None
        plan = finder.plan(
            [ADA], [life], system_clock(), and_future=False, identifier_keys=["id", "email"]
        )
    enter(directory, plan)
    return f"{plan.line_count:,} lines under {len(plan.pids)} pids on {len(plan.lines)} days"


def settle(directory: DataDirectory) -> str:
    """Apply the register to raw files and parsed days; returns the changed ones."""
    before = files_of(directory.raw)
    _, overwritten = settle_erasures(directory)
    after = files_of(directory.raw)
    changed = {path.parent for path in after if after[path] != before.get(path)}
    return (
        f"{sum(overwritten.lines.values()):,} lines overwritten; files of {len(changed)} "
        f"of {len({path.parent for path in after})} days changed"
    )


def searched(directory: DataDirectory) -> str:
    """Search everything for the person; says what was found, and in how much."""
    result = search(directory, [ADA])
    return (
        f"{len(result.finds)} finds in {result.file_count:,} files with "
        f"{result.byte_count / 1e6:,.0f} MB"
    )


def main() -> None:
    """Make a log, erase one person of it, and say what that took."""
    parser = arguments_of(__doc__)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--visits", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where the log is made once, and kept")
    arguments = parser.parse_args()
    days, visits = arguments.days, arguments.visits
    with single(f"{days} days of {visits:,} visits", arguments) as (root, results):
        directory = DataDirectory(root / "project")
        kept = arguments.folder and arguments.folder / f"{days}x{visits}"
        if kept and kept.exists():
            shutil.copytree(kept, directory.root)
        else:
            cost = measured_here(build, directory, days, visits)
            note(results, "the log made, parsed and modelled", cost)
            if kept:
                shutil.copytree(directory.root, kept)
        erase_one(results, directory)


def erase_one(results: Results, directory: DataDirectory) -> None:
    """Measure each step of erasing one person, once."""
    for name, work in {
        "plan": plan_and_enter,
        "raw files and parsed days": settle,
        "model, built again and published": update,
        "an update with nothing to do": update,
        "searching all files": searched,
    }.items():
        note(results, name, measured_here(work, directory))


def note(results: Results, name: str, cost: Cost) -> None:
    """Record the cost of a step, and print its result."""
    results.costs(STAGE, name, Costs([cost]))
    print(f"{name}: {cost.value}", flush=True)


def update(directory: DataDirectory) -> str:
    """Bring the model up to date; says how."""
    return update_model(directory).method


if __name__ == "__main__":
    main()
