"""Numbers and days in words, for every message of the project."""

from collections.abc import Iterable
from datetime import date, timedelta


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 log day`, `1,234 log days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
