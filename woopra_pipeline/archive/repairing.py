"""Makes a damaged manifest of the archive again, from the files of its day.

A file's name begins with the first digits of the SHA-256 of its content, so it shows whether the
file is whole. Other facts about the download are lost.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from woopra_pipeline.archive.days import FILE_SUFFIX, READ_SIZE, Archive, ArchivedDay
from woopra_pipeline.archive.staging import LineCount
from woopra_pipeline.errors import ArchiveError
from woopra_pipeline.locks import locked_folder

MADE_AGAIN = "the manifest was damaged and was made again from the file"
STATUS_OF_A_DOWNLOAD = 200


def get_or_repair(archive: Archive, log_day: date) -> ArchivedDay:
    """The current version of `log_day`, whose manifest is made again if it is damaged.

    Raises `ArchiveError` if the day is not archived, or if none of its files is whole.
    """
    try:
        return archive.get(log_day)
    except ArchiveError:
        folder = archive.day_folder(log_day)
        if not folder.is_dir():
            raise
        with locked_folder(folder):
            archived = find_or_repair(archive, log_day)
        if archived is None:
            raise
        return archived


def find_or_repair(archive: Archive, log_day: date) -> ArchivedDay | None:
    """The current version of `log_day`, whose folder is locked; None if there is none.

    A damaged manifest is made again. The time of the file stands for the time of the download. The
    current version is the latest one that has no fewer lines than the versions before it.
    """
    try:
        return archive.find(log_day)
    except ArchiveError:
        files = archive.day_folder(log_day).glob(f"*{FILE_SUFFIX}")
        in_order = sorted(files, key=lambda path: path.stat().st_mtime_ns)
        versions = [version for path in in_order if (version := _version(log_day, path))]
        if not versions:
            return None
        current = versions[0]
        for version in versions:
            if version.line_count >= current.line_count:
                current = version
        others = tuple(version for version in versions if version is not current)
        archived = replace(current, earlier=others)
        archive.write_manifest(archived)
        return archived


def _version(log_day: date, path: Path) -> ArchivedDay | None:
    """The version that a file contains; None if its content does not match its name."""
    digest, content, byte_count = hashlib.sha256(), LineCount(), 0
    try:
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            while chunk := stream.read(READ_SIZE):
                digest.update(chunk)
                content.add(chunk)
                byte_count += len(chunk)
    except (OSError, pa.ArrowException):
        return None
    if not digest.hexdigest().startswith(path.name.removesuffix(FILE_SUFFIX)):
        return None
    status = path.stat()
    return ArchivedDay(
        log_day=log_day,
        path=path,
        sha256=digest.hexdigest(),
        byte_count=byte_count,
        line_count=content.line_count,
        compressed_byte_count=status.st_size,
        fetched_at=datetime.fromtimestamp(status.st_mtime, UTC),
        status=STATUS_OF_A_DOWNLOAD,
        headers={},
        notes=(MADE_AGAIN,),
    )
