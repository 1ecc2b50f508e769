"""The command line as a process of its own, and four weeks of the sandbox to ask about."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from woopra_pipeline.data_directory import DataDirectory

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


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def demo(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[CommandLine, subprocess.CompletedProcess[str]]:
    """The demo, done once; tests only read what it made."""
    command_line = CommandLine(tmp_path_factory.mktemp("demo"))
    return command_line, command_line("demo")


@pytest.fixture
def demo_line(demo: tuple[CommandLine, subprocess.CompletedProcess[str]]) -> CommandLine:
    """The command line on what the demo made."""
    return demo[0]
