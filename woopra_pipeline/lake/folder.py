"""A lake in a folder, on a disk that several machines may share."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import duckdb

from woopra_pipeline.errors import ConfigurationError, LakeUnreachableError
from woopra_pipeline.files import remove
from woopra_pipeline.lake.location import BLOCK_BYTES, LAKE_VARIABLE, Content, Entry, Lake
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.replacing import replacing


class FolderLake(Lake):
    """A lake in a folder, on a disk that several machines may share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.location = str(self.folder)
        if any(character in self.location for character in "*?[]{}\\%#") or not (
            self.location.isprintable()
        ):
            raise ConfigurationError(
                f"{LAKE_VARIABLE} is {self.location!r}: name a folder without any of * ? [ ] {{ }} "
                "\\ % # in its path"
            )
        if self.folder.exists() and not self.folder.is_dir():
            raise ConfigurationError(
                f"{LAKE_VARIABLE} is {self.location}, which is not a folder: name another one"
            )

    def uri(self, name: str = "") -> str:
        """The path."""
        return str(self._path(name))

    @property
    def storage_options(self) -> dict[str, str]:
        """Nothing."""
        return {}

    def read_with_version(self, name: str) -> Content | None:
        """A small file with its version; None if there is none."""
        with self._said("read"), suppress(FileNotFoundError, NotADirectoryError):
            with self._path(name).open("rb") as file:
                content = file.read()
                modified_at = os.fstat(file.fileno()).st_mtime
            return Content(
                content,
                hashlib.sha256(content).hexdigest(),
                datetime.fromtimestamp(modified_at, UTC),
            )
        return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file; replaces an existing one."""
        with self._said("written"), replacing(self._path(name)) as temporary:
            temporary.write_bytes(content)

    def exchange(self, name: str, content: bytes, version: str | None) -> bool:
        """Write a small file if it still has this `version`; with None, if it does not exist."""
        with self._said("written"), locked_folder(self._path(name).parent):
            found = self.read_with_version(name)
            if (found.version if found else None) != version:
                return False
            self.write(name, content)
            return True

    def upload(self, name: str, source: Path) -> None:
        """Copy the file at `source` into the lake."""
        with (
            source.open("rb") as file,
            self._said("written"),
            replacing(self._path(name)) as temporary,
            temporary.open("wb") as target,
        ):
            while block := file.read(BLOCK_BYTES):
                target.write(block)

    @contextmanager
    def opened(self, name: str) -> Iterator[Iterator[bytes]]:
        """The content of a file, in blocks; `LakeError` if it is missing."""
        try:
            file = self._path(name).open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise self.missing(name) from None
        except OSError as error:
            raise self._error("read", error) from error
        with file:
            yield self._blocks(file)

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if there is none."""
        with self._said("read"), suppress(FileNotFoundError, NotADirectoryError):
            return self._path(name).stat().st_size
        return None

    def entries(self, folder: str) -> Iterator[Entry]:
        """All files below a folder, at any depth, including those of killed writers."""
        with self._said("read"):
            for parent, _, names in os.walk(self._path(folder)):
                for name in names:
                    path = Path(parent, name)
                    # Another process may remove it at any moment.
                    with suppress(FileNotFoundError):
                        status = path.stat()
                        yield Entry(
                            path.relative_to(self.folder).as_posix(),
                            status.st_size,
                            datetime.fromtimestamp(status.st_mtime, UTC),
                        )

    def folders(self, folder: str) -> list[str]:
        """The names of the folders right below a folder, in order."""
        with self._said("read"), suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path.name for path in self._path(folder).iterdir() if path.is_dir())
        return []

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and folders that become empty."""
        with self._said("written"):
            for name in names:
                path = self._path(name)
                remove(path)
                for parent in path.parents:
                    if parent == self.folder:
                        break
                    with suppress(OSError):
                        parent.rmdir()

    def let_duckdb_reach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Does nothing: DuckDB can read folders."""

    def duckdb_statements(self) -> list[str]:
        """None."""
        return []

    def _path(self, name: str) -> Path:
        return self.folder / PurePosixPath(name)

    def _blocks(self, file: BinaryIO) -> Iterator[bytes]:
        with self._said("read"):
            while block := file.read(BLOCK_BYTES):
                yield block

    @contextmanager
    def _said(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(done, error) from error

    def _error(self, done: str, error: OSError) -> LakeUnreachableError:
        return LakeUnreachableError(
            f"The lake {self.location} cannot be {done} ({error.strerror or error}): see that the "
            "folder is there, may be read and written, and has room, then try again"
        )
