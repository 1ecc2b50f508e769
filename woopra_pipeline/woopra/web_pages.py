"""Finds web pages in place of a log, such as those of proxies when a service is down.

A page may come in place of a file, or after a part of it, in the middle of a line. Lines of a log
are JSON and may contain HTML. So only text that is no JSON counts as a page.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator

LONGEST_JUDGED_LINE = 64 << 20
"""How many bytes at the start of a line are searched for a page."""

_PAGE = re.compile(rb"<(?:!doctype\s|\?xml\s|(?:html|head|body)[\s>])", re.IGNORECASE)


class WebPageError(Exception):
    """The answer is a web page."""


def without_web_page(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """`chunks` as they are; raises `WebPageError` at the latest after the last one.

    A body that begins with `<` is a page. Later, a line that is no JSON is a page if it contains
    the beginning of HTML or XML.
    """
    has_begun = False
    line: list[bytes] = []
    length = 0
    for chunk in chunks:
        if not has_begun:
            start = chunk.removeprefix(BOM_UTF8).lstrip()
            if start.startswith(b"<"):
                raise WebPageError
            has_begun = bool(start)
        end = chunk.rfind(b"\n") + 1
        if end:
            _require_no_page(b"".join([*line, memoryview(chunk)[:end]]))
            line, length = [], 0
        if length < LONGEST_JUDGED_LINE:
            line.append(chunk[end:])
            length += len(line[-1])
        yield chunk
    _require_no_page(b"".join(line))


def _require_no_page(lines: bytes) -> None:
    end = 0
    while found := _PAGE.search(lines, end):
        start = lines.rfind(b"\n", 0, found.start()) + 1
        end = lines.find(b"\n", found.start()) + 1 or len(lines)
        if not _is_json(lines[start:end]):
            raise WebPageError


def _is_json(line: bytes) -> bool:
    """Whether the line can be taken for JSON, strict or not."""
    try:
        json.loads(line.decode("utf-8", "replace"), strict=False)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True
