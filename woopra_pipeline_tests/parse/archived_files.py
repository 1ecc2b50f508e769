"""Puts files into an archive without a service to fetch them from."""

import hashlib
from datetime import UTC, date, datetime

import pyarrow as pa

from woopra_pipeline.archive import Archive, ArchivedDay

FETCHED_AT = datetime(2026, 4, 1, 12, tzinfo=UTC)


def archive_file(archive: Archive, log_day: date, content: bytes) -> ArchivedDay:
    """Make `content` the archived file of `log_day`."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = archive.file_path(log_day, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(content)
    archived = ArchivedDay(
        log_day=log_day,
        path=path,
        sha256=sha256,
        byte_count=len(content),
        line_count=content.count(b"\n"),
        compressed_byte_count=path.stat().st_size,
        fetched_at=FETCHED_AT,
        status=200,
        headers={},
    )
    archive.write_manifest(archived)
    return archived
