"""Batch files: the lines of a batch, one after another, compressed with zstd.

    imports/batches/SOURCE/YYYY-MM-DD/<plan>/00000.jsonl.zst
    imports/batches/SOURCE/YYYY-MM-DD/<plan>/00000.jsonl.zst.erased.json   keys of erased lines

A plan's folder counts only when the ledger names its files (R9).
"""

import secrets
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Self

import msgspec
import pyarrow as pa

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError
from woopra_pipeline.files import make_file, make_folder, remove, sync
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.parse.lines import TOMBSTONE
from woopra_pipeline.replacing import replace_json

COMPRESSION_LEVEL = 1
LARGEST_QUEUE = 8


@dataclass(frozen=True)
class BatchFile:
    """A file on disk: its path below the data directory, its lines and their bytes."""

    path: str
    line_count: int
    byte_count: int


class BatchWriter:
    """Cuts lines into batches and writes their files, in a thread; a context manager.

    If the block raises, or nothing was written, nothing is left behind.
    """

    def __init__(
        self, directory: DataDirectory, source: str, log_day: date, settings: ImportSettings
    ) -> None:
        self._root = directory.root
        self._folder = day_folder(directory, source, log_day) / secrets.token_hex(6)
        self._settings = settings
        self._lines: list[bytes] = []
        self._byte_count = 0
        self.line_count = 0
        self._files: list[BatchFile] = []
        self._writing: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        self._thread.shutdown(cancel_futures=exception is not None)
        if exception is not None:
            remove(self._folder)

    def add(self, lines: Sequence[bytes]) -> None:
        """Add lines, in order."""
        self.line_count += len(lines)
        while lines:
            some = lines[: self._settings.lines_per_batch - len(self._lines)]
            count, byte_count = self._fitting(some)
            self._lines += some[:count]
            self._byte_count += byte_count
            lines = lines[count:]
            if lines:
                self._write()

    def _fitting(self, lines: Sequence[bytes]) -> tuple[int, int]:
        """How many of the lines still fit in the batch, and their bytes."""
        room = self._settings.bytes_per_batch - self._byte_count
        byte_count = sum(map(len, lines)) + len(lines)
        if byte_count <= room:
            return len(lines), byte_count
        ends = list(accumulate(len(line) + 1 for line in lines))
        # A line that is too long for any batch gets a batch of its own.
        count = bisect_right(ends, room) or int(not self._lines)
        return count, ends[count - 1] if count else 0

    def finish(self) -> list[BatchFile]:
        """Write everything to disk, durably."""
        if self._lines:
            self._write()
        while self._writing:
            self._writing.popleft().result()
        if self._files:
            for folder in (self._folder, *list(self._folder.parents)[:3]):
                sync(folder)
        return self._files

    def discard(self) -> None:
        """Remove everything that was written."""
        remove(self._folder)

    def _write(self) -> None:
        path = self._folder / f"{len(self._files):05}.jsonl.zst"
        make_folder(self._folder)
        while len(self._writing) >= LARGEST_QUEUE:
            self._writing.popleft().result()
        self._writing.append(self._thread.submit(write_lines, path, self._lines))
        relative = path.relative_to(self._root).as_posix()
        self._files.append(BatchFile(relative, len(self._lines), self._byte_count))
        self._lines, self._byte_count = [], 0


def write_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Write a batch file, durably, in an existing folder."""
    compressed = pa.Codec("zstd", compression_level=COMPRESSION_LEVEL).compress(
        b"\n".join([*lines, b""]), asbytes=True
    )
    path.write_bytes(compressed)
    sync(path)


def read_lines(directory: DataDirectory, file: BatchFile) -> list[bytes]:
    """The lines of a batch file; raises `LedgerError` if it is missing or damaged."""
    path = directory.root / file.path
    try:
        content = pa.Codec("zstd").decompress(path.read_bytes(), file.byte_count, asbytes=True)
    except FileNotFoundError:
        raise LedgerError(f"{path} is missing: put it back from a backup") from None
    except (OSError, pa.ArrowException) as error:
        raise LedgerError(f"{path} is damaged ({error}): put it back from a backup") from error
    lines: list[bytes] = content.split(b"\n")[:-1]
    if len(lines) != file.line_count:
        raise LedgerError(f"{path} is damaged: put it back from a backup")
    return lines


class ErasedKeys(msgspec.Struct):
    """The keys of an overwritten line in the ledger, in hexadecimal digits."""

    keys: list[str]
    content: str = ""
    """For a profile update: the digest of its content."""


def is_erased(line: bytes) -> bool:
    """Whether a line was overwritten because its person was erased (R10): it is never sent."""
    return line.rstrip() == TOMBSTONE


def erased_keys(batch_file: Path) -> dict[int, ErasedKeys]:
    """The keys of the overwritten lines of a batch file, by their 0-based numbers."""
    try:
        content = _erased_path(batch_file).read_bytes()
    except FileNotFoundError:
        return {}
    return msgspec.json.decode(content, type=dict[int, ErasedKeys])


def note_erased_keys(
    directory: DataDirectory, file: BatchFile, keys: Mapping[int, ErasedKeys]
) -> None:
    """Write down, durably, the keys of lines that are about to be overwritten."""
    path = directory.root / file.path
    noted = {**erased_keys(path), **keys}
    replace_json(
        _erased_path(path), {str(number): msgspec.to_builtins(one) for number, one in noted.items()}
    )


def overwrite_lines(directory: DataDirectory, file: BatchFile, numbers: Iterable[int]) -> None:
    """Replace lines (0-based numbers) by tombstones of the same length, or do nothing (R9).

    The source must be held. Raises `LedgerError` if the file is missing or damaged.
    """
    lines = read_lines(directory, file)
    for number in numbers:
        lines[number] = TOMBSTONE.ljust(len(lines[number]))
    path = directory.root / file.path
    # Under another kind of name, so that it is no batch file if the process is killed here.
    temporary = path.with_name(f"{path.name}.new")
    make_file(temporary)
    write_lines(temporary, lines)
    temporary.replace(path)
    sync(path.parent)


def _erased_path(batch_file: Path) -> Path:
    return batch_file.with_name(f"{batch_file.name}.erased.json")


def remove_unnamed(directory: DataDirectory, source: str, named: set[str]) -> None:
    """Remove the plans of a source that have no file in `named`; its lock must be held."""
    kept = {str(Path(path).parent) for path in named}
    for folder in source_folder(directory, source).glob("*/*"):
        if folder.relative_to(directory.root).as_posix() not in kept:
            remove(folder)


def source_folder(directory: DataDirectory, source: str) -> Path:
    """The folder of the batches of a source."""
    return directory.imports / "batches" / source


def day_folder(directory: DataDirectory, source: str, log_day: date) -> Path:
    """The folder of the batches of a source's day."""
    return source_folder(directory, source) / log_day.isoformat()
