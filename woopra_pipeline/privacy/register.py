"""The register of erasures: who was erased, kept without the identifiers themselves.

    erasures/register.json   every erasure: its moment, its pids, keyed digests of identifiers
    erasures/key             the key of these digests, the owner's alone
    erasures/NAME.json       the receipt of an erasure: when, how much, and nothing of the person
    erasures/settled.json    which files hold nothing of them, so that they need not be read again

An erasure is done from the moment the register names it: whatever updates the model next brings
all files in line first. A register that is lost must never pass for one that names nobody.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from woopra_pipeline.errors import ErasureError
from woopra_pipeline.privacy.merges import Life, Merges
from woopra_pipeline.privacy.persons import FOR_EVER, ErasedPersons
from woopra_pipeline.replacing import TEMPORARY_PREFIX, replace_json, replacing

REGISTER_NAME = "register.json"
KEY_NAME = "key"
SETTLED_NAME = "settled.json"
FORMAT_VERSION = 1
KEY_BYTES = 32


@dataclass(frozen=True)
class Counts:
    """How much an erasure took from the log when it was made."""

    persons: int
    pids: int
    lines: int
    visits: int
    identifies: int
    actions: int
    log_days: int


@dataclass(frozen=True)
class Erasure:
    """One erasure, of one person or of several.

    `lives` are the profiles it named: all pids that are one person with one of them are erased as
    well. `pids` are all that were found to be so since, and stay.
    """

    name: str
    moment: datetime
    and_future: bool
    lives: tuple[Life, ...]
    pids: tuple[str, ...]
    counts: Counts
    identifiers: tuple[str, ...] = ()
    """Keyed digests of what the person was known by."""

    def joined(self, merges: Merges) -> "Erasure":
        """The erasure with the pids that the merges, as they are now, make one with its own."""
        pids = set(self.pids).union(*(merges.pids_of(life) for life in self.lives))
        return replace(self, pids=tuple(sorted(pids)))


@dataclass(frozen=True)
class Register:
    """All erasures, in the order in which they were made."""

    erasures: tuple[Erasure, ...] = field(default=())
    version: int = FORMAT_VERSION

    def persons(self) -> ErasedPersons:
        """The pids that were erased, each up to the latest moment."""
        moments: dict[str, datetime] = {}
        for erasure in self.erasures:
            moment = FOR_EVER if erasure.and_future else erasure.moment
            for pid in erasure.pids:
                moments[pid] = max(moment, moments.get(pid, moment))
        return ErasedPersons(moments)

    def joined(self, merges: Merges) -> "Register":
        """The register with the pids that have joined the erased ones by now."""
        return replace(self, erasures=tuple(one.joined(merges) for one in self.erasures))


def read_register(folder: Path) -> Register:
    """The register in `folder` (`DataDirectory.erasures`); an empty one if nobody was ever erased.

    Raises `ErasureError` if it is damaged, or missing although somebody was.
    """
    path = folder / REGISTER_NAME
    try:
        register = msgspec.json.decode(path.read_bytes(), type=Register)
    except FileNotFoundError:
        # A process that was killed before its first entry leaves a temporary file.
        left = [path.name for path in folder.glob("*.json")]
        if not all(name.startswith(TEMPORARY_PREFIX) for name in left):
            raise _unusable(path, "is missing, although persons were erased") from None
        return Register()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unusable(path, "is damaged") from None
    if register.version != FORMAT_VERSION:
        raise _unusable(
            path, f"is of version {register.version}, and this program knows {FORMAT_VERSION}"
        )
    return register


def write_register(folder: Path, register: Register) -> None:
    """Put the register in place, whole or not at all (R9)."""
    replace_json(folder / REGISTER_NAME, msgspec.to_builtins(register))


def find_unfinished(folder: Path) -> list[Erasure]:
    """The erasures in the register of which there is no receipt yet."""
    erasures = read_register(folder).erasures
    return [one for one in erasures if not receipt_path(folder, one).exists()]


def receipt_path(folder: Path, erasure: Erasure) -> Path:
    """Where the receipt of an erasure is kept."""
    return folder / f"{erasure.name}.json"


def digest_key(folder: Path) -> bytes:
    """The key of the digests, made when it is first asked for."""
    path = folder / KEY_NAME
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(f"{secrets.token_hex(KEY_BYTES)}\n", encoding="ascii")
    return path.read_bytes().strip()


def digests(folder: Path, identifiers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Keyed digests of identifiers, in no order of theirs; see `digest`."""
    key = digest_key(folder)
    return tuple(sorted({digest(key, name, value) for name, value in identifiers}))


def digest(key: bytes, name: str, value: str) -> str:
    """The keyed digest of an identifier: of its name, like `email`, and its value.

    Nobody can tell from it, without the key, whether it is that of a guessed address.
    """
    message = f"{name}\0{value.strip().lower()}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256).hex()


def _unusable(path: Path, why: str) -> ErasureError:
    return ErasureError(
        f"The register of erasures {path} {why}: put it back from a backup; until then nothing is "
        "fetched and the model is not updated, for persons who were erased could come back"
    )
