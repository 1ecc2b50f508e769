"""Overwrites lines of erased persons in the files of the archive (R10), whole or not at all.

A file with tombstones is a new file. It is written beside the earlier one, under another name. Then
the manifest names it, and the earlier file is removed.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import BinaryIO

from woopra_pipeline.archive.days import FILE_SUFFIX, Archive, ArchivedDay
from woopra_pipeline.archive.repairing import find_or_repair
from woopra_pipeline.archive.staging import StagedFile, remove_abandoned
from woopra_pipeline.errors import ArchiveError
from woopra_pipeline.files import sync
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.privacy.persons import ErasedPersons


def overwrite_erased(
    archive: Archive,
    version: ArchivedDay,
    persons: ErasedPersons,
    staged: StagedFile,
) -> ArchivedDay:
    """Write the file of `version` without the lines of `persons` to `staged`.

    Returns the new version. If the file has none of these lines, nothing is written, and `version`
    is returned. Raises `ArchiveError` if the file is missing or damaged.
    """
    log_day = version.log_day
    if not persons:
        return version
    with archive.open(version) as stream:
        if persons.count(stream, log_day) == 0:
            return version
    persons.keep_new_values()
    counts = []

    def pieces(stream: BinaryIO) -> Iterator[bytes]:
        for piece, count in persons.overwritten_file(stream, log_day):
            counts.append(count)
            yield piece

    with archive.open(version) as stream:
        staged.write(pieces(stream))
    return replace(
        version,
        path=archive.file_path(log_day, staged.sha256),
        sha256=staged.sha256,
        compressed_byte_count=staged.compressed_byte_count,
        erased_line_count=version.erased_line_count + sum(counts),
        delivered_sha256=version.delivered,
    )


def overwrite_archived(archive: Archive, log_day: date, persons: ErasedPersons) -> int:
    """Overwrite the lines of `persons` in all versions of an archived day.

    Returns the number of lines. Versions whose file is missing or damaged stay as they are.
    """
    with locked_folder(archive.day_folder(log_day)):
        archived = find_or_repair(archive, log_day)
        if archived is None:
            return 0
        versions = {version: _overwrite(archive, version, persons) for version in archived.versions}
        count = sum(new.erased_line_count - old.erased_line_count for old, new in versions.items())
        if count:
            archive.write_manifest(_replaced(archived, versions))
            _remove_unnamed(archive, log_day)
        return count


def clean_archived(archive: Archive, log_day: date) -> None:
    """Remove files of a day that its manifest does not name, and files of killed downloads.

    If the manifest is damaged, everything stays.
    """
    with locked_folder(archive.day_folder(log_day)):
        remove_abandoned(archive.day_folder(log_day))
        with suppress(ArchiveError):
            _remove_unnamed(archive, log_day)


def _overwrite(archive: Archive, version: ArchivedDay, persons: ErasedPersons) -> ArchivedDay:
    with StagedFile(archive.day_folder(version.log_day), is_locked=True) as staged:
        try:
            new = overwrite_erased(archive, version, persons, staged)
        except ArchiveError:
            return version
        if new is not version:
            archive.verify(replace(new, path=staged.path))
            staged.path.replace(new.path)
            sync(new.path.parent)
        return new


def _replaced(archived: ArchivedDay, versions: Mapping[ArchivedDay, ArchivedDay]) -> ArchivedDay:
    return replace(
        versions[archived],
        earlier=tuple(versions[version] for version in archived.earlier),
        held_back=tuple(versions[version] for version in archived.held_back),
    )


def _remove_unnamed(archive: Archive, log_day: date) -> None:
    archived = archive.find(log_day)
    if archived is None:
        return
    named = {version.path for version in archived.versions}
    for path in archive.day_folder(log_day).glob(f"*{FILE_SUFFIX}"):
        if path not in named:
            path.unlink()
    sync(archive.day_folder(log_day))
