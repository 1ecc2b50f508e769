"""The program in a process that a fork server makes, where all libraries are loaded already.

It differs from the program as it is started by users in nothing but that: it has its own process,
environment, streams and exit status.
"""

import io
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
typed = sys.stdin.read()
print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), typed]), file=asked, flush=True)
status, printed, said = json.loads(asked.readline())
sys.stdout.buffer.write(printed.encode("utf-8", "surrogateescape"))
sys.stderr.write(said)
sys.exit(status)
"""
"""A program that has this process run the real one, and prints what that prints.

It reads its input to the end first, so a terminal must not be its input.
"""


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
            arguments, environment, folder, typed = json.loads(asked.readline())
            status, *streams = _run_to_its_end(arguments, environment, Path(folder), typed)
            # What is printed may be no text.
            texts = [stream.decode("utf-8", "surrogateescape") for stream in streams]
            print(json.dumps([status, *texts]), file=asked, flush=True)


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, as `subprocess.run` does, where this process is and without input."""
    status, *streams = _run_to_its_end(arguments, environment, Path.cwd(), "")
    printed, said = (io.TextIOWrapper(io.BytesIO(it), encoding="utf-8").read() for it in streams)
    return subprocess.CompletedProcess(arguments, status, printed, said)


def _run_to_its_end(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, typed: str
) -> tuple[int, bytes, bytes]:
    with tempfile.TemporaryDirectory() as outputs:
        streams = Path(outputs)
        (streams / "typed").write_text(typed, encoding="utf-8")
        process = processes.Process(
            target=_run, args=(list(arguments), dict(environment), folder, streams)
        )
        process.start()
        process.join(PATIENCE_SECONDS)
        printed, said = (
            path.read_bytes() if path.exists() else b""
            for path in (streams / "printed", streams / "said")
        )
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, PATIENCE_SECONDS, said)
        return process.exitcode, printed, said


def _run(arguments: list[str], environment: dict[str, str], folder: Path, streams: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.umask(0o022)
    for descriptor, name in ((1, "printed"), (2, "said")):
        os.dup2(os.open(streams / name, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.stdin = (streams / "typed").open(encoding="utf-8")
    sys.argv = [PROGRAM, *arguments]

    from woopra_pipeline import cli

    try:
        cli.main()
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
