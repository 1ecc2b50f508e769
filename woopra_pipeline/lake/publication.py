"""Which versions of the lake's tables belong together: one small file, written last.

    tables/published.json

Delta commits one table at a time. So whoever reads several tables takes the versions that this file
names, which are all of one revision: the tables of before or of after, never a mixture (R9).
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
    """What the file says: the revision, what it was made of and by, and the versions."""

    revision: str
    days: str
    """Stands for the set of days, for what computes the tables, and for what users choose of the
    typed ones: see `digest`."""
    engine: str
    published_at: datetime
    tables: Mapping[str, TableVersion]
    """The versions by table: those of `tables`, people, and `events.NAME` for each event."""
    retired: Mapping[str, datetime] = {}
    """Tables of events that were published lately and are no more, and since when."""
    format: int = FORMAT


class Found(msgspec.Struct, frozen=True):
    """A publication as it was read, with the version by which `Lake.exchange` knows it."""

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
            "computes the tables anew"
        ) from None
    if publication.format != FORMAT:
        raise LakeError(
            f"{lake.uri(PUBLISHED)} is of another version of woopra-pipeline: use that version, "
            "or remove the file, then `woopra-pipeline lake update` computes the tables anew"
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
    """Make a publication the current one, if the one that was read with `version` is so still."""
    content = msgspec.json.format(msgspec.json.encode(publication), indent=2)
    return lake.exchange(PUBLISHED, content, version)


def digest(days: Iterable[ParsedDay], script: str, choice: TypedChoice) -> str:
    """What stands for a set of days, the SQL, and the choice: equal ones make equal tables."""
    fingerprints = "".join(f"{day.log_day} {day.fingerprint}\n" for day in days)
    chosen = json.dumps(choice.content)
    return sha256(f"{script}\n{chosen}\n{fingerprints}".encode()).hexdigest()
