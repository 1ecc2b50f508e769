"""Writes files whole or not at all, while others may be reading (R9).

A file is written under a temporary name beside its target, flushed to disk, and renamed over it.
A set of files is written as a folder that nothing names yet; replacing one small manifest, which
names the folder, makes all of them current at once.

A temporary file is locked while its writer lives. The next writer of the same file removes what a
killed writer left.
"""

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

from woopra_pipeline.files import make_folder, modes, sync
from woopra_pipeline.locks import HeldElsewhereError, lock_until_closed, locked

TEMPORARY_PREFIX = ".tmp-"
RANDOM_PART = "?" * 8
"""The part that `tempfile` puts between prefix and suffix."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it becomes `path`, durably.

    The block must write the file there and close it. If it raises, `path` is as it was.
    """
    make_folder(path.parent)
    _remove_abandoned(path)
    descriptor, temporary = _locked_temporary(path)
    try:
        yield temporary
        sync(temporary)
        temporary.chmod(modes().file)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def replace_json(path: Path, content: object) -> None:
    """Write `content` as indented JSON with sorted keys to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(json_bytes(content))


def json_bytes(content: object) -> bytes:
    """`content` as JSON, indented and with sorted keys, as in all JSON files of this package."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(content, option=options)


def _locked_temporary(path: Path) -> tuple[int, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(
            prefix=TEMPORARY_PREFIX, suffix=path.name, dir=path.parent
        )
        lock_until_closed(descriptor)
        # Before it was locked, another writer may have removed it as abandoned.
        if Path(name).exists():
            return descriptor, Path(name)
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files for `path` of dead writers, with the files beside them."""
    for left in path.parent.glob(f"{TEMPORARY_PREFIX}{RANDOM_PART}{glob.escape(path.name)}"):
        with suppress(FileNotFoundError, HeldElsewhereError), locked(left, waits=False):
            # A database's journal first: once the file is gone, nobody looks for it.
            for beside in path.parent.glob(f"{glob.escape(left.name)}?*"):
                beside.unlink(missing_ok=True)
            left.unlink()
