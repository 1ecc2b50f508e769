"""Keyed digests of the identifiers of persons, and of the values on their lines.

Without the key, nobody can test whether a digest belongs to a guessed address.
"""

import hashlib
import hmac
from collections.abc import Iterator

from woopra_pipeline.parse.pseudonyms import Pseudonyms

VALUE_DIGITS = 32
"""How many digits of the digest of a property are kept.

It is short, because there are many of them.
"""


def digest(key: bytes, name: str, value: str) -> str:
    """The keyed digest of a property: of its name, like `email`, and its value as text.

    Upper and lower case, and spaces around the value, make no difference.
    """
    message = f"{name}\0{value.strip().lower()}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256).hex()


class Digests:
    """The digests of properties under one key, with and without pseudonyms."""

    def __init__(self, key: bytes, pseudonyms: Pseudonyms | None = None) -> None:
        self._key = key
        self._pseudonyms = pseudonyms

    def of(self, name: str, value: str) -> Iterator[str]:
        """The digest of a property, and that of the pseudonym that replaces it in parsed days."""
        yield digest(self._key, name, value)
        if self._pseudonyms is not None and name in self._pseudonyms.names:
            yield digest(self._key, name, self._pseudonyms.digest(value))
