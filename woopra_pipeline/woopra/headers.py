"""Headers of an answer read: whatever a server writes there, these return or say None.

Numbers are ASCII digits only. Python would also read signs, underscores and the digits of other
scripts, and refuses numbers of thousands of digits with an error.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_DIGITS = 18
"""What fits a signed 64-bit integer whatever the digits are; in bytes, an exabyte."""

LONGEST_WAIT = 10.0**12
"""Seconds that stand for every longer wait: some thirty thousand years."""

_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def whole_number(text: str) -> int | None:
    """The number that `text` is, spaces around it aside; None if it is none or beyond all use."""
    digits = text.strip(" \t")
    if not _DIGITS.fullmatch(digits):
        return None
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= MOST_DIGITS else None


def http_date(text: str) -> datetime | None:
    """The instant, in UTC, that a date of HTTP names; None if it names none.

    The header `Date` and dates of `Retry-After` are read with it.
    """
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds, at least 0, that an answer asks to wait; None if it does not, or illegibly.

    `headers` are by lower-case name. No more than `LONGEST_WAIT`.
    """
    text = headers.get("retry-after", "").strip(" \t")
    if _DIGITS.fullmatch(text):
        seconds = whole_number(text)
        return LONGEST_WAIT if seconds is None else min(float(seconds), LONGEST_WAIT)
    until = http_date(text)
    return None if until is None else max((until - now).total_seconds(), 0.0)


def content_encodings(text: str) -> list[str]:
    """The encodings of `Content-Encoding`, in the order they were applied, `identity` left out.

    In lower case, `x-gzip` as `gzip`.
    """
    names = (name.strip().lower() for name in text.split(","))
    return [
        name.removeprefix("x-") if name == "x-gzip" else name
        for name in names
        if name not in {"", "identity"}
    ]
