"""The cost of putting days of different sizes into a lake, and of bringing them back.

    python -m benchmarks.lake_upload                           # days of 64, 256 and 1,024 MB
    python -m benchmarks.lake_upload --megabytes 64 --place folder

The store is a real S3 server on loopback, or a folder. The peak is that of the process that uploads
or downloads: it must not grow with the day.
"""

import hashlib
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.measuring import Cost, Costs, in_new_process, in_rounds
from benchmarks.records import MEGABYTES, Bar, Results, crossed
from benchmarks.single import arguments_of, single
from woopra_pipeline.archive import Archive, ArchivedDay
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_day
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline_tests.lake.s3_server import serve_s3

STAGE = "lake upload"
DAY = date(2026, 1, 5)
DAY_MEGABYTES = (64, 256, 1024)
MEMORY = Bar(at_most=1.5)
PUT, RESTORE = "put a day of {} MB into a lake", "restore a day of {} MB"
LINE = b'{"type":"visit","pid":"%d","visitor":{"note":"%s"},"actions":[{"name":"view"}]}\n'
NOTE_BYTES = 200


def main() -> None:
    parser = arguments_of(__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=DAY_MEGABYTES)
    parser.add_argument("--place", choices=["s3", "folder"], default="s3")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    with single(f"days in {arguments.place}", arguments) as (root, results):
        compare_days(results, root, arguments.megabytes, arguments.repeat, arguments.place)


def compare_days(
    results: Results, root: Path, megabytes: Sequence[int], repeat: int, place: str = "s3"
) -> None:
    """Note what days of these sizes take, the smallest first, and how the peaks compare."""
    found = []
    with ExitStack() as stack:
        if place == "s3":
            (root / "s3").mkdir()
            server = stack.enter_context(serve_s3(root / "s3"))
            os.environ.update(server.environment)
            server.make_bucket("woopra")
        for size in megabytes:
            location = f"s3://woopra/{size}" if place == "s3" else str(root / "lake" / f"{size}")
            costs = measure(root / f"{size}", size, location, repeat)
            for what, costs_of_it in costs.items():
                results.costs(STAGE, what.format(size), costs_of_it)
            found.append(costs)
    for what, of in ((PUT, "putting"), (RESTORE, "restoring")):
        results.beside(
            "memory",
            f"lake: {of} a day, its peak with {megabytes[-1] // megabytes[0]} times the data",
            found[-1][what],
            found[0][what],
            MEGABYTES,
            bar=MEMORY,
            pairs=crossed,
        )


def measure(folder: Path, megabytes: int, location: str, repeat: int) -> dict[str, Costs]:
    """Put a day of so many MB into a lake and bring it back, each in a process of its own."""
    here, back = folder / "here", folder / "back"
    make_day(DataDirectory(here), megabytes << 20)
    # What is there already would not be uploaded again.
    places = [f"{location}/{number}" for number in range(repeat)]
    put, restored = iter(places), iter(places)

    def measure_put() -> Cost:
        return in_new_process(put_there, next(put), here)

    def measure_restore() -> Cost:
        shutil.rmtree(back, ignore_errors=True)
        return in_new_process(take_back, next(restored), back)

    costs = in_rounds(repeat, {PUT: measure_put, RESTORE: measure_restore})
    shutil.rmtree(folder)
    assert costs[PUT].values == costs[RESTORE].values
    return costs


def put_there(location: str, folder: Path) -> int:
    return put_day(open_lake(location), DataDirectory(folder), DAY).uploaded_bytes


def take_back(location: str, folder: Path) -> int:
    return take_day(open_lake(location), DataDirectory(folder), DAY).downloaded_bytes


def make_day(directory: DataDirectory, byte_count: int) -> None:
    """Archive and parse a day of about so many bytes, half of which cannot be compressed."""
    archive = Archive(directory.raw)
    path = archive.day_folder(DAY) / "log"
    path.parent.mkdir(parents=True)
    digest, size, line_count = hashlib.sha256(), 0, 0
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        for line in log_lines(byte_count):
            file.write(line)
            digest.update(line)
            size += len(line)
            line_count += 1
    archived = ArchivedDay(
        log_day=DAY,
        path=archive.file_path(DAY, digest.hexdigest()),
        sha256=digest.hexdigest(),
        byte_count=size,
        line_count=line_count,
        compressed_byte_count=path.stat().st_size,
        fetched_at=datetime(2026, 1, 6, tzinfo=UTC),
        status=200,
        headers={},
    )
    path.rename(archived.path)
    archive.write_manifest(archived)
    parse_log_day(archive, DAY, directory.parsed)


def log_lines(byte_count: int) -> Iterator[bytes]:
    chance, size, number = random.Random(1), 0, 0
    while size < byte_count:
        line = LINE % (number % 100_000, chance.randbytes(NOTE_BYTES).hex().encode())
        size += len(line)
        number += 1
        yield line


if __name__ == "__main__":
    main()
