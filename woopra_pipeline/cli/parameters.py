"""Kinds of options and arguments: what is typed is taken, or refused with a sentence."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from woopra_pipeline.control_characters import is_utf8
from woopra_pipeline.woopra.log_days import EARLIEST_LOG_DAY, LATEST_LOG_DAY

BATCH = click.IntRange(1, 2**63 - 1)
"""The number of an import batch: what SQLite can count to."""


class FiniteRange(click.FloatRange):
    """A number within bounds; not NaN, which is below and above nothing."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; fails if it is none or lies outside of the bounds."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Instant(click.DateTime):
    """A date and time within the days that a log may have."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The instant, without a zone; fails if it is none or lies outside of the calendar."""
        instant: datetime = super().convert(value, param, ctx)
        if not EARLIEST_LOG_DAY < instant.date() < LATEST_LOG_DAY:
            self.fail(f"{value} lies outside of all calendars.", param, ctx)
        return instant


def refuse_illegible(arguments: Sequence[str]) -> None:
    """Fail if an argument is not text: bytes that are no UTF-8, or a NUL character."""
    for argument in arguments:
        if not is_utf8(argument):
            raise click.UsageError(f"The argument {argument!r} is not UTF-8: type it again")
        if "\0" in argument:
            raise click.UsageError(f"The argument {argument!r} holds a NUL character: leave it out")
