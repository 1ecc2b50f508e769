"""Web pages where a log should be: what proxies say of a service that is down.

A page may come in the place of a file, or after a part of it, in the middle of a line. Lines of a
log are JSON and may well speak of HTML; so only what is no JSON is taken for a page.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator

LONGEST_JUDGED_LINE = 64 << 20
"""A page is looked for in the first so many bytes of a line."""

_PAGE = re.compile(rb"<(?:!doctype\s|\?xml\s|(?:html|head|body)[\s>])", re.IGNORECASE)


class WebPageError(Exception):
    """What comes is a web page."""


def without_web_page(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """`chunks` as they are; raises `WebPageError` at the latest when all have passed.

    What begins with `<` is a page; behind that, what begins like HTML or XML in a line that is
    no JSON.
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
