"""The program in a process that a fork server makes, where all libraries are loaded already.

It differs from the program as it is started by users in nothing but that: it has its own process,
environment, streams and exit status.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("woopra-pipeline"))
PATIENCE_SECONDS = 240

processes = multiprocessing.get_context("forkserver")


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, as `subprocess.run` does."""
    with tempfile.TemporaryDirectory() as folder:
        printed, said = Path(folder, "printed"), Path(folder, "said")
        process = processes.Process(
            target=_run, args=(list(arguments), dict(environment), printed, said)
        )
        process.start()
        process.join(PATIENCE_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, PATIENCE_SECONDS, said.read_bytes())
        return subprocess.CompletedProcess(
            arguments,
            process.exitcode,
            printed.read_text(encoding="utf-8"),
            said.read_text(encoding="utf-8"),
        )


def _run(arguments: list[str], environment: dict[str, str], printed: Path, said: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.umask(0o022)
    for descriptor, path in ((1, printed), (2, said)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.argv = [PROGRAM, *arguments]

    from woopra_pipeline import cli

    try:
        cli.main()
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
