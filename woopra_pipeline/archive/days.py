"""The archive: a folder for each day, with its files and a manifest that names the current one.

    raw/YYYY-MM-DD/manifest.json
    raw/YYYY-MM-DD/<first 16 digits of the SHA-256>.jsonl.zst

A day that was fetched again with other content keeps its earlier files; the manifest lists them. A
later file with fewer readable lines than the current one is kept too, held back. Lines of erased
persons are overwritten (R10). Then the file differs from the one that was delivered, and the
manifest has the checksums of both.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import pyarrow as pa

from woopra_pipeline.errors import ArchiveError, ConfigurationError
from woopra_pipeline.replacing import replace_json
from woopra_pipeline.woopra.log_days import log_day_from_text

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MANIFEST_NAME = "manifest.json"
FILE_SUFFIX = ".jsonl.zst"
READ_SIZE = 1 << 20


@dataclass(frozen=True)
class ArchivedDay:
    """One version of a log day's file: its path, and its properties when it was downloaded."""

    log_day: date
    path: Path
    sha256: str
    """The SHA-256 of the uncompressed bytes; the two counts are of these bytes too."""
    byte_count: int
    line_count: int
    """Physical lines (R8)."""
    compressed_byte_count: int
    fetched_at: datetime
    status: int
    headers: Mapping[str, str] = field(hash=False)
    notes: tuple[str, ...] = ()
    earlier: tuple["ArchivedDay", ...] = ()
    """Versions that this one replaced, the latest last; they have none themselves.

    Versions that were held back, and that the service did not send again, are among them.
    """
    held_back: tuple["ArchivedDay", ...] = ()
    """Versions that came after this one with fewer lines, and are not accepted or replaced yet."""
    erased_line_count: int = 0
    """How many of its lines are overwritten, because they belonged to erased persons."""
    delivered_sha256: str = ""
    """The SHA-256 of the file as it was delivered, if it differs from the file that is there."""

    is_removed: bool = False
    """Whether the file was removed, because it was older than raw files are kept."""
    readable_line_count: int = 0
    """For a removed file: how many of its lines could be read."""
    rejected_line_count: int = 0
    """For a removed file: how many of its lines were rejected."""

    @property
    def delivered(self) -> str:
        """The SHA-256 of the file as it was delivered.

        A new fetch of the day is compared with it.
        """
        return self.delivered_sha256 or self.sha256

    @property
    def versions(self) -> tuple["ArchivedDay", ...]:
        """This version, the earlier ones, and those held back."""
        return (self, *self.earlier, *self.held_back)


class _Version(msgspec.Struct, omit_defaults=True):
    file: str
    sha256: str
    bytes: int
    compressed_bytes: int
    lines: int
    fetched_at: datetime
    status: int
    headers: dict[str, str]
    notes: tuple[str, ...]
    erased_lines: int = 0
    delivered_sha256: str = ""
    is_removed: bool = False
    readable_lines: int = 0
    rejected_lines: int = 0


class _Manifest(msgspec.Struct, omit_defaults=True):
    log_day: date
    current: _Version
    earlier: list[_Version]
    held_back: list[_Version] = []


