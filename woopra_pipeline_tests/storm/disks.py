"""Disks that are full, and files that are damaged or gone."""

import os
import random
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError
from woopra_pipeline.files import remove
from woopra_pipeline.imports.ledger import LEDGER_NAME

DISK_BYTES = 256 << 20


class Disk:
    """A context manager: a small disk of its own at a folder, if one may be mounted there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "storm", str(self.folder)]
        mounted = False
        with suppress(FileNotFoundError):
            done = subprocess.run(["mount", *options], capture_output=True, check=False)
            mounted = done.returncode == 0
        self.can_be_full = mounted
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.can_be_full:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, free_bytes: int) -> None:
        """Leave no more than so many bytes free."""
        status = os.statvfs(self.folder)
        size = status.f_bavail * status.f_frsize - free_bytes
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(size, 1))

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


def damage_at(path: Path, chance: random.Random) -> str:
    """Change a byte of a file, or cut it off; says what was done."""
    size = path.stat().st_size
    place = chance.randrange(size) if size else 0
    if size and chance.random() < 0.5:
        with path.open("r+b") as file:
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ (1 << chance.randrange(8))]))
        return f"{path.name} has another byte at {place:,}"
    os.truncate(path, place)
    return f"{path.name} is cut off at {place:,}"


def _damage_one(paths: Iterable[Path], chance: random.Random) -> str | None:
    files = sorted(path for path in paths if path.is_file())
    return damage_at(chance.choice(files), chance) if files else None


def _damage_parsed(directory: DataDirectory, chance: random.Random) -> str | None:
    return _damage_one(directory.parsed.rglob("*"), chance)


def _damage_published(directory: DataDirectory, chance: random.Random) -> str | None:
    return _damage_one([directory.published_model, directory.published_imports], chance)


def _damage_build(directory: DataDirectory, chance: random.Random) -> str | None:
    return _damage_one([directory.model / "build.duckdb"], chance)


def _damage_archive(directory: DataDirectory, chance: random.Random) -> str | None:
    """Current files only: they are put in place again when the day is fetched."""
    archive = Archive(directory.raw)
    paths = []
    for log_day in archive.log_days():
        with suppress(ArchiveError):
            paths.append(archive.get(log_day).path)
    return _damage_one(paths, chance)


def _damage_manifest(directory: DataDirectory, chance: random.Random) -> str | None:
    paths = sorted(directory.raw.glob("*/manifest.json"))
    if not paths:
        return None
    path = chance.choice(paths)
    os.truncate(path, chance.randrange(path.stat().st_size or 1))
    return f"the manifest of {path.parent.name} is cut off"


def _lose_files(directory: DataDirectory, chance: random.Random) -> str | None:
    paths = [
        directory.published_model,
        directory.published_imports,
        directory.model,
        directory.parsed,
        *directory.parsed.glob("*"),
    ]
    there = [path for path in paths if path.exists()]
    if not there:
        return None
    path = chance.choice(there)
    remove(path)
    return f"{path.relative_to(directory.root)} is gone"


def _lose_ledger(directory: DataDirectory, _: random.Random) -> str | None:
    path = directory.imports / LEDGER_NAME
    if not path.exists():
        return None
    for each in directory.imports.glob(f"{LEDGER_NAME}*"):
        each.unlink()
    return f"{LEDGER_NAME} is gone"


DAMAGES: Mapping[str, Callable[[DataDirectory, random.Random], str | None]] = {
    "damaged-parsed": _damage_parsed,
    "damaged-published": _damage_published,
    "damaged-build": _damage_build,
    "damaged-archive": _damage_archive,
    "damaged-manifest": _damage_manifest,
    "lost-files": _lose_files,
    "lost-ledger": _lose_ledger,
}
"""Each says what it did, or None if there was nothing to damage."""
