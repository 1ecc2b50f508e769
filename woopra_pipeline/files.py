"""The files and folders of the data directory: who may read them, and what is done to any of them.

What lies below the data directory is about persons, so only its owner may read it: files have mode
0600, folders 0700. With `WOOPRA_FILE_MODE=group` a group shares it, with 0660 and 2770. The modes
of what this package creates are set here; what libraries create follows the process's umask.
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
        """What keeps libraries from creating anything that more people may read."""
        return PERMISSIONS & ~self.folder


OF_OWNER = Modes(0o600, 0o700)
OF_GROUP = Modes(0o660, 0o2770)
"""What is made in a folder with the set-group-ID bit belongs to the folder's group."""


def modes() -> Modes:
    """The modes `WOOPRA_FILE_MODE` asks for; raises `ConfigurationError` if it makes no sense."""
    wanted = os.environ.get(FILE_MODE_VARIABLE, "")
    if wanted not in {"", "group"}:
        raise ConfigurationError(
            f"{FILE_MODE_VARIABLE} is {wanted!r}: set it to group, to share the data directory "
            "with a group, or leave it unset, to keep it to its owner"
        )
    return OF_GROUP if wanted else OF_OWNER


def limit_new_files() -> None:
    """Let nothing this process or its children create be open to more people than `modes` says.

    Every way into this package calls it before anything is created.
    """
    os.umask(modes().umask)


def make_folder(path: Path) -> None:
    """Make the folder `path`, and those it stands in, where they are missing."""
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
    """Make an empty file at `path`, unless there is one: for libraries that would make it theirs.

    SQLite makes files that a group can only read, and gives its journals the mode of the database.
    """
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
        path.chmod(modes().file)


def set_modes(paths: Iterable[Path], *, thoroughly: bool = False) -> None:
    """Give files, and folders with all that is in them, the modes of `modes`.

    A folder that has its mode already is left alone with what is in it, unless `thoroughly`. So is
    what belongs to another user, and what is missing.
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
    # What a process is working with may be gone at any moment.
    with suppress(FileNotFoundError, PermissionError):
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)


def read_json(path: Path) -> object:
    """What the JSON file at `path` says; None if it is missing or damaged."""
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
