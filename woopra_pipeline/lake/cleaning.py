"""Removes files in the lake that no manifest names any more, when nobody can be reading them.

`lake.days` says why that takes a week, and why no file is removed that a manifest is about to name.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath

from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.lake.days import (
    KEPT_FOR,
    PARSED,
    RAW,
    damaged,
    find_archived,
    find_parsed,
    log_day_of,
    manifest_name,
    name_of,
)
from woopra_pipeline.lake.location import Content, Entry, Lake
from woopra_pipeline.lake.versions import every_version


def remove_unnamed(
    lake: Lake, *, kept_for: timedelta = KEPT_FOR, clock: Clock = system_clock
) -> int:
    """Remove the files of log days that no manifest has named for longer than `kept_for`.

    Returns how many bytes they had.
    """
    removed_bytes = 0
    for folder in (RAW.folder, PARSED):
        for log_day, entries in _by_day(lake.entries(folder.name)).items():
            manifest = manifest_name(folder, log_day)
            old = [
                entry
                for entry in entries
                if entry.name != manifest and clock() - entry.modified_at > kept_for
            ]
            unnamed = _unnamed(lake, folder, log_day, old, clock() - kept_for)
            lake.remove(entry.name for entry in unnamed)
            removed_bytes += sum(entry.size for entry in unnamed)
    return removed_bytes


def remove_unnamed_now(lake: Lake, log_days: Iterable[date]) -> int:
    """Remove files that the manifests of these days do not name, even if somebody is reading them.

    This is for files that must not be kept. Nobody may put one of these days into the lake at the
    same time. Returns how many bytes the files had.
    """
    removed_bytes = 0
    for log_day in log_days:
        for folder in (RAW.folder, PARSED):
            manifest = manifest_name(folder, log_day)
            named, content = _named(lake, folder, log_day)
            if content is not None and not named:
                raise damaged(lake, manifest)
            unnamed = [
                entry
                for entry in lake.entries(name_of(folder / log_day.isoformat()))
                if entry.name not in {*named, manifest}
            ]
            lake.remove(entry.name for entry in unnamed)
            removed_bytes += sum(entry.size for entry in unnamed)
    return removed_bytes


def _by_day(entries: Iterable[Entry]) -> dict[date, list[Entry]]:
    days: dict[date, list[Entry]] = defaultdict(list)
    for entry in entries:
        _, day, *rest = PurePosixPath(entry.name).parts
        if rest and (log_day := log_day_of(day)) is not None:
            days[log_day].append(entry)
    return days


def _unnamed(
    lake: Lake, folder: Path, log_day: date, old: list[Entry], before: datetime
) -> list[Entry]:
    """Files of a day that its manifest does not name, and has not named since `before`."""
    if not old:
        return []
    named, content = _named(lake, folder, log_day)
    if content is not None and (not named or content.modified_at >= before):
        # It is damaged, or what it replaced may still be read.
        return []
    return [entry for entry in old if entry.name not in named]


def _named(lake: Lake, folder: Path, log_day: date) -> tuple[set[str], Content | None]:
    """The files that a day's manifest names, none if it is damaged; and the manifest."""
    if folder == RAW.folder:
        archived, content = find_archived(lake, log_day)
        paths = [] if archived is None else [each.path for each in every_version(archived)]
    else:
        parsed, content = find_parsed(lake, log_day)
        paths = [] if parsed is None else [parsed.folder / name for name in parsed.files]
    return {name_of(path) for path in paths}, content
