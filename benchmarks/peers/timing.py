"""How a peer says what it took: one line of JSON. Run in the peer's own environment."""

import json
import os
import time
from collections.abc import Callable


def report(version: str, work: Callable[[], object]) -> None:
    wall, times = time.perf_counter(), os.times()
    kept = work()
    wall, ended = time.perf_counter() - wall, os.times()
    processor = sum(ended[:4]) - sum(times[:4])
    print(json.dumps({"version": version, "seconds": wall, "processor_seconds": processor}))
    del kept
