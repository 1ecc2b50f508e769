"""Types of options and arguments. A wrong value is refused with a message."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from woopra_pipeline.control_characters import is_utf8
from woopra_pipeline.woopra.log_days import EARLIEST_LOG_DAY, LATEST_LOG_DAY

BATCH = click.IntRange(1, 2**63 - 1)
"""The number of an import batch: an integer that SQLite can have."""


class FiniteRange(click.FloatRange):
    """A number within bounds, and not NaN, which passes any comparison with bounds."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; fails if it is not a number or is outside of the bounds."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Instant(click.DateTime):
    """A date and time within the days that a log may have."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The instant, without a time zone.

        Fails if it is not one or is outside of the calendar.
        """
        instant: datetime = super().convert(value, param, ctx)
        if not EARLIEST_LOG_DAY < instant.date() < LATEST_LOG_DAY:
            self.fail(f"{value} is not in the range of years that can be used.", param, ctx)
        return instant


def refuse_illegible(arguments: Sequence[str]) -> None:
    """Fail if an argument is not text: bytes that are no UTF-8, or a NUL character."""
    for argument in arguments:
        if not is_utf8(argument):
            raise click.UsageError(f"The argument {argument!r} is not UTF-8: type it again")
        if "\0" in argument:
            raise click.UsageError(
                f"The argument {argument!r} has a NUL character in it: leave it out"
            )
