"""Strict JSON (RFC 8259) taken apart without changing it: a value stays the text it was written as.

Numbers of any length and nesting of any depth come out as they went in; only the insignificant
white space goes. Python's `json` cannot be asked for this: it reads NaN, turns 1.50 into 1.5,
refuses integers above 4,300 digits and nesting beyond what is left of the call stack.
"""

import json
import re
from collections.abc import Iterator, Mapping

_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR = rf"{_STRING}|{_NUMBER}|true|false|null"


def _next(tokens: str) -> re.Pattern[str]:
    return re.compile(rf"[ \t\n\r]*+({tokens})")


_VALUE = _next(rf"{_SCALAR}|[\[{{]")
_VALUE_OR_END = _next(rf"{_SCALAR}|[\[{{\]]")
_NAME = _next(_STRING)
_NAME_OR_END = _next(rf"{_STRING}|\}}")
_COLON = _next(":")
_COMMA_OR_END = {"[": _next(r"[,\]]"), "{": _next(r"[,}]")}
_END_OF_TEXT = _next(r"\Z")

_STRING_OR_MARK = re.compile(rf"{_STRING}|[\[\]{{}},]")
_STRING_TOKEN = re.compile(_STRING)

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|.)",
    re.DOTALL,
)


class NotStrictJSONError(ValueError):
    """The text is not one JSON value by RFC 8259."""


def replace_lone_surrogates(text: str) -> str:
    r"""JSON `text` with U+FFFD for every escape of half a surrogate pair (`\ud800` alone)."""
    if "\\u" not in text:
        return text
    return _ESCAPE.sub(lambda escape: "\ufffd" if escape["lone"] else escape[0], text)


def compact(text: str) -> str:
    """The one JSON value in `text`, without insignificant white space.

    Raises `NotStrictJSONError`.
    """
    _refuse_what_is_no_json(text)
    pieces = []
    opened: list[str] = []
    position = 0
    expected = _VALUE
    while True:
        match = expected.match(text, position)
        if match is None:
            raise NotStrictJSONError(f"not strict JSON at character {position}")
        position = match.end()
        token = match[1]
        pieces.append(token)
        if token == "[":
            opened.append(token)
            expected = _VALUE_OR_END
        elif token == "{":
            opened.append(token)
            expected = _NAME_OR_END
        elif token == ",":
            expected = _NAME if opened[-1] == "{" else _VALUE
        elif token == ":":
            expected = _VALUE
        elif token != "}" and (expected is _NAME or expected is _NAME_OR_END):
            expected = _COLON
        elif expected is _END_OF_TEXT:
            return "".join(pieces)
        else:
            if token in ("]", "}"):
                opened.pop()
            expected = _COMMA_OR_END[opened[-1]] if opened else _END_OF_TEXT


def _refuse_what_is_no_json(text: str) -> None:
    """Raise `NotStrictJSONError` for most of what is none; the parser in C tells ten times sooner.

    It takes all that is strict, and more, but for what is too long or too deep for it.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise NotStrictJSONError(str(error)) from None
    except (RecursionError, ValueError):
        return


def object_members(text: str) -> dict[str, str]:
    """The names and values of the object that the compact JSON `text` is; the last of a name wins.

    A name keeps its first place. Values are compact JSON texts.
    """
    members = {}
    for member in _items(text):
        name = _STRING_TOKEN.match(member)
        assert name is not None
        members[string_value(name[0])] = member[name.end() + 1 :]
    return members


def array_elements(text: str) -> list[str]:
    """The elements, as compact JSON texts, of the array that the compact JSON `text` is."""
    return list(_items(text))


def object_text(members: Mapping[str, str]) -> str:
    """Compact JSON of the object with these names and values (JSON texts), in their order."""
    return "{" + ",".join(f"{string_text(name)}:{text}" for name, text in members.items()) + "}"


def string_value(text: str) -> str:
    """The string that the JSON string `text` means."""
    if "\\" not in text:
        return text[1:-1]
    value: str = json.loads(text)
    return value


def string_text(value: str) -> str:
    """The JSON string that stands for `value`, with no more escapes than JSON demands."""
    return json.dumps(value, ensure_ascii=False)


def _items(text: str) -> Iterator[str]:
    start = 1
    depth = 0
    for match in _STRING_OR_MARK.finditer(text):
        mark = match[0]
        if mark in ("[", "{"):
            depth += 1
        elif mark in ("]", "}"):
            depth -= 1
        if depth == 0 or (depth == 1 and mark == ","):
            if start < match.start():
                yield text[start : match.start()]
            start = match.end()
