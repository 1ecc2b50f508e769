"""`woopra-pipeline import`: sends the lines of the import sources for a day, each once."""

import importlib
from collections.abc import Sequence
from datetime import date

import click

from woopra_pipeline.cli.backfill import import_with_partitions_from, require_closed
from woopra_pipeline.cli.parameters import BATCH
from woopra_pipeline.cli.terminal import TextTable, print_table, say, show
from woopra_pipeline.clock import system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.imports.ledger import Ledger, State
from woopra_pipeline.imports.rebuilding import Rebuilt
from woopra_pipeline.imports.runs import settle_by_hand
from woopra_pipeline.imports.sources import (
    copy_example,
    example_names,
    find_sources,
    get_source,
    sources_folder,
)
from woopra_pipeline.imports.verification import Verdict
from woopra_pipeline.sql_text import literal
from woopra_pipeline.woopra.log_days import log_day_from_text
from woopra_pipeline.wording import count

RUNS = "woopra_pipeline.cli.import_runs"
LINES_SHOWN = 3
NOT_IMPORTED = ("set aside", "rejected", "unknown")
"""Kinds of lines, as the ledger counts them, for which a reason is kept."""


@click.command("import")
@click.argument("source", required=False)
@click.option("--day", help="Log day to import, YYYY-MM-DD; it must be over.")
@click.option("--dry-run", is_flag=True, help="Write the batches, but send nothing.")
@click.option(
    "--list", "lists", is_flag=True, help="Show the sources and the state of their lines."
)
@click.option("--example", metavar="NAME", help="Copy an example to start from; see --list.")
@click.option("--verify", is_flag=True, help="Look in the log for imports without an answer.")
@click.option(
    "--prove",
    metavar="BATCH",
    type=BATCH,
    multiple=True,
    help="Look in the log for a batch, and change nothing.",
)
@click.option("--again", metavar="BATCH", type=BATCH, multiple=True, help="Send a batch again.")
@click.option("--settle", metavar="BATCH", type=BATCH, help="Settle an unknown batch by hand.")
@click.option(
    "--rebuild-ledger",
    "rebuild",
    is_flag=True,
    help="Make a lost ledger again; what was sent is then unknown, see --verify.",
)
@click.option(
    "--as",
    "state",
    type=click.Choice(["accepted", "planned", "rejected"]),
    help="What happened to it: accepted, planned (it will be sent again) or rejected.",
)
def command(
    *,
    source: str | None,
    day: str | None,
    dry_run: bool,
    lists: bool,
    example: str | None,
    verify: bool,
    prove: tuple[int, ...],
    again: tuple[int, ...],
    settle: int | None,
    state: str | None,
    rebuild: bool,
) -> None:
    """Import the lines that SOURCE, or every source, has for a day. Nothing is sent twice.

    Sources are SQL files in imports/sources below the data directory.
    """
    directory = DataDirectory.from_environment()
    asked = [day, lists, example, verify, prove, again, settle, rebuild]
    if sum(bool(option) for option in asked) != 1:
        raise click.UsageError(
            "Say what to do: --day DAY to import, or one of "
            "--list, --example, --verify, --prove, --again, --settle and --rebuild-ledger"
        )
    if day is not None:
        _import(directory, source, day, dry_run)
    elif lists:
        _list(directory)
    elif example is not None:
        path = copy_example(directory, example)
        show(f"Copied to {path}: read it, change it, and try it with --dry-run")
    elif settle is not None:
        if state is None:
            raise click.UsageError("Say what happened to it: --as accepted, planned or rejected")
        batch = settle_by_hand(directory, settle, State(state))
        show(f"Import batch {batch.batch_id} is {batch.state}")
    else:
        runs = importlib.import_module(RUNS)
        if rebuild:
            _print_rebuilt(runs.rebuild(directory))
        elif again:
            for batch in runs.send_again(directory, again):
                show(f"Import batch {batch.batch_id} is {batch.state}")
        else:
            _print_verdicts(runs.verify(directory) if verify else runs.prove(directory, prove))


def _import(directory: DataDirectory, source: str | None, day: str, dry_run: bool) -> None:
    log_day = log_day_from_text(day)
    require_closed(log_day, log_day, system_clock)
    if source is not None:
        get_source(directory, source)
    elif not find_sources(directory):
        raise click.ClickException(
            f"There is no import source in {sources_folder(directory)}: "
            "copy an example with `woopra-pipeline import --example NAME`, see --list"
        )
    runs = import_with_partitions_from(log_day, RUNS)
    problem = runs.run_day(directory, log_day, [source] if source else [], dry_run)
    if problem is not None:
        raise click.ClickException(problem)
    if dry_run:
        show(
            "Nothing was sent. To see what would be sent: "
            'woopra-pipeline query "select source, line from import_lines where is_dry_run"'
        )
        return
    with Ledger(directory, system_clock) as ledger:
        names = [source] if source else [found.name for found in find_sources(directory)]
        for name in names:
            lines = ledger.line_counts(name, log_day)
            show(f"{name}: {states(lines)} for {log_day}")
            if not lines.keys().isdisjoint(NOT_IMPORTED):
                show(f"  Why, and which lines: {_why(name, log_day)}")


def _why(source: str, log_day: date) -> str:
    return (
        'woopra-pipeline query "select state, reason, line from import_lines '
        f"where source = {literal(source)} and log_day = '{log_day}' "
        "and state in ('rejected', 'unknown')\""
    )


def _list(directory: DataDirectory) -> None:
    table = TextTable()
    for heading in ("source", "lines so far", "what it is"):
        table.add_column(heading, overflow="fold")
    with Ledger(directory, system_clock) as ledger:
        for source in find_sources(directory):
            states_so_far = states(ledger.line_counts(source.name))
            table.add_row(source.name, states_so_far, source.description)
    print_table(table)
    show(f"Sources are the .sql files in {sources_folder(directory)}.")
    show(f"Examples to start from with --example: {', '.join(example_names())}.")


def states(lines: dict[str, int]) -> str:
    """Lines by state in words."""
    return ", ".join(f"{number:,} {state}" for state, number in lines.items()) or "nothing"


def _print_rebuilt(rebuilt: Rebuilt) -> None:
    if rebuilt.kept_aside is not None:
        show(f"The old ledger is kept as {rebuilt.kept_aside}")
    show(
        f"The import ledger was made again: {count(rebuilt.line_count, 'line')} "
        f"of {count(rebuilt.request_count, 'request')} may have been imported, and are not sent "
        "again. "
        "When the log days since then are in the model, `woopra-pipeline import --verify` finds "
        "out what happened to them."
    )


def _print_verdicts(verdicts: Sequence[Verdict]) -> None:
    in_part = [verdict for verdict in verdicts if verdict.finding == "partly"]
    for verdict in verdicts:
        batch = verdict.batch
        show(f"{batch.batch_id} ({batch.source}): {verdict.finding}, {verdict.reason}")
        if verdict.finding == "partly":
            for line in verdict.missing_lines[:LINES_SHOWN]:
                say(f"  missing: {line}")
    if not verdicts:
        show("No import waits for an answer")
    if in_part:
        raise click.ClickException(
            f"Of {count(len(in_part), 'import')} a part is missing: find out why, then settle it "
            "with --settle BATCH --as accepted or planned"
        )
