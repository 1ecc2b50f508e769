"""The only clock: all code that needs the time calls a `Clock` that it was given.

Tests freeze it, and the sandbox lets it run fast. Nothing else in the package calls `datetime.now`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Returns the current instant as an aware datetime in UTC."""


def system_clock() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def frozen_clock(instant: datetime) -> Clock:
    """A clock that always says `instant`, which must be an aware datetime."""
    if instant.tzinfo is None:
        raise ValueError("a clock needs an aware datetime")
    frozen = instant.astimezone(UTC)
    return lambda: frozen
