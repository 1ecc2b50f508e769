"""Names and addresses replaced by keyed digests while a day is parsed, if a setting names them.

Equal values have equal digests everywhere, so joins still work. Without the key nobody can find out
the values. The raw files stay as they came.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import msgspec

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.parse.json_text import (
    NotStrictJSONError,
    array_elements,
    compact,
    object_members,
    object_text,
    replace_lone_surrogates,
    string_text,
    string_value,
)
from woopra_pipeline.parse.lines import REFERRER_KEY
from woopra_pipeline.replacing import replacing

PSEUDONYMS_VARIABLE = "WOOPRA_PSEUDONYMS"
KEY_FILE_VARIABLE = "WOOPRA_PSEUDONYM_KEY_FILE"
KEY_NAME = "pseudonyms.key"
KEY_BYTES = 32
MARK = "~"
DIGITS = 32

_OF_LINES = {"type", "pid", "new_id", "time", "method", "visitor", "actions", REFERRER_KEY}
_OF_ACTIONS = {"name", "time", "properties"}
"""What tells what a line is; no setting replaces it."""


class Pseudonyms(msgspec.Struct, frozen=True, dict=True):
    """What is replaced: the names of properties and fields, and where the key of the digests is.

    The key itself is read where it is used, so that it is in no text that says what is to be done.
    """

    names: tuple[str, ...]
    key_file: str

    @cached_property
    def key(self) -> bytes:
        """The key; raises `ConfigurationError` if it is no secret of the owner's."""
        path = Path(self.key_file)
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise ConfigurationError(
                    f"Other users than its owner can read {path}, the key of pseudonyms: "
                    f"run `chmod 600 {path}`"
                )
            return path.read_bytes().strip()
        except OSError as error:
            raise ConfigurationError(
                f"{path}, the key of pseudonyms, cannot be read ({error.strerror}): put it back, "
                f"or name another file in {KEY_FILE_VARIABLE}"
            ) from None

    @property
    def fingerprint(self) -> str:
        """A text that changes if the same line would be replaced in another way."""
        return self.digest(f"fingerprint of {sorted(self.names)}")

    def digest(self, value: str) -> str:
        """What replaces a value; capitals and spaces around it make no difference."""
        message = value.strip().lower().encode("utf-8", "surrogatepass")
        return MARK + hmac.digest(self.key, message, hashlib.sha256).hex()[:DIGITS]

    def line(self, line: bytes) -> bytes:
        """A line of a day's file with what is named replaced; one that is no object stays."""
        try:
            text = compact(replace_lone_surrogates(line.decode("utf-8", "replace")))
        except NotStrictJSONError:
            return line
        if not text.startswith("{"):
            return line
        members = self._replaced(object_members(text), _OF_LINES)
        if members.get("visitor", "").startswith("{"):
            members["visitor"] = self._object(members["visitor"])
        if members.get(REFERRER_KEY, "").startswith("{"):
            prefix = f"{REFERRER_KEY}."
            members[REFERRER_KEY] = object_text(
                {
                    key: self._value(value) if prefix + key in self.names else value
                    for key, value in object_members(members[REFERRER_KEY]).items()
                }
            )
        if members.get("actions", "").startswith("["):
            actions = map(self._action, array_elements(members["actions"]))
            members["actions"] = f"[{','.join(actions)}]"
        return object_text(members).encode()

    def lines(self, chunk: bytes) -> bytes:
        """Whole lines, each as `line` has it."""
        return b"\n".join(self.line(line) if line else line for line in chunk.split(b"\n"))

    def _action(self, text: str) -> str:
        if not text.startswith("{"):
            return text
        members = object_members(text)
        replaced = self._replaced(members, _OF_ACTIONS)
        if replaced.get("properties", "").startswith("{"):
            replaced["properties"] = self._object(replaced["properties"])
        # What nothing is replaced in stays as it was written.
        return text if replaced == members else object_text(replaced)

    def _object(self, text: str) -> str:
        members = object_members(text)
        replaced = self._replaced(members, frozenset())
        return text if replaced == members else object_text(replaced)

    def _replaced(
        self, members: Mapping[str, str], kept: set[str] | frozenset[str]
    ) -> dict[str, str]:
        return {
            key: self._value(value) if key in self.names and key not in kept else value
            for key, value in members.items()
        }

    def _value(self, text: str) -> str:
        """The digest of a value as JSON text; null and the empty text stay."""
        if text in {"null", '""'}:
            return text
        return string_text(self.digest(string_value(text) if text.startswith('"') else text))


def pseudonyms_below(root: Path, *, makes_key: bool = True) -> Pseudonyms | None:
    """What `WOOPRA_PSEUDONYMS` asks for in the data directory `root`; None if it is not set.

    Makes a key if there is none and no other file is named. Unless it `makes_key`, what nothing was
    made with yet is None as well.
    """
    names = [name.strip() for name in os.environ.get(PSEUDONYMS_VARIABLE, "").split(",")]
    wanted = tuple(sorted({name for name in names if name}))
    if not wanted:
        return None
    key_file = os.environ.get(KEY_FILE_VARIABLE)
    path = Path(key_file) if key_file else root / KEY_NAME
    if not key_file and not path.exists():
        if not makes_key:
            return None
        with replacing(path) as temporary:
            temporary.write_text(f"{secrets.token_hex(KEY_BYTES)}\n", encoding="ascii")
            temporary.chmod(0o600)
        path.chmod(0o600)
    return Pseudonyms(wanted, str(path.absolute()))
