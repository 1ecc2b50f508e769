"""The register of erasures: who was erased, kept without the identifiers themselves.

    erasures/register.json   every erasure: its moment, its pids, keyed digests of identifiers and
                             of other properties that erased lines had
    erasures/key             the key of these digests, the owner's alone
    erasures/NAME.json       the receipt of an erasure: when, how much, and nothing of the person
    erasures/settled.json    which files hold nothing of them, so that they need not be read again

An erasure counts as done when the register has it: the next update of the model, of whatever kind,
first applies the register to all files. A lost register must never look like a register that names
nobody.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ErasureError
from woopra_pipeline.locks import alone
from woopra_pipeline.parse.pseudonyms import pseudonyms_below
from woopra_pipeline.privacy.digests import Digests, digest
from woopra_pipeline.privacy.merges import Life, Merges
from woopra_pipeline.privacy.persons import FOR_EVER, NOBODY, ErasedPersons, Remembered
from woopra_pipeline.replacing import TEMPORARY_PREFIX, replace_json, replacing

REGISTER_NAME = "register.json"
KEY_NAME = "key"
SETTLED_NAME = "settled.json"
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
"""A register of version 1 has only the identifiers of erased lines."""

FIRST_KEYS = ("email", "id")
"""The properties that identify persons in erasures of version 1."""

KEY_BYTES = 32


@dataclass(frozen=True)
class Counts:
    """How much an erasure removed from the log when it was made."""

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

    `lives` are the profiles it named. All pids that are one person with one of them are erased too.
    `pids` are all pids that were found so since then; they stay erased.
    """

    name: str
    moment: datetime
    and_future: bool
    lives: tuple[Life, ...]
    pids: tuple[str, ...]
    counts: Counts
    identifiers: tuple[str, ...] = ()
    """Keyed digests of identifiers that only this person had."""
    keys: tuple[str, ...] = FIRST_KEYS
    """The properties that count as identifiers, by their names."""
    values: tuple[str, ...] = ()
    """Keyed digests of the properties on lines that this erasure removed."""

    def joined(self, merges: Merges) -> "Erasure":
        """The erasure with all pids that are one person with its own, as the merges are now."""
        pids = set(self.pids).union(*(merges.pids_of(life) for life in self.lives))
        return replace(self, pids=tuple(sorted(pids)))


@dataclass(frozen=True)
class Register:
    """All erasures, in the order in which they were made."""

    erasures: tuple[Erasure, ...] = field(default=())
    version: int = FORMAT_VERSION

    def persons(
        self,
        digests: Digests | None = None,
        keep: Callable[[Mapping[str, set[str]]], None] = lambda values: None,
    ) -> ErasedPersons:
        """The erased pids, each up to the latest moment, and what else is remembered of them.

        Without `digests`, only the pids are used. `keep` writes values of erased lines into the
        register, by the name of the erasure.
        """
        moments: dict[str, datetime] = {}
        remembered = []
        for erasure in self.erasures:
            moment = FOR_EVER if erasure.and_future else erasure.moment
            remembered.append(
                Remembered(
                    erasure.name,
                    moment,
                    frozenset(erasure.pids),
                    frozenset(erasure.identifiers),
                    set(erasure.values),
                )
            )
            for pid in erasure.pids:
                moments[pid] = max(moment, moments.get(pid, moment))
        keys = {key for erasure in self.erasures for key in erasure.keys}
        return ErasedPersons(moments, remembered, digests, keys, keep)

    def with_values(self, new: Mapping[str, set[str]]) -> "Register":
        """The register with digests of more values of erased lines."""
        erasures = [
            replace(one, values=tuple(sorted({*one.values, *new[one.name]})))
            if one.name in new
            else one
            for one in self.erasures
        ]
        return replace(self, erasures=tuple(erasures))

    def joined(self, merges: Merges) -> "Register":
        """The register with the pids that merges have joined to the erased ones."""
        return replace(self, erasures=tuple(one.joined(merges) for one in self.erasures))


def read_register(folder: Path) -> Register:
    """The register in `folder` (`DataDirectory.erasures`); an empty one if nobody was ever erased.

    Raises `ErasureError` if it is damaged, or missing although somebody was erased.
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
    if register.version not in READABLE_VERSIONS:
        raise _unusable(
            path, f"is of version {register.version}, and this program knows {FORMAT_VERSION}"
        )
    return replace(register, version=FORMAT_VERSION)


def write_register(folder: Path, register: Register) -> None:
    """Write the register, whole or not at all (R9)."""
    replace_json(folder / REGISTER_NAME, msgspec.to_builtins(register))


def erased_persons(directory: DataDirectory) -> ErasedPersons:
    """All persons in the register of `directory`; see `read_register` for what is raised.

    Values that they find on erased lines are written into the register.
    """
    folder = directory.erasures
    register = read_register(folder)
    if not register.erasures:
        return NOBODY
    return register.persons(digests_in(directory), lambda new: _keep(folder, new))


def _keep(folder: Path, new: Mapping[str, set[str]]) -> None:
    with alone(folder / "lock"):
        write_register(folder, read_register(folder).with_values(new))


def find_unfinished(folder: Path) -> list[Erasure]:
    """The erasures in the register that have no receipt yet."""
    erasures = read_register(folder).erasures
    return [one for one in erasures if not receipt_path(folder, one).exists()]


def receipt_path(folder: Path, erasure: Erasure) -> Path:
    """Where the receipt of an erasure is kept."""
    return folder / f"{erasure.name}.json"


def digest_key(folder: Path) -> bytes:
    """The key of the digests; it is made when it is first needed."""
    path = folder / KEY_NAME
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(f"{secrets.token_hex(KEY_BYTES)}\n", encoding="ascii")
    return path.read_bytes().strip()


def digests(folder: Path, identifiers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Keyed digests of identifiers, sorted, so that their order shows nothing."""
    key = digest_key(folder)
    return tuple(sorted({digest(key, name, value) for name, value in identifiers}))


def digests_in(directory: DataDirectory) -> Digests:
    """The digests under the key of the register in `directory`, which is made if there is none."""
    return Digests(
        digest_key(directory.erasures), pseudonyms_below(directory.root, makes_key=False)
    )


def _unusable(path: Path, why: str) -> ErasureError:
    return ErasureError(
        f"The register of erasures {path} {why}: put it back from a backup; until then nothing is "
        "fetched and the model is not updated, because persons who were erased could come back"
    )
