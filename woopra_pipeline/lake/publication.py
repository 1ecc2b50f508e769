"""Which versions of the lake's tables belong together: one small file, written last.

    tables/published.json

Delta commits one table at a time. So a program that reads several tables must read the versions
that this file names. All of them belong to one revision: they are the tables before an update or
after it, never a mixture (R9).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec

from woopra_pipeline.errors import LakeError
from woopra_pipeline.lake.lake_tables import TABLES
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.model.typed_tables import TypedChoice
from woopra_pipeline.parse.parsed_days import ParsedDay

PUBLISHED = f"{TABLES}/published.json"
FORMAT = 1


class TableVersion(msgspec.Struct, frozen=True):
    """The version of a Delta table, and how many rows it has."""

    version: int
    row_count: int


class Publication(msgspec.Struct, frozen=True):
    """The content of the file: the revision, its days and engine, and the versions."""

    revision: str
    days: str
    """A digest of the days, the SQL and the settings of typed tables: see `digest`."""
    engine: str
    published_at: datetime
    tables: Mapping[str, TableVersion]
    """The versions by table: those of `tables`, people, and `events.NAME` for each event."""
    retired: Mapping[str, datetime] = {}
    """Tables of events that were published recently and no longer exist, and since when."""
    format: int = FORMAT


class Found(msgspec.Struct, frozen=True):
    """A publication as it was read, with its version for `Lake.exchange`."""

    publication: Publication | None
    version: str | None


def read_publication(lake: Lake) -> Found:
    """The publication in the lake, if there is one; `LakeError` if it cannot be read."""
    content = lake.read_with_version(PUBLISHED)
    if content is None:
        return Found(None, None)
    try:
        publication = msgspec.json.decode(content.content, type=Publication)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise LakeError(
            f"{lake.uri(PUBLISHED)} is damaged: remove it, then `woopra-pipeline lake update` "
            "computes the tables again"
        ) from None
    if publication.format != FORMAT:
        raise LakeError(
            f"{lake.uri(PUBLISHED)} is of another version of woopra-pipeline: use that version, "
            "or remove the file, then `woopra-pipeline lake update` computes the tables again"
        )
    return Found(publication, content.version)


def the_publication(lake: Lake) -> Publication:
    """The publication in the lake; `LakeError` if nothing was published yet."""
    publication = read_publication(lake).publication
    if publication is None:
        raise LakeError(
            f"There are no tables in the lake {lake.location} yet: `woopra-pipeline lake update` "
            "computes them"
        )
    return publication


def publish(lake: Lake, publication: Publication, version: str | None) -> bool:
    """Make a publication the current one, if the current one still has this `version`."""
    content = msgspec.json.format(msgspec.json.encode(publication), indent=2)
    return lake.exchange(PUBLISHED, content, version)


def digest(days: Iterable[ParsedDay], script: str, choice: TypedChoice) -> str:
    """A digest of the days, the SQL and the settings: equal digests mean equal tables."""
    fingerprints = "".join(f"{day.log_day} {day.fingerprint}\n" for day in days)
    chosen = json.dumps(choice.content)
    return sha256(f"{script}\n{chosen}\n{fingerprints}".encode()).hexdigest()
