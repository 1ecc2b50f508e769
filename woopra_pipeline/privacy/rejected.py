"""Which persons a line names that could not be read: it has no fields, only texts."""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

SHORTEST_WORD = 6
"""Shorter texts count only after their key: `17` or `A` may be anything."""

_STRING = r'"((?:[^"\\]|\\.)*+)"'
_MEMBER = re.compile(rf"{_STRING}\s*+:\s*+(?:{_STRING}|(-?[0-9]++))", re.DOTALL)
_QUOTED = re.compile(_STRING, re.DOTALL)
_WORD = re.compile(r"""[^\s"'<>()\[\]{},;:=&?|\\]++""")


def named_in(text: str) -> Iterator[tuple[str | None, str]]:
    """The texts in a line that may name somebody, each with the key before it, if there is one.

    These are strings and integers after a key in quotes. If they are not too short, they are also
    all texts in quotes and all words, without a key. A word is the text between spaces, quotes and
    punctuation other than `.`, `@`, `+`, `-`, `_`, `/`, `~` and `%`, as it is and with `%40` read
    as `@`.
    """
    for key, string, number in _MEMBER.findall(text):
        yield _unescaped(key), number or _unescaped(string)
    texts = {_unescaped(quoted) for quoted in _QUOTED.findall(text)}
    for word in _WORD.findall(text):
        texts |= {word, unquote(word)}
    for some in texts:
        if len(some.strip()) >= SHORTEST_WORD:
            yield None, some


def _unescaped(quoted: str) -> str:
    try:
        return str(json.loads(f'"{quoted}"', strict=False))
    except ValueError:
        return quoted
