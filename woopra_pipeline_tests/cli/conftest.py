"""The command line, in this process or one of its own, and four weeks of the sandbox to ask about.

A program that users start loads libraries for a second or more. So what only asks or fails runs in
this process; what takes days to the model, or sends something, in a process that has loaded them;
and a few tests start the program as users do.
"""

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from woopra_pipeline import cli
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline_tests.cli.program import PATIENCE_SECONDS, PROGRAM, run_forked
from woopra_pipeline_tests.shared_folders import shared_folder


@dataclass(frozen=True)
class CommandLine:
    """Runs commands on one data directory, with no other setting than those given."""

    folder: Path

    @property
    def directory(self) -> DataDirectory:
        return DataDirectory(self.folder)

    def environment(self, **variables: str) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("WOOPRA_")
        }
        return {**inherited, "WOOPRA_DATA_DIR": str(self.folder), **variables}

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
            umask=0o022,
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *arguments],
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class CommandLineForked(CommandLine):
    """The same where all libraries are loaded already; what is started without waiting is not."""

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_forked(arguments, self.environment(**variables))


class CommandLineHere(CommandLine):
    """The same in this process, up to what the interpreter makes of an exception nobody caught."""

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        # Whatever command comes first, the partitions of this process begin where they always do.
        import woopra_pipeline.definitions  # noqa: F401

        with (
            patch.dict(os.environ, self.environment(**variables), clear=True),
            patch.object(sys, "argv", [PROGRAM, *arguments]),
            patch.object(sys, "excepthook", sys.__excepthook__),
            patch.object(cli, "_leave", sys.exit),
            redirect_stdout(new_stream()) as printed,
            redirect_stderr(new_stream()) as said,
        ):
            status = exit_status()
        return subprocess.CompletedProcess(arguments, status, text_in(printed), text_in(said))


def new_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")


def text_in(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def exit_status() -> int:
    try:
        cli.main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except Exception as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLineForked(tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> CommandLine:
    """The same as users start it."""
    return CommandLine(tmp_path)


@pytest.fixture
def after_backfill(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line on a copy of what a backfill of the first day of 2026 leaves."""

    def make(folder: Path) -> None:
        done = CommandLineForked(folder)("backfill", "2026-01-01", "2026-01-01")
        assert done.returncode == 0, done.stderr

    made = shared_folder(tmp_path_factory, "cli-backfill", make)
    shutil.copytree(made, tmp_path / "data")
    return CommandLineForked(tmp_path / "data")


@pytest.fixture
def command_line_here(tmp_path: Path) -> CommandLine:
    return CommandLineHere(tmp_path)


@pytest.fixture(scope="session")
def demo(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[CommandLine, subprocess.CompletedProcess[str]]:
    """The demo, done once as users do it; tests only read what it made."""

    def run(folder: Path) -> None:
        done = CommandLine(folder / "data")("demo")
        (folder / "done.json").write_text(
            json.dumps([done.returncode, done.stdout, done.stderr]), encoding="utf-8"
        )

    folder = shared_folder(tmp_path_factory, "demo", run)
    done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    return CommandLineHere(folder / "data"), subprocess.CompletedProcess(["demo"], *done)


@pytest.fixture
def demo_line(demo: tuple[CommandLine, subprocess.CompletedProcess[str]]) -> CommandLine:
    """The command line on what the demo made."""
    return demo[0]
