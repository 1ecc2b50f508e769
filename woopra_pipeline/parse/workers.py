"""Processes that write parts side by side: this one, and workers beside it.

A worker is a bare interpreter that imports the parser and nothing else. `multiprocessing` would
have each of them import the program's main module first, which in a Dagster run is all of Dagster.
Worker and parent speak over the worker's stdin and stdout: a line of JSON that says what to do,
the piece of the file, and back a line of JSON with what came of it. A worker ends with its parent.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from threading import Condition, Lock

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


class Workers:
    """Worker processes that are lent out and taken back; a context manager that ends them.

    Threads may borrow at once. A worker takes a moment to be up, so whoever parses many days keeps
    them from one day to the next.
    """

    def __init__(self) -> None:
        self.large_file = Lock()
        """To be held while a file is parsed by several of them, so that memory is bounded."""
        self._idle: list[_Worker] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            self._idle.pop().end()

    @contextmanager
    def borrowed(self) -> Iterator["_Worker"]:
        """Lend a worker, started if none is idle; one that was left with an error is ended."""
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker()
        try:
            yield worker
        except BaseException:
            worker.kill()
            raise
        self._idle.append(worker)


def write_parts(jobs: Iterable[Job], processes: int, workers: Workers) -> list[WrittenPart]:
    """Write the parts with so many processes, of which this is one and the others are workers.

    Each takes a job when it is free for it; no more than one is taken out of `jobs` beforehand.
    Raises `OSError` if files cannot be written, `ParsedDayError` if a worker dies, and what `jobs`
    raises.
    """
    queue = _Queue()
    written: dict[int, WrittenPart] = {}
    on_disk: list[Future[None]] = []

    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(2 * processes + 1))

        def write(make: Callable[[Part, bytes], WrittenPart]) -> None:
            try:
                while job := queue.take():
                    part, chunk = job
                    written[part.number] = make(part, chunk)
                    on_disk.append(threads.submit(sync_part, part, written[part.number]))
            finally:
                queue.stop()

        borrowed = [stack.enter_context(workers.borrowed()) for _ in range(processes - 1)]
        reading = threads.submit(queue.fill, jobs)
        elsewhere = [threads.submit(write, worker.make) for worker in borrowed]
        write(make_part)
        for future in (reading, *elsewhere, *on_disk):
            future.result()
    return [written[number] for number in sorted(written)]


class _Queue:
    """Passes jobs from one thread to others, which take one at a time."""

    def __init__(self) -> None:
        self._ahead: Job | None = None
        self._is_open = True
        self._changed = Condition()

    def fill(self, jobs: Iterable[Job]) -> None:
        """Offer all jobs, one after another, until they end or `stop` is called."""
        try:
            for job in jobs:
                with self._changed:
                    self._changed.wait_for(lambda: self._ahead is None or not self._is_open)
                    if not self._is_open:
                        return
                    self._ahead = job
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._is_open = False
                self._changed.notify_all()

    def take(self) -> Job | None:
        """The next job, waited for; None if there are no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._ahead is not None or not self._is_open)
            job, self._ahead = self._ahead, None
            self._changed.notify_all()
            return job

    def stop(self) -> None:
        """Offer no more jobs."""
        with self._changed:
            self._is_open = False
            self._ahead = None
            self._changed.notify_all()


class _Worker:
    """One worker process."""

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

    def kill(self) -> None:
        """End it whatever it is doing."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Tell it that there is no more to do, and wait until it is gone."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def write(self, part: Part, chunk: bytes) -> WrittenPart:
        """What `write_part` does, in the worker."""
        written = self.make(part, chunk)
        sync_part(part, written)
        return written

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
                "perhaps because there was not enough memory: parse the day again, with fewer "
                "processes"
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
