"""Processes that write parts side by side.

A worker is a bare interpreter that imports the parser and nothing else. `multiprocessing` would
have each of them import the program's main module first, which in a Dagster run is all of Dagster.
Worker and parent speak over the worker's stdin and stdout: a line of JSON that says what to do,
the piece of the file, and back a line of JSON with what came of it. A worker ends with its parent.
"""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from types import TracebackType

import msgspec

from woopra_pipeline.errors import ParsedDayError
from woopra_pipeline.parse.parts import Part, WrittenPart, make_part, sync_part

Job = tuple[Part, bytes]


class _Request(msgspec.Struct):
    part: Part
    byte_count: int


class _Reply(msgspec.Struct):
    written: WrittenPart | None = None
    error: str | None = None


def write_parts(jobs: Iterable[Job], processes: int) -> list[WrittenPart]:
    """Write the parts with so many worker processes, each busy with one job at a time.

    Takes a job out of `jobs` only when a worker is free for it. Raises `OSError` if files cannot
    be written, `ParsedDayError` if a worker dies, and what `jobs` raises.
    """
    written: list[WrittenPart] = []
    pending: deque[Future[WrittenPart]] = deque()
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def write(worker: _Worker, part: Part, chunk: bytes) -> WrittenPart:
        try:
            made = worker.make(part, chunk)
        finally:
            idle.put(worker)
        # The worker is busy with the next part already.
        sync_part(part, made)
        return made

    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(2 * processes))
        for _ in range(processes):
            idle.put(stack.enter_context(_Worker()))
        for job in jobs:
            pending.append(threads.submit(write, idle.get(), *job))
            while pending and pending[0].done():
                written.append(pending.popleft().result())
        written += [future.result() for future in pending]
    return written


class _Worker:
    """One worker process; a context manager that waits for its end, or ends it on an error."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path),
                # numpy would prepare a thread per core for algebra that nobody does here.
                "OPENBLAS_NUM_THREADS": "1",
            },
            # An interrupt typed in the terminal is for the parent, which then ends its workers.
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exception_type is not None:
            self._process.kill()
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def make(self, part: Part, chunk: bytes) -> WrittenPart:
        """What `make_part` does, in the worker."""
        with suppress(BrokenPipeError):
            self._stdin.write(msgspec.json.encode(_Request(part, len(chunk))) + b"\n")
            self._stdin.write(chunk)
            self._stdin.flush()
        line = self._stdout.readline()
        if not line:
            raise ParsedDayError(
                f"A process that parsed {part.log_day} ended with status {self._process.wait()}, "
                "perhaps for want of memory: parse the day again, with fewer processes"
            )
        reply = msgspec.json.decode(line, type=_Reply)
        if reply.written is None:
            raise OSError(reply.error)
        return reply.written


def serve() -> None:
    """What a worker process does: write parts until its parent has no more of them."""
    while line := sys.stdin.buffer.readline():
        request = msgspec.json.decode(line, type=_Request)
        chunk = sys.stdin.buffer.read(request.byte_count)
        if len(chunk) < request.byte_count:
            return
        try:
            reply = _Reply(written=make_part(request.part, chunk))
        except OSError as error:
            reply = _Reply(error=str(error))
        sys.stdout.buffer.write(msgspec.json.encode(reply) + b"\n")
        sys.stdout.buffer.flush()
