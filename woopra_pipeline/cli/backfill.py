"""`woopra-pipeline backfill`: fetches, parses and models log days."""

import importlib
import os
from datetime import date, timedelta
from types import ModuleType

import click

from woopra_pipeline.cli.terminal import say, show
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.woopra.log_days import end_of_log_day, log_day_at, log_day_from_text
from woopra_pipeline.wording import count, spans

START_DATE_VARIABLE = "WOOPRA_START_DATE"


@click.command("backfill")
@click.argument("first", metavar="FROM")
@click.argument("last", metavar="TO")
@click.option(
    "--accept-shorter",
    is_flag=True,
    help="Let a file with fewer readable lines than the archived one become current too.",
)
def command(*, first: str, last: str, accept_shorter: bool) -> None:
    """Fetch, parse and model every log day from FROM to TO, both included.

    Log days are written YYYY-MM-DD and end at midnight in Los Angeles. A day is always fetched
    again. If the file is the same, nothing changes. If it differs, it becomes current. A file
    with fewer readable lines than the archived one is held back, and its day fails. If a day
    fails, the others go on, and the command ends with an error. TO must be over.
    """
    first_day, last_day = log_day_from_text(first), log_day_from_text(last)
    require_closed(first_day, last_day, system_clock)
    directory = DataDirectory.from_environment()
    bad = backfill(directory, first_day, last_day, accept_shorter=accept_shorter)
    days = (last_day - first_day).days + 1
    if bad:
        raise click.ClickException(
            f"{len(bad):,} of {count(days, 'log day')} failed: {spans(bad)}. Correct the cause "
            "that is named above, then run `woopra-pipeline backfill` for these days"
        )
    with connect_published(directory) as connection:
        profiles, visits, actions = connection.execute(
            "select count(*), sum(visit_count)::bigint, sum(action_count)::bigint from profiles"
        ).fetchall()[0]
    show(
        f"{count(days, 'log day')} in the model, which now has {count(profiles, 'profile')}, "
        f"{count(visits or 0, 'visit')} and {count(actions or 0, 'action')}"
    )


def require_closed(first: date, last: date, clock: Clock) -> None:
    """Raise `ConfigurationError` unless `first` to `last` are log days that have ended."""
    if first > last:
        raise ConfigurationError(f"FROM ({first}) is later than TO ({last}): swap them")
    today = log_day_at(clock())
    if last >= today:
        raise ConfigurationError(
            f"Log day {last} is not over: its file is complete from "
            f"{end_of_log_day(last):%Y-%m-%d %H:%M} UTC on; "
            f"the last complete day is {today - timedelta(days=1)}"
        )


def backfill(
    directory: DataDirectory, first: date, last: date, *, accept_shorter: bool = False
) -> dict[date, str]:
    """Fetch, parse and model log days; returns the reason for each day that failed.

    Raises `ConfigurationError` if the partitions begin after `first`.
    """
    runs = import_with_partitions_from(first, "woopra_pipeline.cli.runs")
    bad: dict[date, str] = runs.take_to_model(directory, first, last, accept_shorter=accept_shorter)
    return bad


def check_start_date() -> None:
    """Raise `ConfigurationError` if the variable for the first partition is not a day."""
    configured = os.environ.get(START_DATE_VARIABLE)
    if configured:
        _start_date(configured)


def _start_date(configured: str) -> date:
    try:
        return log_day_from_text(configured)
    except ConfigurationError as error:
        raise ConfigurationError(f"{START_DATE_VARIABLE}: {error}") from None


def import_with_partitions_from(first: date, module: str) -> ModuleType:
    """Import a module that fixes where the partitions begin: at `first`, or before.

    Raises `ConfigurationError` if they begin after it.
    """
    configured = os.environ.get(START_DATE_VARIABLE)
    if configured and _start_date(configured) > first:
        raise ConfigurationError(
            f"{first} lies before {START_DATE_VARIABLE} ({configured}): set "
            f"{START_DATE_VARIABLE}={first}, or leave it unset"
        )
    os.environ[START_DATE_VARIABLE] = configured or str(first)
    runs = importlib.import_module(module)
    if not configured and str(first) < runs.START_DATE:
        say(f"Set {START_DATE_VARIABLE}={first} to see the days before {runs.START_DATE} in the UI")
    return runs
