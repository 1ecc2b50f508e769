"""What a visitor wrote commands no terminal, and reaches other programs as it is."""

import ast
import csv
import io
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import woopra_pipeline.cli
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.cli.conftest import PROGRAM, CommandLine
from woopra_pipeline_tests.model.parsed_files import put_day

ATTACK = "\x1b]0;owned\x07\x9b2J\u202e"
SHOWN = "\\x1b]0;owned\\x07\\x9b2J\\u202e"
PID = f"{ATTACK}[bold]p"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A model whose one visitor attacks terminals, and a source that does."""
    command_line = CommandLine(tmp_path_factory.mktemp("attacked"))
    visitor = {"name": f"a{ATTACK}", "email": f"{ATTACK}@x.com"}
    time = 1772740800000
    visit = {"type": "visit", "pid": PID, "time": time, "actions": [], "visitor": visitor}
    lines = [
        {"type": "visit", "pid": "old", "time": time, "actions": []},
        {"type": "delete", "pid": "old", "new_id": PID},
        visit,
    ]
    file = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    put_day(command_line.directory, date(2026, 3, 5), file)
    update_model(command_line.directory)
    sources = command_line.folder / "imports" / "sources"
    sources.mkdir(parents=True)
    (sources / "crm.sql").write_text(f'-- {ATTACK}\nselect 1 as "{ATTACK}"', encoding="utf-8")
    return command_line


def on_a_terminal(command_line: CommandLine, *arguments: str) -> str:
    """Everything that a terminal would be sent, stdout and stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *arguments],
        env=command_line.environment(COLUMNS="200", TERM="xterm", PYTHONIOENCODING="utf-8"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        sent = b"".join(chunks(ours))
    os.close(ours)
    return sent.decode()


def chunks(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:
            # The other end is closed.
            return
        if not chunk:
            return
        yield chunk


QUERY = 'select name, pid as "p\x1b]0;q" from profiles'


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["query", QUERY], id="query"),
        pytest.param(["query", QUERY, "--format", "csv"], id="query as csv"),
        pytest.param(["query", QUERY, "--format", "json"], id="query as json"),
        pytest.param(["explain", PID], id="explain"),
        pytest.param(["explain", "old"], id="explain what was merged"),
        pytest.param(["explain", PID, "--format", "json"], id="explain as json"),
        pytest.param(["explain", f"no{ATTACK}"], id="error"),
        pytest.param(["--debug", "explain", f"no{ATTACK}"], id="where an error comes from"),
        pytest.param(["import", "--list"], id="sources"),
        pytest.param(["query", f'select 1 as "{ATTACK}" from nowhere'], id="error of DuckDB"),
    ],
)
def test_a_terminal_gets_no_command_of_a_visitor(attacked, arguments):
    sent = on_a_terminal(attacked, *arguments)
    assert "owned" in sent or "nowhere" in sent
    for character in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert character not in sent


def test_a_terminal_shows_what_it_is(attacked):
    sent = on_a_terminal(attacked, "query", QUERY, "--format", "csv")
    assert f"a{SHOWN},{SHOWN}[bold]p" in sent
    assert f"{SHOWN}[bold]p" in on_a_terminal(attacked, "explain", "old")


@pytest.mark.parametrize("command", [["query", QUERY], ["explain", "old"], ["import", "--list"]])
def test_texts_for_people_are_shown_in_a_file_too(attacked, command):
    printed = attacked(*command).stdout
    assert SHOWN in printed
    assert ATTACK not in printed


def test_values_in_a_file_are_exact(attacked):
    printed = attacked("query", QUERY, "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(printed)))[1] == [f"a{ATTACK}", PID]
    printed = attacked("query", QUERY, "--format", "json").stdout
    assert list(json.loads(printed)[0].values()) == [f"a{ATTACK}", PID]
    printed = attacked("explain", "old", "--format", "json").stdout
    assert json.loads(printed)["canonical_pid"] == PID


def test_only_the_module_for_it_prints():
    """So that nothing is printed without its control characters having been looked at."""
    folder = Path(woopra_pipeline.cli.__file__).parent
    for path in folder.glob("*.py"):
        called = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        }
        if path.name != "terminal.py":
            assert not called & {"click.echo", "click.secho", "print", "Table", "sys.stdout.write"}
