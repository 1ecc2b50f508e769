"""What a line that could not be read names: it has no fields, only texts that stand in it."""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

SHORTEST_WORD = 6
"""Shorter texts count only behind their key: `17` or `A` may be anything."""

_STRING = r'"((?:[^"\\]|\\.)*+)"'
_MEMBER = re.compile(rf"{_STRING}\s*+:\s*+(?:{_STRING}|(-?[0-9]++))", re.DOTALL)
_QUOTED = re.compile(_STRING, re.DOTALL)
_WORD = re.compile(r"""[^\s"'<>()\[\]{},;:=&?|\\]++""")


def named_in(text: str) -> Iterator[tuple[str | None, str]]:
    """The texts in a line that may name somebody, with the key in front of each, if there is one.

    These are strings and integers behind a key in quotes; and without a key, if they are not too
    short, all texts in quotes, and all words: what stands between spaces, quotes and punctuation
    other than `.`, `@`, `+`, `-`, `_`, `/`, `~` and `%`, as it is and with `%40` read as `@`.
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
