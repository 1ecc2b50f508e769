"""The files and folders of the data directory: their modes, and operations on any of them.

Everything below the data directory can have personal data, so only its owner may read it: files
have mode 0600, folders 0700. With `WOOPRA_FILE_MODE=group` a group shares it, with 0660 and 2770.
This module sets the modes of files that this package creates. Files that libraries create follow
the process's umask.
"""

import os
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from woopra_pipeline.errors import ConfigurationError

FILE_MODE_VARIABLE = "WOOPRA_FILE_MODE"
PERMISSIONS = 0o777


@dataclass(frozen=True)
class Modes:
    """The modes of files and folders below the data directory."""

    file: int
    folder: int

    @property
    def umask(self) -> int:
        """The umask, which keeps libraries from creating files that more people may read."""
        return PERMISSIONS & ~self.folder


OF_OWNER = Modes(0o600, 0o700)
OF_GROUP = Modes(0o660, 0o2770)
"""Files in a folder with the set-group-ID bit belong to the folder's group."""


def modes() -> Modes:
    """The modes that `WOOPRA_FILE_MODE` selects; raises `ConfigurationError` if it is wrong."""
    wanted = os.environ.get(FILE_MODE_VARIABLE, "")
    if wanted not in {"", "group"}:
        raise ConfigurationError(
            f"{FILE_MODE_VARIABLE} is {wanted!r}: set it to group, to share the data directory "
            "with a group, or leave it unset, to keep it to its owner"
        )
    return OF_GROUP if wanted else OF_OWNER


def limit_new_files() -> None:
    """Set the umask, so that this process and its children create files with these modes at most.

    Every entry point of this package calls it before anything is created.
    """
    os.umask(modes().umask)


def make_folder(path: Path) -> None:
    """Make the folder `path`, and missing folders above it."""
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        # Another process may have made it in the meantime.
        if path.is_dir():
            return
        raise
    path.chmod(modes().folder)


def make_file(path: Path) -> None:
    """Make an empty file at `path`, unless there is one, before a library creates it.

    SQLite makes files that a group can only read, and gives its journals the mode of the database.
    """
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
        path.chmod(modes().file)


def set_modes(paths: Iterable[Path], *, thoroughly: bool = False) -> None:
    """Give files, and folders with all their content, the modes of `modes`.

    A folder that has its mode already is skipped with its content, unless `thoroughly`. Files of
    other users and missing files are skipped too.
    """
    wanted = modes()
    for path in (path.resolve() for path in paths):
        if not path.is_dir():
            _set_mode(path, wanted.file)
        elif thoroughly or stat.S_IMODE(path.stat().st_mode) & PERMISSIONS != (
            wanted.folder & PERMISSIONS
        ):
            for folder, _, names in os.walk(path, topdown=False):
                for name in names:
                    _set_mode(Path(folder, name), wanted.file)
                _set_mode(Path(folder), wanted.folder)


def _set_mode(path: Path, mode: int) -> None:
    # Another process may remove its temporary files at any moment.
    with suppress(FileNotFoundError, PermissionError):
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)


def read_json(path: Path) -> object:
    """The content of the JSON file at `path`; None if it is missing or damaged."""
    try:
        return orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None


def sync(path: Path) -> None:
    """Wait until the file or folder at `path` is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove the file or the whole folder at `path`, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
