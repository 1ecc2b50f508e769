"""Users' settings of the typed tables: the names and keys that get columns, and pinned types.

Settings come from the environment or the resource `data_directory`; types from `types.yml` in the
data directory. The tables depend on both, so the next update applies a change of either.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from woopra_pipeline.control_characters import visible
from woopra_pipeline.errors import ConfigurationError

TYPES = ("BOOLEAN", "BIGINT", "DOUBLE", "TIMESTAMPTZ", "JSON", "VARCHAR")
"""The types a column can have, in the order in which they are tried (R11)."""

NAMES_VARIABLE = "WOOPRA_TYPED_NAMES"
KEYS_VARIABLE = "WOOPRA_TYPED_KEYS"
LEAVE_OUT_VARIABLE = "WOOPRA_TYPED_LEAVE_OUT"
IDENTIFIERS_VARIABLE = "WOOPRA_IDENTIFIER_KEYS"

Property = tuple[str | None, str]
"""The name of an event, None for profiles, and the key of a property."""


@dataclass(frozen=True)
class TypedSettings:
    """Raises `ConfigurationError` if a limit is below 0."""

    most_names: int = 200
    """How many action names get a relation at most: those with most living actions."""
    most_keys: int = 200
    """How many properties get a column in each relation at most: those with most values."""
    names_left_out: tuple[str, ...] = ()
    """Action names that get no relation; `*` stands for any characters."""
    identifiers: tuple[str, ...] = ("id", "email", "phone", "cookie")
    """Keys of the profile properties that `identifiers` shows."""

    def __post_init__(self) -> None:
        limits = {NAMES_VARIABLE: self.most_names, KEYS_VARIABLE: self.most_keys}
        for variable, limit in limits.items():
            if limit < 0:
                raise ConfigurationError(f"{variable} is {limit}: write 0 or a larger number")

    @classmethod
    def from_environment(cls) -> "TypedSettings":
        """The settings in the environment; raises `ConfigurationError` if one is wrong."""
        return cls(
            most_names=_number(NAMES_VARIABLE, cls.most_names),
            most_keys=_number(KEYS_VARIABLE, cls.most_keys),
            names_left_out=_list(LEAVE_OUT_VARIABLE, cls.names_left_out),
            identifiers=_list(IDENTIFIERS_VARIABLE, cls.identifiers),
        )

    def leaves_out(self, name: str) -> bool:
        """Whether the actions of this name get no relation, however many there are."""
        return any(fnmatchcase(name, _pattern(left_out)) for left_out in self.names_left_out)


DEFAULT_SETTINGS = TypedSettings()


def read_pinned_types(path: Path) -> Mapping[Property, str]:
    """The types that the file at `path` pins, by event and key; none if there is no file.

    Raises `ConfigurationError` if the file is not valid.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: it must be a file of UTF-8 text ({error})"
        ) from error
    try:
        # This loader reads all scalars as texts, so a name like `yes` or `7` needs no quotes.
        content = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"{path} is not YAML: correct it or move it away ({reason})"
        ) from error
    sections = _mapping(path, "the file", content or {})
    if unknown := sorted(sections.keys() - {"events", "people"}):
        raise ConfigurationError(
            f"{path} has a section {visible(unknown[0])!r}: the sections are events and people"
        )
    events = _mapping(path, "events", sections.get("events") or {})
    keys_of: list[tuple[str | None, object]] = [*events.items(), (None, sections.get("people"))]
    pinned = {}
    for event, keys in keys_of:
        for key, name in _mapping(path, event or "people", keys or {}).items():
            kind = name.upper() if isinstance(name, str) else ""
            if kind not in TYPES:
                raise ConfigurationError(
                    f"{path} pins {visible(key)!r} of {visible(event or 'people')!r} to "
                    f"{visible(str(name))!r}, which is not a type: the types are {', '.join(TYPES)}"
                )
            pinned[event, key] = kind
    return pinned


def _mapping(path: Path, what: str, content: object) -> dict[str, object]:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigurationError(
            f"{path}: {visible(what)} must have names, each with a value, as in "
            "docs/typed-tables.md"
        )
    return content


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    try:
        return int(text) if text else default
    except ValueError:
        raise ConfigurationError(
            f"{variable} is {visible(text)!r}, which is not a number: write one like {default}"
        ) from None


def _list(variable: str, default: Iterable[str]) -> tuple[str, ...]:
    text = os.environ.get(variable)
    if text is None:
        return tuple(default)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pattern(name: str) -> str:
    """The name as a pattern for `fnmatchcase`, in which only `*` is special."""
    return name.replace("[", "[[]").replace("?", "[?]")
