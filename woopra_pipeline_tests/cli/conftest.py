"""The command line, in this process or one of its own, and four weeks of the sandbox to ask about.

A process of its own costs a second or more, most of it for imports. So what only asks or fails runs
in this process; what takes days to the model, or sends something, runs as users run it.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from woopra_pipeline import cli
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline_tests.shared_folders import shared_folder

PROGRAM = str(Path(sys.executable).with_name("woopra-pipeline"))


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
            timeout=240,
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
    return CommandLine(tmp_path)


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
