"""Where output goes: results to stdout, everything else to stderr, in plain lines."""

from collections.abc import Iterable
from datetime import date, timedelta

import click
from rich.console import Console
from rich.table import Table

WIDEST = 100_000


def say(text: str) -> None:
    """Tell what is going on, on stderr."""
    click.echo(text, err=True)


def say_error(text: str) -> None:
    """Say what went wrong, as one line on stderr."""
    click.secho(f"Error: {' '.join(text.split())}", err=True, fg="red")


def spans(log_days: Iterable[date]) -> str:
    """Log days in words: `2026-01-03, 2026-01-05 to 2026-01-09`."""
    stretches: list[tuple[date, date]] = []
    for log_day in sorted(log_days):
        if stretches and log_day - stretches[-1][1] == timedelta(days=1):
            stretches[-1] = (stretches[-1][0], log_day)
        else:
            stretches.append((log_day, log_day))
    return ", ".join(
        f"{first}" if first == last else f"{first} to {last}" for first, last in stretches
    )


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 log day`, `1,234 log days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_table(table: Table) -> None:
    """Print to stdout: within the width of a terminal, as wide as it is anywhere else."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
        console.width = console.measure(table).maximum
    console.print(table)
