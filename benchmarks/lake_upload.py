"""What it takes to put a day into a lake and to bring it back, whatever its size.

    python -m benchmarks.lake_upload                           # days of 64, 256 and 1,024 MB
    python -m benchmarks.lake_upload --megabytes 64 --place folder

The store is a real S3 server on loopback, or a folder. The peak is that of the process that uploads
or downloads: it must not grow with the day.
"""

import argparse
import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.measuring import in_new_process
from woopra_pipeline.archive import Archive, ArchivedDay
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_day
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline_tests.lake.s3_server import serve_s3

DAY = date(2026, 1, 5)
MEGABYTES = (64, 256, 1024)
LINE = b'{"type":"visit","pid":"%d","visitor":{"note":"%s"},"actions":[{"name":"view"}]}\n'
NOTE_BYTES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=MEGABYTES, help="of each day")
    parser.add_argument("--place", choices=["s3", "folder"], default="s3")
    parser.add_argument("--directory", type=Path, default=None, help="where to work")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        run(root, arguments.megabytes, arguments.place)
    finally:
        shutil.rmtree(root)


def run(root: Path, megabytes: list[int], place: str) -> list[dict[str, float]]:
    """Measure days of these sizes; returns a row of figures for each, which are printed too."""
    rows = []
    with ExitStack() as stack:
        if place == "s3":
            (root / "s3").mkdir()
            server = stack.enter_context(serve_s3(root / "s3"))
            os.environ.update(server.environment)
            server.make_bucket("woopra")
        for size in megabytes:
            row = measure(root / f"{size}", size, f"s3://woopra/{size}" if place == "s3" else None)
            rows.append(row)
            print(", ".join(f"{name} {value:,.1f}" for name, value in row.items()), flush=True)
    return rows


def measure(folder: Path, megabytes: int, location: str | None) -> dict[str, float]:
    """Put a day of so many MB into a lake and bring it back, each in a process of its own."""
    here, back = folder / "here", folder / "back"
    location = location or str(folder / "lake")
    make_day(DataDirectory(here), megabytes << 20)
    put = in_new_process(put_there, location, here)
    taken = in_new_process(take_back, location, back)
    shutil.rmtree(folder)
    assert put.value == taken.value
    return {
        "day_megabytes": megabytes * 1.048576,
        "uploaded_megabytes": put.value / 1e6,
        "put_seconds": put.seconds,
        "put_processor_seconds": put.processor_seconds,
        "put_peak_megabytes": put.peak_megabytes,
        "restore_seconds": taken.seconds,
        "restore_processor_seconds": taken.processor_seconds,
        "restore_peak_megabytes": taken.peak_megabytes,
    }


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
