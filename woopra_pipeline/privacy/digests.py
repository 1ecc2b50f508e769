"""Keyed digests of what persons were known by, and of what their lines said.

Nobody can tell from a digest, without the key, whether it is that of a guessed address.
"""

import hashlib
import hmac
from collections.abc import Iterator

from woopra_pipeline.parse.pseudonyms import Pseudonyms

VALUE_DIGITS = 32
"""How many digits are kept of the digest of a property: there are many of them."""


def digest(key: bytes, name: str, value: str) -> str:
    """The keyed digest of a property: of its name, like `email`, and its value as text.

    Capitals and spaces around the value make no difference.
    """
    message = f"{name}\0{value.strip().lower()}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256).hex()


class Digests:
    """The digests of properties under one key, whether pseudonyms stand for them or not."""

    def __init__(self, key: bytes, pseudonyms: Pseudonyms | None = None) -> None:
        self._key = key
        self._pseudonyms = pseudonyms

    def of(self, name: str, value: str) -> Iterator[str]:
        """The digest of a property, and that of what stands for it where days are parsed."""
        yield digest(self._key, name, value)
        if self._pseudonyms is not None and name in self._pseudonyms.names:
            yield digest(self._key, name, self._pseudonyms.digest(value))
