"""The log days in the lake.

The files are those of the data directory, so any program can copy them back.

    raw/project                              whose log it is
    raw/YYYY-MM-DD/manifest.json             names the day's files
    raw/YYYY-MM-DD/<SHA-256>.jsonl.zst
    parsed/YYYY-MM-DD/manifest.json          names the folder that is current
    parsed/YYYY-MM-DD/<fingerprint>-<checksums>/visits_log-00000.parquet …

A day is in the lake when its manifest is. The manifest is written last, and only if nobody else has
written it in the meantime (R9). The name of a folder of parsed files contains a digest of all their
checksums: if another process writes there at the same time, it writes the same bytes, even if its
libraries write Parquet files in another way.

If a day was replaced, no manifest names its old files any more. They are removed `KEPT_FOR` later,
because somebody may still read them until then. Files of killed uploads are removed after the same
time, because they could belong to an upload that is still running. An upload does not reuse a file
that is older than `REUSED_WITHIN`. So no file is removed that a manifest is about to name.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import msgspec

from woopra_pipeline.archive.days import MANIFEST_NAME, Archive, ArchivedDay
from woopra_pipeline.errors import ConfigurationError, LakeError
from woopra_pipeline.lake.location import Content, Lake
from woopra_pipeline.lake.versions import every_version
from woopra_pipeline.parse import parsed_days
from woopra_pipeline.parse.parsed_days import ParsedDay
from woopra_pipeline.woopra.log_days import log_day_from_text

RAW = Archive(Path("raw"))
"""The archive with names in the lake in place of paths. Its files cannot be opened."""

PARSED = Path("parsed")

KEPT_FOR = timedelta(days=7)
REUSED_WITHIN = timedelta(days=1)

REQUESTS_AT_ONCE = 16

SHA256 = re.compile(r"[0-9a-f]{64}")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names that a manifest may contain.

So nobody who can write to the lake can name a path outside of the folder here.
"""


def find_archived(lake: Lake, log_day: date) -> tuple[ArchivedDay | None, Content | None]:
    """The archived day in the lake, and its manifest; the day is None if the manifest is damaged.

    Paths of its files are their names in the lake.
    """
    found = lake.read_with_version(manifest_name(RAW.folder, log_day))
    if found is None:
        return None, None
    try:
        day = RAW.read_manifest(log_day, found.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, found
    versions = list(every_version(day))
    is_sound = day.log_day == log_day and all(
        SHA256.fullmatch(version.sha256) and version.path.parent == RAW.day_folder(log_day)
        for version in versions
    )
    return day if is_sound else None, found


def find_parsed(lake: Lake, log_day: date) -> tuple[ParsedDay | None, Content | None]:
    """The parsed day in the lake, and its manifest; the day is None if the manifest is damaged.

    Its folder is named as in the lake.
    """
    found = lake.read_with_version(manifest_name(PARSED, log_day))
    if found is None:
        return None, None
    try:
        day = parsed_days.read_manifest(PARSED, log_day, found.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, found
    is_sound = day.log_day == log_day and all(
        PLAIN_NAME.fullmatch(name) for name in (*day.folder.parts[2:], *day.files)
    )
    return day if is_sound and len(day.folder.parts) == 3 else None, found


def log_days_in(lake: Lake) -> list[date]:
    """The log days of which something is in the lake, archived or parsed, in order."""
    names = {*lake.folders(RAW.folder.name), *lake.folders(PARSED.name)}
    return sorted(log_day for name in names if (log_day := log_day_of(name)) is not None)


def parsed_days_in(lake: Lake) -> dict[date, ParsedDay]:
    """Every parsed day in the lake, in calendar order; `LakeError` if a manifest is damaged."""
    days = {}
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        log_days = log_days_in(lake)
        for log_day, (day, manifest) in zip(
            log_days, pool.map(lambda each: find_parsed(lake, each), log_days), strict=True
        ):
            if day is not None:
                days[log_day] = day
            elif manifest is not None:
                raise damaged(lake, manifest_name(PARSED, log_day))
    return days


def name_of(path: Path) -> str:
    """The name in the lake for a path of a day there."""
    return path.as_posix()


def damaged(lake: Lake, name: str) -> LakeError:
    """The error for a file in the lake that has changed since it was put there."""
    return LakeError(
        f"{lake.uri(name)} is damaged: remove it there, then `woopra-pipeline lake update` on a "
        "machine that has the day puts it there again"
    )


def manifest_name(folder: Path, log_day: date) -> str:
    """The name in the lake of a day's manifest: below `RAW.folder`, or below `PARSED`."""
    return f"{folder.name}/{log_day}/{MANIFEST_NAME}"


def log_day_of(name: str) -> date | None:
    """The log day that a folder is named for; None if it is another folder."""
    try:
        return log_day_from_text(name)
    except ConfigurationError:
        return None
