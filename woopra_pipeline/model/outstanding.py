"""What is left to do with what is there: days to parse, days by which the model lags behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import (
    ArchiveError,
    ConfigurationError,
    DatabaseDamagedError,
    ParsedDayError,
)
from woopra_pipeline.model.database import connect, is_as_published, is_damage
from woopra_pipeline.model.schema import SCHEMA_VERSION
from woopra_pipeline.parse.parse_day import PARSER_VERSION
from woopra_pipeline.parse.parsed_days import MANIFEST_NAME, ParsedDay, find_parsed_day
from woopra_pipeline.woopra.log_days import log_day_from_text

GONE = "gone"
DAMAGED = "damaged"


@dataclass(frozen=True)
class Outstanding:
    """Days that lag behind, each with a text that changes when what is to be done changes."""

    to_parse: Mapping[date, str]
    """Archived days that are not parsed, or were from another file or by another parser."""
    to_apply: Mapping[date, str]
    """Days by which the model differs from the parsed ones."""


def find_outstanding(directory: DataDirectory) -> Outstanding:
    """Compare the archive, the parsed days and the published model, by their manifests.

    A day that is damaged, in the archive or parsed, is to be parsed: that mends it, if it can be.
    """
    parsed = _parsed(directory)
    in_model = _in_model(directory)
    return Outstanding(
        to_parse={
            log_day: f"{sha256} {PARSER_VERSION}"
            for log_day, sha256 in _archived(directory).items()
            if log_day not in parsed
            or parsed[log_day].is_open
            or (parsed[log_day].raw_sha256, parsed[log_day].parser_version)
            != (sha256, PARSER_VERSION)
        },
        to_apply={
            log_day: parsed[log_day].fingerprint if log_day in parsed else GONE
            for log_day in sorted(parsed.keys() | in_model.keys())
            if log_day not in parsed or in_model.get(log_day) != parsed[log_day].fingerprint
        },
    )


def _archived(directory: DataDirectory) -> Mapping[date, str]:
    """The SHA-256 of each archived day; of one whose manifest is damaged, what is to be mended."""
    archive = Archive(directory.raw)
    found = {}
    for log_day in archive.log_days():
        try:
            found[log_day] = archive.get(log_day).sha256
        except ArchiveError:
            found[log_day] = DAMAGED
    return found


def _parsed(directory: DataDirectory) -> Mapping[date, ParsedDay]:
    """The parsed days but for damaged ones."""
    found = {}
    for manifest in directory.parsed.glob(f"*/{MANIFEST_NAME}"):
        try:
            log_day = log_day_from_text(manifest.parent.name)
            parsed_day = find_parsed_day(directory.parsed, log_day)
        except (ConfigurationError, ParsedDayError):
            continue
        if parsed_day is not None:
            found[log_day] = parsed_day
    return found


def _in_model(directory: DataDirectory) -> Mapping[date, str]:
    """The fingerprints of the days in the published model, if it is whole and of today's form."""
    if not directory.published_model.exists() or not is_as_published(directory):
        return {}
    try:
        with connect(directory.published_model, read_only=True) as connection:
            state = connection.sql("select schema_version from log.state").fetchall()
            if state != [(SCHEMA_VERSION,)]:
                return {}
            return dict(connection.sql("select log_day, fingerprint from log.days").fetchall())
    except DatabaseDamagedError:
        return {}
    except duckdb.Error as error:
        if not is_damage(error):
            raise
        return {}
