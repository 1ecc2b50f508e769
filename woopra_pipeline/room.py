"""Room on the disk: stops writing a file before it fills the disk."""

import errno
import shutil
from pathlib import Path

BYTES_BETWEEN_LOOKS = 8 << 20


class Room:
    """Watches the disk of `folder` while a file is written there that may be large.

    `least_free_bytes` is what must stay free.
    """

    def __init__(self, folder: Path, least_free_bytes: int) -> None:
        self._folder = folder
        self._least_free_bytes = least_free_bytes
        self._bytes_until_look = 0

    def take(self, byte_count: int) -> None:
        """Call before `byte_count` bytes are written; ENOSPC if too few would stay free."""
        self._bytes_until_look -= byte_count
        if self._bytes_until_look < 0:
            self._bytes_until_look = BYTES_BETWEEN_LOOKS
            free = shutil.disk_usage(self._folder).free
            if free - byte_count < self._least_free_bytes:
                raise OSError(
                    errno.ENOSPC,
                    f"only {free:,} bytes are free on the disk, and {self._least_free_bytes:,} "
                    "must stay free",
                )
