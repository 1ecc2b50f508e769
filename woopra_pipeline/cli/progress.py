"""Shows the progress of a backfill: bars on a terminal, elsewhere a short line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from woopra_pipeline.cli.terminal import say
from woopra_pipeline.control_characters import visible
from woopra_pipeline.defs.backfill import Progress as Happening
from woopra_pipeline.wording import count

DOING = {
    "raw_export": "fetching",
    "parsed_days": "parsing",
    "model": "updating the model",
    "project_report": "writing the report",
    "lake_days": "putting into the lake",
    "restore": "restoring",
}
SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def at_work(doing: str) -> Iterator[None]:
    """Say on stderr what the block does; a terminal also shows the time so far."""
    console = Console(stderr=True)
    if not console.is_terminal:
        say(doing)
        yield
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(doing, total=None)
        yield


class BackfillProgress:
    """Shows what happens; a context manager."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._on_terminal = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description:<21}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not self._on_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started = self._said = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __call__(self, happening: Happening) -> None:
        """Show one more event."""
        match happening.kind:
            case "start":
                self._start(happening)
            case "day":
                self._advance(happening.step)
            case "bad day":
                self._line(happening.text)
                self._advance(happening.step)
            case "note":
                self._line(happening.text)
            case "end":
                self._end(happening)

    def on_day(self, step: str) -> Callable[[date, str | None], None]:
        """A listener that shows each day of a step that is not part of a run."""

        def hear(log_day: date, problem: str | None) -> None:
            if problem is None:
                self(Happening(step, "day"))
            else:
                self(Happening(step, "bad day", f"{log_day}: {problem}"))

        return hear

    def _start(self, happening: Happening) -> None:
        step = happening.step
        self._started = self._said = time.monotonic()
        if step in self._tasks:
            task = self._bars.tasks[self._tasks[step]]
            self._bars.update(task.id, total=(task.total or 0) + happening.days)
        else:
            total = happening.days or None
            self._tasks[step] = self._bars.add_task(DOING[step], total=total)

    def _advance(self, step: str) -> None:
        self._bars.advance(self._tasks[step])
        now = time.monotonic()
        if not self._on_terminal and now - self._said > SECONDS_BETWEEN_LINES:
            self._said = now
            task = self._bars.tasks[self._tasks[step]]
            say(f"{DOING[step]}: {task.completed:.0f} of {task.total:.0f} log days")

    def _end(self, happening: Happening) -> None:
        if not happening.days:
            self._bars.update(self._tasks[happening.step], total=1, completed=1)
        if not self._on_terminal:
            days = f" {count(happening.days, 'log day')}" if happening.days else ""
            seconds = time.monotonic() - self._started
            say(f"{DOING[happening.step]}{days}: done in {seconds:.1f} s")

    def _line(self, text: str) -> None:
        if self._on_terminal:
            self._bars.console.print(
                visible(text, keep_lines=True), highlight=False, markup=False, soft_wrap=True
            )
        else:
            say(text)
