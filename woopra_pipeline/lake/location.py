"""Where the lake is, and how files get there and back: a folder, or a prefix of an object store.

Names below the lake are paths with `/`, such as `raw/2026-01-01/manifest.json`. A file in the lake
is there whole or not at all (R9), even if a process is killed. A new file replaces an old one of
the same name.

`lake.folder` and `lake.object_store` are the two kinds of places.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from woopra_pipeline.errors import ConfigurationError, LakeError

LAKE_VARIABLE = "WOOPRA_LAKE"
SCHEMES = ("s3", "gs", "az")
INSTALL = "pip install 'woopra-pipeline[lake]'"

BLOCK_BYTES = 4 << 20
"""About how much of a download is in memory at once."""


@dataclass(frozen=True)
class Entry:
    """A file in the lake: its name below the lake, its size in bytes, when it was last written."""

    name: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class Content:
    """A small file as it was read, and the version that `Lake.exchange` compares."""

    content: bytes
    version: str
    modified_at: datetime


class Lake(ABC):
    """One place for files; all methods raise `LakeError` if it cannot be reached or written."""

    location: str
    """The place as `WOOPRA_LAKE` names it; it contains no secret."""

    @staticmethod
    def from_environment() -> "Lake | None":
        """The lake that `WOOPRA_LAKE` names; None if it is not set.

        Raises `ConfigurationError` if it names no place, or what reaches it is not installed.
        """
        location = os.environ.get(LAKE_VARIABLE)
        return open_lake(location) if location else None

    @abstractmethod
    def uri(self, name: str = "") -> str:
        """The full address of a file or folder, for deltalake, DuckDB and Spark."""

    @property
    @abstractmethod
    def storage_options(self) -> dict[str, str]:
        """Options for deltalake, besides those that it reads in the environment itself.

        It holds no secret.
        """

    @abstractmethod
    def read_with_version(self, name: str) -> Content | None:
        """A small file with its version; None if there is none."""

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none."""
        found = self.read_with_version(name)
        return found.content if found else None

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a small file; replaces an existing one."""

    @abstractmethod
    def exchange(self, name: str, content: bytes, version: str | None) -> bool:
        """Write a small file if it still has this `version`; with None, if it does not exist.

        Returns whether it was written. If several processes try this at once, one succeeds.
        """

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file if there is none; returns whether it was written."""
        return self.exchange(name, content, None)

    @abstractmethod
    def upload(self, name: str, source: Path) -> None:
        """Put the file at `source` into the lake, in bounded memory, whatever its size.

        Raises `OSError` if `source` cannot be read.
        """

    @abstractmethod
    def opened(self, name: str) -> AbstractContextManager[Iterator[bytes]]:
        """The content of a file, in blocks of some `BLOCK_BYTES`; `LakeError` if it is missing."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if there is none."""

    @abstractmethod
    def entries(self, folder: str) -> Iterator[Entry]:
        """All files below a folder, at any depth, in no order."""

    @abstractmethod
    def folders(self, folder: str) -> list[str]:
        """The names of the folders right below a folder, in order, without its own name."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove files, if they are there."""

    @abstractmethod
    def let_duckdb_reach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let `connection` read and write what is below `uri()`.

        Raises `ConfigurationError` if an extension of DuckDB is needed that is not installed.
        """

    @abstractmethod
    def duckdb_statements(self) -> list[str]:
        """SQL statements that let any DuckDB reach `uri()`, with the credentials of its user.

        They hold no secret.
        """

    def missing(self, name: str) -> LakeError:
        """The error for a file that should be there."""
        return LakeError(
            f"The lake {self.location} has no {name}: `woopra-pipeline lake update` on a machine "
            "that has the day puts it there"
        )


def open_lake(location: str, *, is_patient: bool = True) -> Lake:
    """The lake at `location`: `s3://bucket/prefix`, `gs://…`, `az://container/…`, or a folder.

    If a store does not answer, requests are repeated for some minutes if `is_patient`.
    Nothing is read or written yet. Raises `ConfigurationError` if it is no such place, or what
    reaches it is not installed.
    """
    scheme, separator, rest = location.partition("://")
    if not separator:
        from woopra_pipeline.lake.folder import FolderLake

        return FolderLake(Path(location))
    if scheme not in SCHEMES:
        raise ConfigurationError(
            f"{LAKE_VARIABLE} is {without_credentials(location)}, and {scheme}:// is not a "
            "place for a lake: name s3://bucket/prefix, gs://bucket/prefix, az://container/prefix "
            "or a folder"
        )
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket) or not re.fullmatch(
        r"([A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*)?", prefix
    ):
        raise ConfigurationError(
            f"{LAKE_VARIABLE} is {without_credentials(location)}: write it as "
            f"{scheme}://BUCKET/PREFIX, of letters, digits and . _ = - /"
        )
    try:
        # What it needs is only there with the extra.
        from woopra_pipeline.lake.object_store import ObjectStoreLake
    except ModuleNotFoundError:
        raise missing_extra() from None
    return ObjectStoreLake(scheme, bucket, prefix, is_patient=is_patient)


def missing_extra() -> ConfigurationError:
    """The error for a lake without the libraries that reach it."""
    return ConfigurationError(f"{LAKE_VARIABLE} needs libraries that are not installed: {INSTALL}")


def without_credentials(location: str) -> str:
    """The location as it was set, without user and password, which may be in it by mistake."""
    return re.sub(r"//[^/]*@", "//", location)
