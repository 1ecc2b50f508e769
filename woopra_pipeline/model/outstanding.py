"""Finds outstanding work: days to parse, and days to apply to the model."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import duckdb

from woopra_pipeline.archive import Archive, ArchivedDay
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import DatabaseDamagedError, PipelineError
from woopra_pipeline.model.database import connect, is_as_published, is_damage
from woopra_pipeline.model.schema import SCHEMA_VERSION
from woopra_pipeline.parse.parse_day import PARSER_VERSION
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_day, parsed_log_days
from woopra_pipeline.parse.pseudonyms import pseudonyms_below

GONE = "gone"
DAMAGED = "damaged"

Day = TypeVar("Day")


@dataclass(frozen=True)
class Manifests:
    """The archived and the parsed days, in calendar order, from their manifests."""

    archived: dict[date, ArchivedDay] = field(default_factory=dict)
    parsed: dict[date, ParsedDay] = field(default_factory=dict)
    damaged_archived: list[date] = field(default_factory=list)
    """Archived days whose manifest cannot be read."""
    problems: list[str] = field(default_factory=list)
    """Damaged archived or parsed days, and what to do."""
    pseudonyms: str = ""
    """The fingerprint of the settings of pseudonyms."""


@dataclass(frozen=True)
class Outstanding:
    """Days with work to do, each with a text that changes when the work changes."""

    to_parse: Mapping[date, str]
    """Archived days that are not parsed, or were parsed from another file or by another parser."""
    to_apply: Mapping[date, str]
    """Days in which the model differs from the parsed days."""


def find_outstanding(directory: DataDirectory) -> Outstanding:
    """What is outstanding in a data directory; nothing is written to find out.

    Raises `ModelError` or `duckdb.Error` if the model is there, whole, and cannot be read.
    """
    return outstanding(read_manifests(directory), read_fingerprints(directory))


def outstanding(manifests: Manifests, in_model: Mapping[date, str]) -> Outstanding:
    """Compare the archive, the parsed days and the fingerprints of the days in the model.

    A day that is damaged, in the archive or parsed, must be parsed: that repairs it, if possible.
    """
    parsed = manifests.parsed
    sha256s = {log_day: archived.sha256 for log_day, archived in manifests.archived.items()}
    sha256s |= dict.fromkeys(manifests.damaged_archived, DAMAGED)
    # Without its raw file, a day stays as it was parsed, even by another version of the parser.
    kept_as_parsed = {
        log_day
        for log_day, archived in manifests.archived.items()
        if archived.is_removed
        and log_day in parsed
        and parsed[log_day].raw_sha256 == archived.sha256
    }
    return Outstanding(
        to_parse={
            log_day: f"{sha256} {PARSER_VERSION} {manifests.pseudonyms}".rstrip()
            for log_day, sha256 in sorted(sha256s.items())
            if log_day not in kept_as_parsed
            and (
                log_day not in parsed
                or parsed[log_day].is_open
                or _made_of(parsed[log_day]) != (sha256, PARSER_VERSION, manifests.pseudonyms)
            )
        },
        to_apply={
            log_day: parsed[log_day].fingerprint if log_day in parsed else GONE
            for log_day in sorted(parsed.keys() | in_model.keys())
            if log_day not in parsed or in_model.get(log_day) != parsed[log_day].fingerprint
        },
    )


def _made_of(day: ParsedDay) -> tuple[str, int, str]:
    return day.raw_sha256, day.parser_version, day.pseudonyms


def read_manifests(directory: DataDirectory) -> Manifests:
    """Read every manifest of the archive and of the parsed days once; damaged ones are reported."""
    archive = Archive(directory.raw)
    archived_log_days = archive.log_days()
    problems: list[str] = []
    archived = _readable(archived_log_days, archive.get, problems)
    parsed = _readable(
        parsed_log_days(directory.parsed),
        lambda log_day: find_parsed_day(directory.parsed, log_day),
        problems,
    )
    damaged = [log_day for log_day in archived_log_days if log_day not in archived]
    pseudonyms = pseudonyms_below(directory.root, makes_key=False)
    fingerprint = pseudonyms.fingerprint if pseudonyms else ""
    return Manifests(archived, parsed, damaged, problems, fingerprint)


def _readable(
    log_days: Iterable[date], read: Callable[[date], Day | None], problems: list[str]
) -> dict[date, Day]:
    """The result of `read` for each day; errors are added to `problems`."""
    days = {}
    for log_day in log_days:
        try:
            day = read(log_day)
        except PipelineError as error:
            problems.append(str(error))
        else:
            if day is not None:
                days[log_day] = day
    return days


def read_fingerprints(directory: DataDirectory) -> Mapping[date, str]:
    """The fingerprints of the days in the published model, if it is whole and of this version.

    Raises `ModelError` or `duckdb.Error` if it cannot be read otherwise.
    """
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
