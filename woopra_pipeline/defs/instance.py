"""The Dagster instance: where runs and events are kept, and what a dead process leaves behind.

It is in the data directory, so that runs survive restarts although DAGSTER_HOME is not set. Nobody
asks it what was done already: the files and the model say that.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any, TextIO, cast

import yaml
from dagster import DagsterInstance

from woopra_pipeline.data_directory import DataDirectory, checkout
from woopra_pipeline.errors import RunStorageError
from woopra_pipeline.files import OF_GROUP, make_folder, modes, set_modes
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.locks import HeldElsewhereError, alone
from woopra_pipeline.replacing import replacing

CONFIGURATION_NAME = "dagster.yaml"
COMMAND_LINE_CONFIGURATION_NAME = "command_line.yaml"
WITHOUT_OUTPUT = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""What a command does differently from Dagster's own processes: its output is not captured."""
SECONDS_BETWEEN_LOOKS = 5.0
FAILED_EVENT = "Exception while writing logger call to event log"
PLACES = ("storage", "compute_logs", "local_artifact_storage")
"""What the checkout's configuration says about where things are kept."""


@contextmanager
def open_instance(directory: DataDirectory) -> Iterator[DagsterInstance]:
    """The instance of `directory`, cleared of what dead processes left; output is not captured."""
    folder = home(directory)
    with ExitStack() as stack:
        stack.enter_context(_said_plainly(directory))
        # Two processes that open an instance for the first time would both create its tables.
        with alone(directory.dagster / "opening"):
            instance = stack.enter_context(
                DagsterInstance.from_config(str(folder), COMMAND_LINE_CONFIGURATION_NAME)
            )
            stack.callback(share, directory)
            end_dead_runs(instance, directory)
        yield instance


class _WithoutFailedEvents:
    """A stream without what Dagster writes to it of events that cannot be recorded.

    What keeps a run from going on is raised as well.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(FAILED_EVENT) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _said_plainly(directory: DataDirectory) -> Iterator[None]:
    """Say in a sentence that the instance's disk is full or its files damaged.

    Dagster's own words on it are pages of SQL, which it also writes to stderr.
    """
    from sqlalchemy.exc import DatabaseError

    without_sql = cast("TextIO", _WithoutFailedEvents(sys.stderr))
    try:
        with redirect_stderr(without_sql), needs_room(directory.dagster, "recording runs"):
            yield
    except DatabaseError as error:
        raise RunStorageError(
            f"Dagster's files in {directory.dagster} cannot be used ({error.orig}): "
            "rename that folder, and Dagster begins another one; only the history of runs is in it"
        ) from error


def share(directory: DataDirectory) -> None:
    """Let the group write what Dagster has written, if it is to: SQLite lets it only read."""
    if modes() is OF_GROUP:
        set_modes([directory.dagster], thoroughly=True)


def home(directory: DataDirectory) -> Path:
    """The folder to be DAGSTER_HOME for `directory`, with its configuration written.

    The configuration is the checkout's own, except that everything is kept in that folder.
    """
    template = checkout() / CONFIGURATION_NAME
    configuration: dict[str, Any] = {"telemetry": {"enabled": False}}
    if template.is_file():
        configuration |= yaml.safe_load(template.read_text(encoding="utf-8"))
    for place in PLACES:
        configuration.pop(place, None)
    folder = directory.dagster
    for name, settings in (
        (CONFIGURATION_NAME, configuration),
        (COMMAND_LINE_CONFIGURATION_NAME, configuration | WITHOUT_OUTPUT),
    ):
        with replacing(folder / name) as temporary:
            temporary.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


@contextmanager
def alive(instance: DagsterInstance, directory: DataDirectory, run_id: str) -> Iterator[None]:
    """Show that this process executes the run; when the block ends, so has the run.

    Meanwhile runs whose process is killed are ended: this one may be waiting for what they hold.
    """
    path = _locks(directory) / run_id
    make_folder(path.parent)
    with alone(path), _ending_dead_runs(instance, directory):
        try:
            yield
        finally:
            _end(instance, run_id, "The run was interrupted.")
            path.unlink(missing_ok=True)


@contextmanager
def _ending_dead_runs(instance: DagsterInstance, directory: DataDirectory) -> Iterator[None]:
    """Look for dead runs every few seconds, in a thread, while the block runs."""
    from sqlalchemy.exc import SQLAlchemyError

    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            # What stands in the way now may not do so at the next look.
            with suppress(SQLAlchemyError, OSError):
                end_dead_runs(instance, directory)

    thread = threading.Thread(target=look, name="end dead runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _locks(directory: DataDirectory) -> Path:
    return directory.dagster / "executing"


def end_dead_runs(instance: DagsterInstance, directory: DataDirectory) -> None:
    """End the runs whose process is gone, and free what runs that have ended still hold."""
    for path in _locks(directory).glob("*"):
        try:
            with alone(path, waits=False):
                _end(instance, path.name, "The process that executed this run is gone.")
                path.unlink(missing_ok=True)
        except HeldElsewhereError:
            continue
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _end(instance: DagsterInstance, run_id: str, reason: str) -> None:
    """See that a run nobody executes any more has ended, and holds no pool."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, reason)
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
