"""Reads headers of an answer. Whatever a server writes there, these functions never raise.

Numbers have ASCII digits only. Python would also read signs, underscores and the digits of other
scripts, and refuses numbers of thousands of digits with an error.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_DIGITS = 18
"""So many digits always fit into a signed 64-bit integer; as bytes, that is an exabyte."""

LONGEST_WAIT = 10.0**12
"""The longest wait, in seconds, some thirty thousand years; it replaces every longer one."""

_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def whole_number(text: str) -> int | None:
    """The number in `text`, without spaces around it; None if it is no number or too large."""
    digits = text.strip(" \t")
    if not _DIGITS.fullmatch(digits):
        return None
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= MOST_DIGITS else None


def http_date(text: str) -> datetime | None:
    """The instant, in UTC, of an HTTP date; None if it is no date.

    The header `Date` and dates of `Retry-After` are read with it.
    """
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds, at least 0, that an answer asks to wait.

    None if it does not, or if they cannot be read.

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
