"""Processes under test: started by a fork server, watched, killed, and what they said kept."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

LONGEST_SECONDS = 180
"""A process that takes longer hangs."""

forked = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Kill:
    """When to kill a process: after so many moments of the server, or after so many seconds.

    A moment is a request that came, or one that was dealt with before its answer leaves.
    """

    moments: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        if self.moments is not None:
            return f"killed at moment {self.moments} of the server"
        return f"killed after {self.seconds:.2f} s"


@dataclass(frozen=True)
class Command:
    """What a process is to do, and what befalls it."""

    arguments: tuple[str, ...]
    kill: Kill | None = None
    largest_file: int | None = None

    def __str__(self) -> str:
        words = [" ".join(self.arguments)]
        if self.kill is not None:
            words.append(str(self.kill))
        if self.largest_file is not None:
            words.append(f"no file above {self.largest_file:,} bytes")
        return ", ".join(words)


@dataclass
class Ended:
    """How a process ended: its exit code, None if it hung, and what it said."""

    command: Command
    exit_code: int | None
    stdout: str
    stderr: str
    was_killed: bool


@dataclass
class Crew:
    """Starts processes on one data directory, and keeps what they say in `outputs`."""

    environment: dict[str, str]
    outputs: Path
    offset: timedelta = timedelta()
    started_count: int = 0
    killed_count: int = 0
    _moments: int = 0
    _to_kill: dict[int, BaseProcess] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def moment(self, _: str) -> None:
        """Kill whoever is to die at this moment of the server."""
        with self._lock:
            self._moments += 1
            due = [at for at in self._to_kill if at <= self._moments]
            for at in due:
                _kill(self._to_kill.pop(at))

    def run(self, commands: Sequence[Command]) -> list[Ended]:
        """Run commands at the same time; returns when all have ended."""
        self.outputs.mkdir(exist_ok=True)
        started: list[tuple[Command, BaseProcess, Path]] = []
        for command in commands:
            self.started_count += 1
            output = self.outputs / f"{self.started_count:03}"
            process = self._start(command, output)
            started.append((command, process, output))
        begun = time.monotonic()
        try:
            for command, process, _ in started:
                if command.kill is not None and command.kill.seconds is not None:
                    process.join(max(0.0, begun + command.kill.seconds - time.monotonic()))
                    _kill(process)
            return [self._end(begun, *each) for each in started]
        finally:
            for _, process, _ in started:
                _kill(process)

    def _start(self, command: Command, output: Path) -> BaseProcess:
        arguments = (command, self.environment, self.offset, output)
        process = forked.Process(target=_run, args=arguments)
        with self._lock:
            process.start()
            if command.kill is not None and command.kill.moments is not None:
                at = self._moments + command.kill.moments
                while at in self._to_kill:
                    at += 1
                self._to_kill[at] = process
        return process

    def _end(self, begun: float, command: Command, process: BaseProcess, output: Path) -> Ended:
        process.join(max(0.0, begun + LONGEST_SECONDS - time.monotonic()))
        exit_code = process.exitcode
        if exit_code is None:
            _kill(process)
            process.join()
        with self._lock:
            self._to_kill = {at: who for at, who in self._to_kill.items() if who is not process}
        was_killed = exit_code == -signal.SIGKILL
        self.killed_count += was_killed
        return Ended(command, exit_code, _text(output, ".out"), _text(output, ".err"), was_killed)


def _run(command: Command, environment: dict[str, str], offset: timedelta, output: Path) -> None:
    from woopra_pipeline_tests.storm.preloaded import Run, run

    run(Run(command.arguments, environment, offset, output, command.largest_file))


def _kill(process: BaseProcess) -> None:
    """Kill a process and its group, unless it has ended or its group is not its own yet."""
    if process.pid is None or process.exitcode is not None:
        return
    with suppress(ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)


def _text(output: Path, suffix: str) -> str:
    path = output.with_name(output.name + suffix)
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
