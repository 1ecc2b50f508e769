"""What others offer, each in an environment of its own.

A peer is a script that reads a day file and a file with exactly the versions it runs with. The
environments are made when they are first needed, below a folder that is kept from run to run.
"""

import hashlib
import json
import venv
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measuring import Cost, Measure, command, running

FOLDER = Path(__file__).parent
NAMES = ("dlt", "pandas", "polars", "pyarrow")


@dataclass(frozen=True)
class Peer:
    """An environment that stands, and the script to run in it."""

    python: Path
    script: Path


def install_peers(folder: Path) -> dict[str, Peer]:
    """Make the environments of all peers below `folder`, where they are not there already."""
    return {name: install_peer(name, folder) for name in NAMES}


def install_peer(name: str, folder: Path) -> Peer:
    requirements = FOLDER / f"{name}.txt"
    version = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    environment = folder / f"{name}-{version}"
    python = environment / "bin" / "python"
    complete = environment / "complete"
    if not complete.exists():
        venv.create(environment, clear=True, with_pip=True)
        quiet = ("--quiet", "--disable-pip-version-check")
        command([python, "-m", "pip", "install", *quiet, "--requirement", requirements])
        complete.touch()
    return Peer(python, FOLDER / f"{name}_reads.py")


def reading(peer: Peer, plain: Path) -> Measure:
    """Measures what the peer takes for the file, what it imports beforehand not counted."""

    def measure() -> Cost:
        cost = running([peer.python, peer.script, plain])()
        said = json.loads(cost.value.splitlines()[-1])
        return replace(
            cost,
            seconds=said["seconds"],
            processor_seconds=said["processor_seconds"],
            value=said["version"],
        )

    return measure
