"""The command line: reads arguments, shows progress, results and errors.

There is one module for each command. The work itself is in the packages below.
"""

import importlib
import os
import sys
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import click

from woopra_pipeline.cli.parameters import refuse_illegible
from woopra_pipeline.cli.terminal import say, say_error, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import PipelineError
from woopra_pipeline.files import limit_new_files
from woopra_pipeline.full_disk import full_disk

COMMANDS = (
    "demo",
    "sandbox",
    "backfill",
    "import",
    "query",
    "explain",
    "export",
    "shell",
    "report",
    "explore",
    "status",
    "erase",
    "lake",
    "restore",
    "dbt-sources",
    "ui",
)
MODULES = {"dbt-sources": "dbt_sources", "import": "imports"}
"""Modules whose name differs from the name of their command."""
INTERRUPTED = 130
LONGEST_SUMMARY = 200


class Commands(click.Group):
    """The commands, each imported only when it is needed: Dagster alone takes a second."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of a command line; all arguments must be text."""
        refuse_illegible(args)
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the whole first sentence of its help."""
        commands = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        rows = [
            (name, command.get_short_help_str(LONGEST_SUMMARY))
            for name, command in commands
            if command
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.version_option(package_name="woopra-pipeline")
@click.pass_context
def group(context: click.Context, debug: bool) -> None:
    """Woopra's log as a DuckDB model: every person one profile, every action counted once."""
    if context.invoked_subcommand is None:
        show(context.get_help())
        context.exit()
    sys.excepthook = _say_where if debug else _say_in_one_line
    limit_new_files()


def main() -> NoReturn:
    """Run the command; any error is one line on stderr and a non-zero exit code."""
    # Dagster may still change this parameter in a minor version; its version is pinned.
    warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
    warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")
    arguments = sorted(sys.argv[1:], key=lambda argument: argument != "--debug")
    try:
        sys.exit(group.main(arguments, standalone_mode=False) or 0)
    except click.ClickException as error:
        if "--debug" in arguments:
            say(traceback.format_exc())
        say_error(error.format_message())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say_error("Interrupted: finished work is kept, and the same command carries on")
        _leave(INTERRUPTED)
    except BrokenPipeError:
        _leave(1)


def _say_in_one_line(
    kind: type[BaseException], error: BaseException, _: TracebackType | None
) -> None:
    full = full_disk(error, _data_folder(), "writing")
    if full is not None:
        say_error(str(full))
    elif isinstance(error, PipelineError):
        say_error(str(error))
    elif isinstance(error, OSError) and error.filename:
        say_error(f"{error.filename} cannot be used: {error.strerror}")
    else:
        say_error(f"{kind.__name__}: {error} (run it again with --debug to see where)")


def _data_folder() -> Path:
    try:
        return DataDirectory.from_environment().root
    except PipelineError:
        return Path.cwd()


def _say_where(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    say("".join(traceback.format_exception(kind, error, where)).rstrip())


def _leave(status: int) -> NoReturn:
    """Exit at once, without waiting for downloads or for a reader that is gone."""
    os._exit(status)
