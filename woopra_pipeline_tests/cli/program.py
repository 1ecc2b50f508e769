"""The program in a process that a fork server makes, where all libraries are loaded already.

It differs from the program as it is started by users in nothing but that: it has its own process,
environment, streams and exit status.
"""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("woopra-pipeline"))
PATIENCE_SECONDS = 240

processes = multiprocessing.get_context("forkserver")


CALLER = """#!{python} -IS
import json, os, socket, sys
asked = socket.create_connection(("127.0.0.1", {port})).makefile("rw", encoding="utf-8")
print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]), file=asked, flush=True)
status, printed, said = json.loads(asked.readline())
sys.stdout.write(printed)
sys.stderr.write(said)
sys.exit(status)
"""
"""A program that has this process run the real one, and prints what that prints."""


@contextmanager
def forked_for_shells(folder: Path) -> Iterator[str]:
    """A PATH, for the scripts of shells, on which the program is one that is forked.

    `folder` is an empty one.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = folder / Path(PROGRAM).name
        text = CALLER.format(python=sys.executable, port=listening.getsockname()[1])
        caller.write_text(text, encoding="utf-8")
        caller.chmod(0o755)
        threading.Thread(target=_answer, args=(listening,), daemon=True).start()
        yield os.pathsep.join([str(folder), str(Path(PROGRAM).parent), os.environ["PATH"]])
        listening.shutdown(socket.SHUT_RDWR)


def _answer(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rw", encoding="utf-8") as asked:
            arguments, environment, folder = json.loads(asked.readline())
            done = run_forked(arguments, environment, Path(folder))
            print(json.dumps([done.returncode, done.stdout, done.stderr]), file=asked, flush=True)


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, as `subprocess.run` does, in `folder` or where this process is."""
    working_folder = folder or Path.cwd()
    with tempfile.TemporaryDirectory() as outputs:
        printed, said = Path(outputs, "printed"), Path(outputs, "said")
        process = processes.Process(
            target=_run,
            args=(list(arguments), dict(environment), working_folder, printed, said),
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


def _run(
    arguments: list[str], environment: dict[str, str], folder: Path, printed: Path, said: Path
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
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
