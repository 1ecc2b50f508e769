"""Writes output: results to stdout, everything else to stderr, in plain lines.

No other module of the commands prints. Any output may have text that a visitor wrote. So control
characters are shown as escapes; they stay as they are only in values for a file or another program.
"""

import sys

import click
from rich import box
from rich.console import Console, RenderableType
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from woopra_pipeline.control_characters import visible

WIDEST = 100_000


def say(text: str) -> None:
    """Print a message about progress on stderr."""
    click.echo(visible(text, keep_lines=True), err=True)


def say_error(text: str) -> None:
    """Print an error as one line on stderr."""
    click.secho(f"Error: {visible(' '.join(text.split()))}", err=True, fg="red")


def show(text: str) -> None:
    """Print a result for people to read, on stdout."""
    click.echo(visible(text, keep_lines=True))


class ValueOutput:
    """Stdout for values. They are exact, unless a terminal shows them."""

    def __init__(self) -> None:
        self._shows = sys.stdout.isatty()

    def write(self, text: str) -> None:
        """Write a text as it is, or with escapes on a terminal."""
        sys.stdout.write(visible(text, keep_lines=True) if self._shows else text)


class TextTable(Table):
    """A table of texts. A cell is never read as markup, and its control characters are visible."""

    def __init__(self, title: str | None = None, *, is_left: bool = False) -> None:
        super().__init__(
            title=title, box=box.SIMPLE_HEAD, title_justify="left" if is_left else "center"
        )

    def add_row(
        self,
        *renderables: RenderableType | None,
        style: StyleType | None = None,
        end_section: bool = False,
    ) -> None:
        """Add the cells of a row: texts, or our own styled texts."""
        cells = (plain(cell) if isinstance(cell, str) else cell for cell in renderables)
        super().add_row(*cells, style=style, end_section=end_section)


def plain(text: str) -> Text:
    """A text as a cell or a heading of a table."""
    return Text(visible(text, keep_lines=True))


def fits(table: Table) -> bool:
    """Whether stdout is wide enough for a table to have each value on one line."""
    console = Console()
    if not console.is_terminal:
        return True
    unbounded = console.options.update(max_width=WIDEST)
    return console.measure(table, options=unbounded).maximum <= console.width


def print_table(table: Table) -> None:
    """Print to stdout: within the width of a terminal; elsewhere in full width."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
        console.width = console.measure(table).maximum
    console.print(table)
