"""Judges an answer with status 2xx: either the import was accepted, or that is not certain.

Woopra's answers are not documented, so no particular content is required. An answer is doubted if
it cannot come from a service that accepted everything:

202, 206, 207       not done yet, done in part, or different for each line
a page              markup (HTML, XML) in the body, or a body said to be HTML that is no JSON
an error in JSON    see `_error_in`

Every other answer counts as accepted: 200, 201, and 203 (a 200 that a proxy has changed, so its
body is checked too); 204 and 205, which have no body; and empty or plain-text bodies.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from pydantic_core import from_json

NOT_ALL_DONE = {
    HTTPStatus.ACCEPTED: "which means that it is not done yet",
    HTTPStatus.PARTIAL_CONTENT: "which means a part only",
    HTTPStatus.MULTI_STATUS: "which means that the lines had different results",
}

PROBLEMS = {
    "error",
    "errors",
    "errorcode",
    "errormessage",
    "errormessages",
    "errordescription",
    "exception",
    "fault",
    "failed",
    "failure",
    "failures",
    "rejected",
}
"""Members that name an error by any value but null, false, 0, or an empty one."""

SUCCESSES = {"success", "succeeded", "successful", "ok"}
"""Members that name an error by the value false, 0 or "false"."""

STATES = {"status", "state", "result", "outcome", "type", "code", "statuscode", "httpstatus"}
"""Members that name an error by false, by one of `BAD_STATES`, or by an HTTP status from 400 on."""

BAD_STATES = {
    "error",
    "errors",
    "exception",
    "fail",
    "failed",
    "failure",
    "fault",
    "false",
    "denied",
    "forbidden",
    "invalid",
    "rejected",
    "unauthorized",
}
HTTP_ERRORS = range(400, 600)
_HTTP_ERROR_TEXTS = set(map(str, HTTP_ERRORS))

WRAPPERS = {"response", "result", "results", "data"}
"""Members whose objects are searched too."""

NOTHING = {"", "0", "false", "none", "null"}
"""Texts that do not count as an error."""

_BEFORE_TEXT = " \t\r\n\f\v\0\ufeff\ufffd"
"""White space and byte order marks, also those of UTF-16, which are not UTF-8."""
_HTML = re.compile(
    r"<(!doctype\s+html|html|head|body|title|meta|script|style|center|div|p|h1)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Doubt:
    """Why it is not certain that an import was accepted."""

    reason: str
    looks_like_a_proxy: bool = False
    """Whether something between here and the service has answered in its place."""


def doubt_about(status: int, headers: Mapping[str, str], body: str) -> Doubt | None:
    """Why an answer with a 2xx does not mean that all lines were accepted; None if it does.

    `headers` are by lower-case name; `body` may be cut off at its end.
    """
    if status in NOT_ALL_DONE:
        return Doubt(f"it answered with status {status}, {NOT_ALL_DONE[HTTPStatus(status)]}")
    text = body.lstrip(_BEFORE_TEXT)
    if text.startswith("<"):
        what = "a web page" if _HTML.match(_without_prologue(text)) else "XML"
        return Doubt(f"it answered with {what} (status {status})", looks_like_a_proxy=True)
    content = _json(text)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content is None and text and kind in {"text/html", "application/xhtml+xml"}:
        return Doubt(f"it answered with a web page (status {status})", looks_like_a_proxy=True)
    error = next(_errors(content), None)
    return Doubt(f"it answered with an error (status {status}, {error})") if error else None


def _without_prologue(text: str) -> str:
    """Markup without the comments and the XML declaration that it begins with."""
    while text.startswith(("<!--", "<?")):
        end = "-->" if text.startswith("<!--") else "?>"
        text = text.partition(end)[2].lstrip(_BEFORE_TEXT)
    return text


def _json(text: str) -> object:
    """The object or array in a text, as far as it goes; None if it is no such JSON."""
    if not text.startswith(("{", "[")):
        return None
    try:
        content: object = from_json(text.rstrip("\0"), allow_partial=True)
    except ValueError:
        return None
    return content


def _errors(content: object) -> Iterator[str]:
    """The members that name an error, in an object, or in the objects of an array."""
    for item in content if isinstance(content, list) else [content]:
        if not isinstance(item, dict):
            continue
        for name, value in item.items():
            if _is_error(re.sub("[^a-z]", "", name.lower()), value):
                yield name
            if name.lower() in WRAPPERS and isinstance(value, dict | list):
                yield from _errors(value)


def _is_error(name: str, value: object) -> bool:
    word = value.strip().lower() if isinstance(value, str) else value
    if name in PROBLEMS:
        return word not in NOTHING if isinstance(word, str) else bool(word)
    if name in SUCCESSES:
        return word in ("false", False)
    if name in STATES:
        if isinstance(word, str):
            return word in BAD_STATES or word in _HTTP_ERROR_TEXTS
        return word is False or (isinstance(word, int) and word in HTTP_ERRORS)
    return False
