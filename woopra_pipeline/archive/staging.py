"""A download that is not complete yet: a temporary file, counted and hashed while it grows.

Two processes may fetch the same day at once, and each may be killed at any moment. A lock on the
day's folder, held for moments only, keeps their changes of the folder apart. A lock on the
temporary file, held as long as its writer lives, tells a running download from a file that a killed
run left.
"""

import hashlib
import os
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path

import orjson
import pyarrow as pa

from woopra_pipeline.files import modes, sync
from woopra_pipeline.locks import (
    HeldElsewhereError,
    lock_until_closed,
    locked,
    locked_folder,
)
from woopra_pipeline.parse.readable import FirstReadableLine
from woopra_pipeline.replacing import TEMPORARY_PREFIX
from woopra_pipeline.room import Room

LARGEST_LAST_LINE = 64 << 20
LONGEST_BEGINNING = 4_096


class StagedFile:
    """A temporary zstd file in `folder`; a context manager that leaves nothing behind.

    Nothing is created before the first `write`. Afterwards its attributes describe the file. At
    least `least_free_bytes` stay free on the disk: otherwise a write raises `OSError`.
    """

    path: Path
    sha256: str
    byte_count: int
    line_count: int
    compressed_byte_count: int
    ends_within_line: bool
    """Whether the file ends without a newline in something that is no JSON."""
    is_blank: bool
    """Whether the file is empty or has white space only."""
    has_readable_line: bool
    """Whether at least one line would not be rejected (R8)."""
    beginning: bytes
    """The file's first bytes, `LONGEST_BEGINNING` at most."""

    def __init__(self, folder: Path, *, least_free_bytes: int = 0, is_locked: bool = False) -> None:
        """`is_locked` says that the writer holds the lock of `folder` already."""
        self._folder = folder
        self._is_locked = is_locked
        self._least_free_bytes = least_free_bytes
        self._descriptor: int | None = None

    def __enter__(self) -> "StagedFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self.path.unlink(missing_ok=True)

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write `chunks` durably; replaces the content of an earlier call."""
        if self._descriptor is None:
            self._create()
        digest = hashlib.sha256()
        content = LineCount()
        first_readable = FirstReadableLine()
        beginning = b""
        byte_count = 0
        room = Room(self._folder, self._least_free_bytes)
        with (
            pa.OSFile(str(self.path), "wb") as file,
            pa.CompressedOutputStream(file, "zstd") as compressed,
        ):
            for chunk in chunks:
                room.take(len(chunk))
                compressed.write(chunk)
                digest.update(chunk)
                content.add(chunk)
                first_readable.add(chunk)
                if byte_count < LONGEST_BEGINNING:
                    beginning += chunk[: LONGEST_BEGINNING - byte_count]
                byte_count += len(chunk)
        sync(self.path)
        self.sha256 = digest.hexdigest()
        self.byte_count = byte_count
        self.line_count = content.line_count
        self.compressed_byte_count = self.path.stat().st_size
        self.ends_within_line = content.ends_within_line
        self.has_readable_line = first_readable.found()
        self.is_blank = first_readable.is_blank
        self.beginning = beginning

    def _create(self) -> None:
        with nullcontext() if self._is_locked else locked_folder(self._folder):
            remove_abandoned(self._folder)
            self._descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=self._folder)
            self.path = Path(name)
            lock_until_closed(self._descriptor)
        self.path.chmod(modes().file)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in the locked `folder` whose writers no longer live."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError, HeldElsewhereError), locked(path, waits=False):
            path.unlink()


class LineCount:
    """Counts physical lines (R8) in passing bytes, and keeps the bytes after the last newline."""

    def __init__(self) -> None:
        self._newlines = 0
        self._rest = bytearray()

    def add(self, chunk: bytes) -> None:
        """Count the next bytes."""
        newlines = chunk.count(b"\n")
        if newlines:
            self._newlines += newlines
            self._rest.clear()
            chunk = chunk[chunk.rindex(b"\n") + 1 :]
        if len(self._rest) <= LARGEST_LAST_LINE:
            self._rest += chunk

    @property
    def _last_line(self) -> bytes:
        rest = bytes(self._rest)
        return rest if self._newlines else rest.removeprefix(BOM_UTF8)

    @property
    def line_count(self) -> int:
        """The number of lines so far."""
        return self._newlines + bool(self._last_line)

    @property
    def ends_within_line(self) -> bool:
        """Whether the bytes so far end without a newline in something that is no JSON."""
        last_line = self._last_line.strip()
        if not last_line:
            return False
        if len(last_line) > LARGEST_LAST_LINE:
            return True
        try:
            orjson.loads(last_line.decode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            return True
        return False
