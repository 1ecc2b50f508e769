r"""Cleans texts from outside before they are shown or kept: the only module that does so.

A server may repeat the request it was sent, in a body, in a header, in a reason phrase, or in bytes
that are no HTTP at all; the exceptions of the HTTP library repeat them. So no such text gets into a
message, an exception, a log, a manifest or the ledger before `OutsideText` has cleaned it.

Credentials are found in every notation: both they and the text are first changed to one plain form.
In that form, escapes are resolved (`%2F`, `\/`, `\u002f`, `\x2f`, `&#47;`, also one within
another), letters are lower case, both alphabets of base64 are the same, and spaces, line breaks and
signs that differ between notations are left out.
"""

import logging
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from woopra_pipeline.control_characters import visible

LONGEST_SENTENCE = 300
LONGEST_HEADER = 500
LONGEST_LOG_LINE = 2_000

SHORTEST_PART, LONGEST_PART = 4, 8
"""How many characters in a row reveal a credential, for a short one and for a long one.

A text may have been cut anywhere. Of a credential of 64 characters, at most 7 can stay.
"""

HTTP_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

PADDING = "="
"""Padding at the end of base64."""

_ESCAPE = re.compile(
    r"(?:%|\\x|&#x)(?P<hexadecimal>[0-9a-f]{2});?"
    r"|\\u(?P<unicode>[0-9a-f]{4})"
    r"|&#(?P<decimal>[0-9]{2,3});"
    r"|&(?P<entity>amp|lt|gt|quot|apos);"
    r"|\\(?P<control>[abfnrtv])"
    r"|\\(?P<character>[^0-9a-z])",
    re.IGNORECASE,
)
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_MOST_NESTED = 5
_PLAIN = {
    chr(code): chr(code).lower().replace("_", "/")
    for code in range(0x21, 0x7F)
    if chr(code) not in "+-="
}


class OutsideText:
    """Cleans texts of the credentials of one app, of control characters, and of excess length."""

    def __init__(self, app_id: str, secret_key: str) -> None:
        """Either may be empty: then it is not searched for."""
        pair = f"{app_id}:{secret_key}"
        self._exact = (pair, secret_key) if secret_key else ()
        self._parts: dict[int, set[str]] = {}
        if secret_key:
            for notation in _notations(pair, secret_key):
                self._search_for(_plain(notation)[0])

    def _search_for(self, credential: str) -> None:
        if len(credential) < SHORTEST_PART:
            return
        length = max(SHORTEST_PART, min(LONGEST_PART, len(credential) // 2))
        parts = self._parts.setdefault(length, set())
        parts.update(
            credential[start : start + length] for start in range(len(credential) - length + 1)
        )

    def sentence(self, text: object, longest: int = LONGEST_SENTENCE) -> str:
        """`text` as part of one line, without credentials and control characters."""
        return visible(" ".join(self.without_credentials(str(text)).split()))[:longest]

    def lines(self, text: str, longest: int) -> str:
        """`text` with its lines as they are, without credentials and other control characters."""
        cleaned = self.without_credentials(text).replace("\r\n", "\n")
        return visible(cleaned, keep_lines=True)[:longest]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with clean names and values, names in lower case."""
        return {
            self.sentence(name, LONGEST_HEADER).lower(): self.sentence(value, LONGEST_HEADER)
            for name, value in headers.items()
        }

    def without_credentials(self, text: str) -> str:
        """`text` with … in place of credentials, in any notation, whole or in part."""
        for credential in self._exact:
            text = text.replace(credential, "…")
        plain, starts, ends = _plain(text)
        cleaned: list[str] = []
        shown_to = 0
        for first, last in self._found(plain):
            cleaned += (text[shown_to : starts[first]], "…")
            shown_to = ends[last]
            while text.startswith(PADDING, shown_to):
                shown_to += 1
        return "".join([*cleaned, text[shown_to:]])

    def _found(self, plain: str) -> Iterator[tuple[int, int]]:
        """The places of credentials in `plain`: the first and the last character of each."""
        belongs = bytearray(len(plain))
        for length, parts in self._parts.items():
            for start in range(len(plain) - length + 1):
                if plain[start : start + length] in parts:
                    belongs[start : start + length] = b"\1" * length
        for stretch in re.finditer(rb"\x01+", belongs):
            yield stretch.start(), stretch.end() - 1


@contextmanager
def clean_http_logs(outside_text: OutsideText) -> Iterator[None]:
    """Clean the log of the HTTP library, which repeats headers, while the block runs."""

    def clean(record: logging.LogRecord) -> bool:
        record.msg = outside_text.sentence(record.getMessage(), LONGEST_LOG_LINE)
        record.args = ()
        return True

    loggers = [logging.getLogger(name) for name in HTTP_LOGGERS]
    for logger in loggers:
        logger.addFilter(clean)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(clean)


def _notations(pair: str, secret_key: str) -> Iterator[str]:
    yield from (pair, secret_key, b64encode(pair.encode()).decode())
    secret = secret_key.encode()
    yield secret.hex()
    # Within longer base64 a text begins at any of three places, and shares its first and last
    # character with its neighbours.
    for place, shared in enumerate((0, 2, 3)):
        encoded = b64encode(bytes(place) + secret).decode().rstrip("=")
        yield encoded[shared : len(encoded) - bool((place + len(secret)) % 3)]


def _plain(text: str) -> tuple[str, list[int], list[int]]:
    """The plain form of `text`, and where in it each of its characters begins and ends."""
    starts = [place for place, character in enumerate(text) if "!" <= character <= "~"]
    ends = [place + 1 for place in starts]
    text = "".join(text[place] for place in starts)
    for _ in range(_MOST_NESTED):
        if not _ESCAPE.search(text):
            break
        text, starts, ends = _unescaped(text, starts, ends)
    kept = [place for place, character in enumerate(text) if character in _PLAIN]
    return (
        "".join(_PLAIN[text[place]] for place in kept),
        [starts[place] for place in kept],
        [ends[place] for place in kept],
    )


def _unescaped(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    characters: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    position = 0
    for escape in _ESCAPE.finditer(text):
        first, end = escape.span()
        characters.append(text[position:first])
        new_starts += starts[position:first]
        new_ends += ends[position:first]
        characters.append(_meaning(escape))
        new_starts.append(starts[first])
        new_ends.append(ends[end - 1])
        position = end
    characters.append(text[position:])
    return (
        "".join(characters),
        new_starts + starts[position:],
        new_ends + ends[position:],
    )


def _meaning(escape: re.Match[str]) -> str:
    """The character that an escape means."""
    if number := escape["hexadecimal"] or escape["unicode"]:
        return chr(int(number, 16))
    if escape["decimal"]:
        return chr(int(escape["decimal"]))
    if escape["entity"]:
        return _ENTITIES[escape["entity"].lower()]
    return escape["character"] or " "
