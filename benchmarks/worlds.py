"""The data: worlds of the sandbox, and files made of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.parse.chunks import parse_chunk
from woopra_pipeline.sandbox import Sandbox, SandboxSettings
from woopra_pipeline.tables import REJECTED_LINES_LOG
from woopra_pipeline.woopra.log_days import end_of_log_day, log_days_between

SEED = 1
DAY = date(2026, 3, 5)


@dataclass(frozen=True)
class World:
    """A world whose log days are over and whose files are made."""

    sandbox: Sandbox
    days: tuple[date, ...]

    @property
    def files(self) -> list[Path]:
        return [self.sandbox.folder / "export" / f"{day}.jsonl" for day in self.days]

    @property
    def megabytes(self) -> float:
        return sum(path.stat().st_size for path in self.files) / 1e6


def make_world(directory: Path, people: int, days: int) -> World:
    # A longer world begins earlier: all of its days must be over by the clock of this machine, too.
    years = timedelta(days=365) * (days // 100)
    first_day = SandboxSettings().first_day - years
    settings = SandboxSettings(seed=SEED, people=people, days=days, first_day=first_day)
    last_day = settings.first_day + timedelta(days=days - 1)
    sandbox = Sandbox(directory, settings, clock=frozen_clock(end_of_log_day(last_day)))
    sandbox.make_files(settings.first_day, last_day)
    return World(sandbox, tuple(log_days_between(settings.first_day, last_day)))


def clean_lines(world: World) -> Iterator[bytes]:
    """The lines of all files, without those that cannot be read."""
    for path in world.files:
        lines = path.read_bytes().split(b"\n")
        parsed = parse_chunk(b"\n".join(lines), DAY, 1)
        rejected = set(parsed.tables[REJECTED_LINES_LOG.name]["log_line"].to_pylist())
        for number, line in enumerate(lines, 1):
            if number not in rejected and line.strip():
                yield line.rstrip()


def archive_file(archive: Archive, path: Path) -> ArchivedDay:
    """Put a file into the archive as if it had been downloaded."""
    content = path.read_bytes()
    digest = sha256(content).hexdigest()
    archived_path = archive.file_path(DAY, digest)
    archived_path.parent.mkdir(parents=True, exist_ok=True)
    with pa.CompressedOutputStream(str(archived_path), "zstd") as file:
        file.write(content)
    headers: Mapping[str, str] = {}
    archived = ArchivedDay(
        log_day=DAY,
        path=archived_path,
        sha256=digest,
        byte_count=len(content),
        line_count=content.count(b"\n"),
        compressed_byte_count=archived_path.stat().st_size,
        fetched_at=datetime(2026, 3, 6, tzinfo=UTC),
        status=200,
        headers=headers,
    )
    archive.write_manifest(archived)
    return archived
