"""The real command line, with shorter waits and another clock, loaded once and forked for each run.

Importing this changes the defaults of the package before anything reads them. So it is imported by
the processes under test alone: by the fork server, or by a process that the fork server makes.
"""

import importlib
import os
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

PLACEHOLDERS = {
    "WOOPRA_PROJECT": "storm.example.com",
    "WOOPRA_APP_ID": "app",
    "WOOPRA_SECRET_KEY": "key",
    "WOOPRA_BASE_URL": "http://127.0.0.1:9/rest/3.7",
    "WOOPRA_DATA_DIR": "/nonexistent",
    "WOOPRA_START_DATE": "2024-03-01",
}
"""What is set when the modules are imported; each process has its own values."""

CLIENT = {
    "attempts": 5,
    "read_timeout": 10.0,
    "first_backoff": 0.02,
    "longest_backoff": 0.2,
    "longest_retry_after": 5.0,
    "least_free_bytes": 1 << 16,
    "requests_per_minute": 100_000,
    "requests_per_hour": 100_000,
    "requests_per_day": 100_000,
}
IMPORTS = {"lines_per_batch": 7, "unknown_in_a_row": 4}

_offset = timedelta()


def storm_clock() -> datetime:
    """The machine's clock, put back to the days of the world."""
    return datetime.now(UTC) + _offset


def _load() -> None:
    os.environ.update(PLACEHOLDERS)
    clock = importlib.import_module("woopra_pipeline.clock")
    clock.system_clock = storm_clock  # type: ignore[attr-defined]
    settings = importlib.import_module("woopra_pipeline.woopra.settings").WoopraSettings
    imports = importlib.import_module("woopra_pipeline.imports.settings").ImportSettings
    for owner, values in ((settings, CLIENT), (imports, IMPORTS)):
        for name, value in values.items():
            setattr(owner, name, value)
    package = importlib.import_module("woopra_pipeline.cli")
    for name in package.COMMANDS:
        importlib.import_module(f"woopra_pipeline.cli.{package.MODULES.get(name, name)}")
    importlib.import_module("woopra_pipeline.cli.runs")
    importlib.import_module("woopra_pipeline.cli.import_runs")
    backfill = importlib.import_module("woopra_pipeline.cli.backfill")
    assert backfill.system_clock is storm_clock, "something was imported before its clock was set"


_load()


@dataclass(frozen=True)
class Run:
    """One process: what it is to do, and with what."""

    arguments: Sequence[str]
    """Of the command line, or of one of `OTHERS`."""
    environment: dict[str, str]
    offset: timedelta
    output: Path
    """Where stdout goes; stderr goes beside it."""
    largest_file: int | None = None
    """Bytes above which the process may write no file."""


def run(what: Run) -> None:
    """Do it, in this process, which ends with the exit code that the program would have."""
    global _offset  # noqa: PLW0603
    # A group of its own, so that a kill takes along what it has started.
    os.setsid()
    _offset = what.offset
    os.environ.update(what.environment)
    for stream, suffix in ((sys.stdout, ".out"), (sys.stderr, ".err")):
        stream.flush()
        descriptor = os.open(f"{what.output}{suffix}", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(descriptor, stream.fileno())
    if what.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (what.largest_file, what.largest_file))
    program = OTHERS.get(what.arguments[0], _command_line)
    sys.excepthook = importlib.import_module("woopra_pipeline.cli")._say_in_one_line
    try:
        program(what.arguments)
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)


def _command_line(arguments: Sequence[str]) -> None:
    sys.argv = ["woopra-pipeline", *arguments]
    importlib.import_module("woopra_pipeline.cli").main()


def _follow(arguments: Sequence[str]) -> None:
    """What one step of the asset `current_day` does."""
    from woopra_pipeline.archive.project import claim_archive
    from woopra_pipeline.current_day import follow_current_day
    from woopra_pipeline.data_directory import DataDirectory
    from woopra_pipeline.defs.resources import woopra
    from woopra_pipeline.model.update import update_model

    _, log_day = arguments
    directory = DataDirectory.from_environment()
    with woopra().process_config_and_initialize().client(directory, notify=_say) as client:
        claim_archive(directory.raw, client.settings.project)
        followed = follow_current_day(client, directory.parsed, clock=storm_clock, notify=_say)
    assert followed.log_day == date.fromisoformat(log_day)
    update_model(directory, clock=storm_clock)


def _steps(arguments: Sequence[str]) -> None:
    """What a backfill does with some days, in their order and without Dagster."""
    from woopra_pipeline.archive import Archive, fetch_log_day
    from woopra_pipeline.archive.project import claim_archive
    from woopra_pipeline.data_directory import DataDirectory
    from woopra_pipeline.defs.resources import woopra
    from woopra_pipeline.errors import PipelineError
    from woopra_pipeline.model.update import update_model
    from woopra_pipeline.parse.parse_day import parse_log_day

    directory = DataDirectory.from_environment()
    archive = Archive(directory.raw)
    errors = []
    with woopra().process_config_and_initialize().client(directory, notify=_say) as client:
        claim_archive(directory.raw, client.settings.project)
        for log_day in map(date.fromisoformat, arguments[1:]):
            try:
                fetch_log_day(client, archive, log_day, clock=storm_clock)
                parse_log_day(archive, log_day, directory.parsed, processes=1)
            except PipelineError as error:
                errors.append(error)
    update_model(directory, clock=storm_clock)
    if errors:
        raise errors[0]


def _send(arguments: Sequence[str]) -> None:
    """What an import does with a day and some sources, without Dagster."""
    from woopra_pipeline.data_directory import DataDirectory
    from woopra_pipeline.defs.resources import woopra
    from woopra_pipeline.imports.runs import Importer
    from woopra_pipeline.imports.settings import ImportSettings

    _, log_day, *names = arguments
    directory = DataDirectory.from_environment()
    with woopra().process_config_and_initialize().client(directory, notify=_say) as client:
        settings = ImportSettings(**IMPORTS)  # type: ignore[arg-type]
        importer = Importer(directory, client, settings, clock=storm_clock, notify=_say)
        importer.run_all(names, date.fromisoformat(log_day))


def _update(_: Sequence[str]) -> None:
    from woopra_pipeline.data_directory import DataDirectory
    from woopra_pipeline.model.update import update_model

    update_model(DataDirectory.from_environment(), clock=storm_clock, notify=_say)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


OTHERS: dict[str, Callable[[Sequence[str]], None]] = {
    "steps": _steps,
    "send": _send,
    "follow": _follow,
    "update": _update,
}
"""What is not to be had from the command line."""
