"""A process that dies at a moment of its own work, as if by kill -9."""

import os
import signal
import sys

FILE_EVENTS = ("os.", "shutil.", "tempfile.")


def die_at_touch(number: int) -> None:
    """Kill this process at its so-many-th touch of a file from now on, counted from 1."""
    touches = 0

    def die_in_time(event: str, _: object) -> None:
        nonlocal touches
        if event in {"open", "fcntl.flock"} or event.startswith(FILE_EVENTS):
            touches += 1
            if touches == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die_in_time)
