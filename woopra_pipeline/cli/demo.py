"""`woopra-pipeline demo`: models some weeks of the sandbox, and compares them with the truth."""

import importlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click
import duckdb
import orjson

from woopra_pipeline.cli.backfill import START_DATE_VARIABLE, backfill
from woopra_pipeline.cli.demo_import import import_orders, print_proof
from woopra_pipeline.cli.progress import at_work
from woopra_pipeline.cli.terminal import TextTable, print_table, show
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, ModelError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.report.page import REPORT_NAME
from woopra_pipeline.sandbox import Sandbox, Truth
from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline.wording import count, spans

DAYS = 28


@click.command("demo")
def command() -> None:
    """Build the model of four weeks of the embedded sandbox, and compare it with the truth.

    The sandbox is a small Woopra of its own, so nothing is sent anywhere. The demo also imports
    some lines, and finds them in the log.
    """
    if os.environ.get("WOOPRA_PROJECT"):
        raise ConfigurationError(
            "The demo shows the embedded sandbox, but WOOPRA_PROJECT is set: unset it for the "
            "demo, or use `woopra-pipeline backfill` for your project"
        )
    os.environ.pop(START_DATE_VARIABLE, None)
    directory = DataDirectory.from_environment()
    sandbox = Sandbox(directory.sandbox)
    first = sandbox.settings.first_day
    last = first + timedelta(days=DAYS - 1)
    with at_work(f"making {count(DAYS, 'log day')} of the sandbox, and importing into it"):
        imports = import_orders(directory, last)
    bad = backfill(directory, first, last)
    if bad:
        raise click.ClickException(f"{spans(bad)} failed: run the demo again")
    with connect_published(directory) as connection:
        _print_counts(connection)
        with at_work("comparing the model with what really happened in the sandbox"):
            verdict = _verdict(connection, sandbox)
        show(verdict)
        verdicts = print_proof(directory)
        show(f"The report, to open in a browser: {directory.reports / REPORT_NAME}")
        _print_what_next(connection)
    importlib.import_module("woopra_pipeline.cli.runs").record(directory, imports, verdicts)


def _print_counts(connection: duckdb.DuckDBPyConnection) -> None:
    days, visit_lines, action_rows = _row(
        connection,
        "select count(*), sum(visit_count)::bigint, sum(action_count)::bigint from log_days",
    )
    pids, merges = _row(
        connection,
        "select (from pid_aliases select count(*)), (from profile_merges select count(*))",
    )
    people, visits, actions = _row(
        connection,
        "select (from profiles select count(*)), (from visits select count(*)), "
        "(from actions select count(*))",
    )
    table = TextTable(f"{count(days, 'log day')} of the sandbox")
    table.add_column("")
    table.add_column("counting what was logged", justify="right")
    table.add_column("the model", justify="right", style="bold")
    table.add_row("people", f"{pids:,}", f"{people:,}")
    table.add_row("visits", f"{visit_lines:,}", f"{visits:,}")
    table.add_row("actions", f"{action_rows:,}", f"{actions:,}")
    table.caption = f"{count(merges, 'delete line')} merged profiles or removed them"
    print_table(table)


def _verdict(connection: duckdb.DuckDBPyConnection, sandbox: Sandbox) -> str:
    """Compare the model with the sandbox's own truth; raise `ModelError` if they differ."""
    log_days = [
        row[0]
        for row in connection.execute("select log_day from log_days order by log_day").fetchall()
    ]
    whole = list(log_days_between(sandbox.settings.first_day, log_days[-1]))
    if log_days != whole:
        return "The model has gaps, so it is not compared with what really happened."
    wrong = list(differences(connection, sandbox.truth(log_days[-1])))
    if wrong:
        raise ModelError(f"The model differs from what really happened: {', '.join(wrong)}")
    return (
        "Compared with what really happened in the sandbox, row by row: every profile with its\n"
        "properties, every visit, every action and every merge is correct."
    )


def differences(connection: duckdb.DuckDBPyConnection, truth: Truth) -> Iterator[str]:
    """The differences between the published model and `truth`, each in a few words."""
    connection.register("true_visits", truth.visits)
    for name, true_rows, rows in (
        (
            "visits",
            "select pid, started_at from true_visits",
            "select pid, epoch_ms(started_at) from visits",
        ),
        (
            "actions",
            "select pid, action.time, action.name "
            "from (select pid, unnest(actions) as action from true_visits)",
            "select pid, epoch_ms(occurred_at), name from actions",
        ),
    ):
        (number,) = _row(
            connection,
            f"select (select count(*) from ({true_rows} except all {rows})) + "
            f"(select count(*) from ({rows} except all {true_rows}))",
        )
        if number:
            yield f"{number:,} {name}"
    profiles = connection.execute("select pid, properties from profiles").fetchall()
    properties = {pid: orjson.loads(text) for pid, text in profiles}
    if properties != truth.profiles:
        yield "profiles or their properties"
    ends = connection.execute(
        "select distinct on (from_pid) from_pid, canonical_pid from profile_merges "
        "order by from_pid, log_day desc, log_line desc"
    ).fetchall()
    if dict(ends) != truth.canonical_pids:
        yield "merges"


def _print_what_next(connection: duckdb.DuckDBPyConnection) -> None:
    (pid,) = _row(
        connection,
        "select pid from pid_aliases where canonical_pid is not null "
        "order by hops desc, pid limit 1",
    )
    show(
        f"""
Try next:
  woopra-pipeline query "select name, count(*) from actions group by all order by 2 desc"
  woopra-pipeline explain {pid}
  woopra-pipeline import --list
  woopra-pipeline ui"""
    )


def _row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(sql).fetchall()[0]
    return row