class Archive:
    """The archived log days in a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log_days(self) -> list[date]:
        """The archived log days, in order."""
        days = []
        for manifest in self.folder.glob(f"*/{MANIFEST_NAME}"):
            try:
                days.append(log_day_from_text(manifest.parent.name))
            except ConfigurationError:
                continue
        return sorted(days)

    def holds(self, log_day: date) -> bool:
        """Whether there is a manifest of `log_day`, even a damaged one."""
        return (self.day_folder(log_day) / MANIFEST_NAME).exists()

    def find(self, log_day: date) -> ArchivedDay | None:
        """The current version of `log_day`, or None; `ArchiveError` if its manifest is damaged."""
        path = self.day_folder(log_day) / MANIFEST_NAME
        try:
            return self.read_manifest(log_day, path.read_bytes())
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ArchiveError(
                f"The manifest {path} is damaged ({error}): {_fetch(log_day)}"
            ) from error

    def read_manifest(self, log_day: date, content: bytes) -> ArchivedDay:
        """The content of the manifest of `log_day`, from its bytes.

        Raises `msgspec.DecodeError` or `UnicodeDecodeError` if it is damaged.
        """
        manifest = msgspec.json.decode(content, type=_Manifest)
        return replace(
            self._from_manifest(log_day, manifest.current),
            earlier=tuple(self._from_manifest(log_day, each) for each in manifest.earlier),
            held_back=tuple(self._from_manifest(log_day, each) for each in manifest.held_back),
        )

    def get(self, log_day: date) -> ArchivedDay:
        """The current version of `log_day`; `ArchiveError` if there is none."""
        archived = self.find(log_day)
        if archived is None:
            raise ArchiveError(f"Log day {log_day} is not archived: {_fetch(log_day)}")
        return archived

    @contextmanager
    def open(self, archived: ArchivedDay) -> Iterator[BinaryIO]:
        """The file's own bytes as a stream for reading in large blocks.

        Opening and reading raise `ArchiveError` if the file is missing or damaged; a wrong checksum
        or length is found only at the end of the file.
        """
        if archived.is_removed:
            raise ArchiveError(
                f"The raw file of {archived.log_day} was removed, because it was older than raw "
                f"files are kept (WOOPRA_KEEP_RAW_DAYS): {_fetch(archived.log_day)}"
            )
        try:
            source = pa.CompressedInputStream(pa.OSFile(str(archived.path)), "zstd")
        except OSError as error:
            raise damaged(archived, str(error)) from error
        with io.BufferedReader(_VerifyingReader(source, archived), READ_SIZE) as stream:
            yield stream

    def verify(self, archived: ArchivedDay) -> None:
        """Read the file to its end; raise `ArchiveError` if it is missing or damaged."""
        with self.open(archived) as stream:
            while stream.read(READ_SIZE):
                pass

    def day_folder(self, log_day: date) -> Path:
        """The folder of `log_day`."""
        return self.folder / log_day.isoformat()

    def file_path(self, log_day: date, sha256: str) -> Path:
        """The path of the file of `log_day` with this content."""
        return self.day_folder(log_day) / f"{sha256[:16]}{FILE_SUFFIX}"

    def write_manifest(self, archived: ArchivedDay) -> None:
        """Make `archived`, whose file exists already, the current version of its day."""
        path = self.day_folder(archived.log_day) / MANIFEST_NAME
        replace_json(path, manifest_of(archived))

    def _from_manifest(self, log_day: date, version: _Version) -> ArchivedDay:
        return ArchivedDay(
            log_day=log_day,
            path=self.day_folder(log_day) / version.file,
            sha256=version.sha256,
            byte_count=version.bytes,
            line_count=version.lines,
            compressed_byte_count=version.compressed_bytes,
            fetched_at=version.fetched_at,
            status=version.status,
            headers=version.headers,
            notes=version.notes,
            erased_line_count=version.erased_lines,
            delivered_sha256=version.delivered_sha256,
            is_removed=version.is_removed,
            readable_line_count=version.readable_lines,
            rejected_line_count=version.rejected_lines,
        )


def find_held_back(archive: Archive) -> list[ArchivedDay]:
    """The archived days with a file that is held back, in order; damaged days are left out."""
    days = []
    for log_day in archive.log_days():
        with suppress(ArchiveError):
            days.append(archive.get(log_day))
    return [day for day in days if day.held_back]


def manifest_of(archived: ArchivedDay) -> object:
    """The content of the manifest of a day with this current version, to be written as JSON."""
    return msgspec.to_builtins(
        _Manifest(
            archived.log_day,
            _to_manifest(archived),
            [_to_manifest(version) for version in archived.earlier],
            [_to_manifest(version) for version in archived.held_back],
        )
    )


def _to_manifest(archived: ArchivedDay) -> _Version:
    return _Version(
        file=archived.path.name,
        sha256=archived.sha256,
        bytes=archived.byte_count,
        compressed_bytes=archived.compressed_byte_count,
        lines=archived.line_count,
        fetched_at=archived.fetched_at,
        status=archived.status,
        headers=dict(archived.headers),
        notes=archived.notes,
        erased_lines=archived.erased_line_count,
        delivered_sha256=archived.delivered_sha256,
        is_removed=archived.is_removed,
        readable_lines=archived.readable_line_count,
        rejected_lines=archived.rejected_line_count,
    )


class _VerifyingReader(io.RawIOBase):
    """Reads `source`, and at its end compares length and checksum with the manifest."""

    def __init__(self, source: pa.NativeFile, archived: ArchivedDay) -> None:
        self._source = source
        self._archived = archived
        self._sha256 = hashlib.sha256()
        self._byte_count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        try:
            count: int = self._source.readinto(buffer)
        except OSError as error:
            raise damaged(self._archived, str(error)) from error
        if count == 0:
            self._verify()
        self._byte_count += count
        self._sha256.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        self._source.close()
        super().close()

    def _verify(self) -> None:
        expected = self._archived
        if self._byte_count != expected.byte_count:
            raise damaged(
                expected, f"it has {self._byte_count} bytes instead of {expected.byte_count}"
            )
        if self._sha256.hexdigest() != expected.sha256:
            raise damaged(expected, "its content is not what was downloaded")


def damaged(archived: ArchivedDay, reason: str) -> ArchiveError:
    """The error for a file that does not match its manifest."""
    return ArchiveError(
        f"The archived file {archived.path} is damaged: {reason}; {_fetch(archived.log_day)}"
    )


def _fetch(log_day: date) -> str:
    return f"fetch the day with `woopra-pipeline backfill {log_day} {log_day}`"
