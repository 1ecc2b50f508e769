"""Removes lines of erased persons from the lake (R10).

Each day that may have such lines is brought from the lake into a folder of its own. There its lines
are overwritten, and it is parsed. Then it replaces the day in the lake. So it does not matter which
files of the day are on this disk. A day is done when its manifests in the lake name the new files.
Then the old files are removed at once, even if somebody is reading them.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, LakeError, ParsedDayError
from woopra_pipeline.files import make_folder, remove
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.lake.cleaning import remove_unnamed_now
from woopra_pipeline.lake.days import (
    PARSED,
    RAW,
    damaged,
    find_archived,
    find_parsed,
    log_days_in,
    manifest_name,
)
from woopra_pipeline.lake.homes import each_day
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_day
from woopra_pipeline.lake.versions import every_version
from woopra_pipeline.model.typed_settings import DEFAULT_SETTINGS, TypedSettings
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_day
from woopra_pipeline.parse.pseudonyms import KEY_NAME
from woopra_pipeline.privacy.persons import ErasedPersons
from woopra_pipeline.privacy.settling import overwrite_day
from woopra_pipeline.wording import count

AT_ONCE = timedelta(0)


def erase_in_lake(
    lake: Lake,
    directory: DataDirectory,
    persons: ErasedPersons,
    *,
    notify: Callable[[str], None] = lambda message: None,
) -> int:
    """Overwrite the lines of `persons` in the days of the lake; returns the number of lines.

    The files on this disk must have been settled before. Days of which the lake has the same files
    as this disk are skipped. If it is killed, call it again: it goes on. Raises `LakeError` if
    something in the lake is damaged or cannot be reached, and `DiskFullError`.
    """
    line_count = 0
    log_days = log_days_in(lake)
    looked_at = each_day(log_days, lambda log_day: _files_in(lake, log_day))
    for error in looked_at.bad.values():
        raise error
    scratch = DataDirectory(directory.lake_scratch / "erasing")
    for log_day in log_days:
        here = _settled_files(directory, log_day)
        is_done = here is not None and looked_at.done[log_day] <= here.keys()
        was_overwritten = here is not None and any(here.values())
        if not is_done:
            with needs_room(directory.lake_scratch, f"erasing in log day {log_day} of the lake"):
                lines = _erase_day(lake, directory, scratch, log_day, persons)
            if lines:
                notify(f"{log_day} in the lake: {count(lines, 'line')} of erased persons are gone")
            line_count += lines
        if not is_done or was_overwritten:
            # Even if there was nothing to do: a process may have died before this step.
            remove_unnamed_now(lake, [log_day])
    remove(scratch.root)
    return line_count


def erase_in_tables(
    lake: Lake,
    directory: DataDirectory,
    *,
    spark: str | None = None,
    typed: TypedSettings = DEFAULT_SETTINGS,
    notify: Callable[[str], None] = lambda message: None,
) -> bool:
    """Compute the tables of the lake again, if there are any, and remove all earlier versions.

    Somebody who still reads an earlier version gets an error that its files are missing. Returns
    whether there are tables. Raises what `update_tables` raises.
    """
    if not lake.folders("tables"):
        return False
    # Their packages come with an extra.
    from woopra_pipeline.lake.publication import read_publication
    from woopra_pipeline.lake.updating import remove_earlier, update_tables

    if read_publication(lake).publication is None:
        return False
    update = update_tables(
        lake, directory, spark=spark, typed=typed, notify=notify, kept_for=AT_ONCE
    )
    if not update.is_new:
        remove_earlier(lake, update.publication, AT_ONCE)
    return True


def _files_in(lake: Lake, log_day: date) -> set[str]:
    """The SHA-256 of a day's raw files in the lake, and of the file that its rows are from."""
    archived, parsed = _in_lake(lake, log_day)
    versions = () if archived is None else every_version(archived)
    return {version.sha256 for version in versions} | ({parsed.raw_sha256} if parsed else set())


def _in_lake(lake: Lake, log_day: date) -> tuple[ArchivedDay | None, ParsedDay | None]:
    archived, raw_manifest = find_archived(lake, log_day)
    parsed, parsed_manifest = find_parsed(lake, log_day)
    for day, manifest, folder in (
        (archived, raw_manifest, RAW.folder),
        (parsed, parsed_manifest, PARSED),
    ):
        if day is None and manifest is not None:
            raise damaged(lake, manifest_name(folder, log_day))
    return archived, parsed


def _settled_files(directory: DataDirectory, log_day: date) -> dict[str, int] | None:
    """The SHA-256 of files of a day that have no line of erased persons, as this disk knows it.

    With each the number of its overwritten lines. None if this disk cannot know it.
    """
    try:
        archived = Archive(directory.raw).find(log_day)
        parsed = find_parsed_day(directory.parsed, log_day)
    except (ArchiveError, ParsedDayError):
        return None
    if parsed is None or parsed.is_open:
        return None
    if archived is None:
        # If rows were left out, they do not show what was in their file.
        return {parsed.raw_sha256: 0} if parsed.erased_count == 0 else None
    is_of_file = parsed.raw_sha256 == archived.sha256
    if not is_of_file or parsed.erased_count != archived.erased_line_count:
        return None
    return {version.sha256: version.erased_line_count for version in every_version(archived)}


def _erase_day(
    lake: Lake,
    directory: DataDirectory,
    scratch: DataDirectory,
    log_day: date,
    persons: ErasedPersons,
) -> int:
    """Overwrite a day of the lake; returns how many lines of `persons` it had."""
    remove(scratch.root)
    make_folder(scratch.root)
    _lend_key(directory, scratch)
    take_day(lake, scratch, log_day)
    lines = overwrite_day(scratch, log_day, persons)
    parsed = find_parsed_day(scratch.parsed, log_day)
    theirs = _in_lake(lake, log_day)[1]
    if theirs is not None and parsed is None:
        raise LakeError(
            f"The rows of log day {log_day} in the lake {lake.location} cannot be looked at: "
            "another version of woopra-pipeline made them, and their raw file is not there; put "
            "the day there with `woopra-pipeline lake update` on a machine that has it, then try "
            "again"
        )
    is_same = theirs is None or (parsed is not None and parsed.fingerprint == theirs.fingerprint)
    if lines or not is_same:
        put_day(lake, scratch, log_day, replaces=True)
    return lines


def _lend_key(directory: DataDirectory, scratch: DataDirectory) -> None:
    """Copy the key of pseudonyms, so that the folder is parsed with the same pseudonyms as here."""
    key: Path = directory.root / KEY_NAME
    if key.exists():
        (scratch.root / KEY_NAME).symlink_to(key)
