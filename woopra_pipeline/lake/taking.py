"""Brings log days from the lake to a disk: whole, verified, and without replacing a file unnoticed.

Each step can be repeated: files that a killed run has brought are used, after their checksums are
compared.
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from woopra_pipeline.archive.days import MANIFEST_NAME, Archive, ArchivedDay
from woopra_pipeline.archive.repairing import find_or_repair
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, ParsedDayError
from woopra_pipeline.files import make_file, make_folder, remove, sync
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.lake.days import (
    PARSED,
    RAW,
    damaged,
    find_archived,
    find_parsed,
    manifest_name,
    name_of,
)
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.putting import another_file
from woopra_pipeline.lake.versions import every_version, merged, taking_over
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.parse import parsed_days
from woopra_pipeline.parse.parse_day import PARSER_VERSION
from woopra_pipeline.parse.parsed_days import ParsedDay, checksum, find_parsed_day
from woopra_pipeline.parse.pseudonyms import pseudonyms_below
from woopra_pipeline.replacing import replacing


@dataclass(frozen=True)
class TakenDay:
    """The result of taking a day from the lake: the files here now, and the bytes downloaded.

    A part is None if it is not in the lake, or cannot be used here.
    """

    archived: ArchivedDay | None
    parsed: ParsedDay | None
    downloaded_bytes: int


def take_day(
    lake: Lake, directory: DataDirectory, log_day: date, *, replaces: bool = False
) -> TakenDay:
    """Bring the files of `log_day`, archived and parsed, from the lake into `directory`.

    Each of the two becomes current here in one step (R9), and only if there is no later version
    here. If another file is here and nothing says which is later, that is a `LakeError`. With
    `replaces`, the file of the lake becomes current, and the one here is kept as an earlier
    version. Also raises `LakeError` if a file in the lake is damaged, and `DiskFullError`.
    """
    archive = Archive(directory.raw)
    archived, raw_bytes = take_archived(lake, archive, log_day, replaces=replaces)
    parsed, parsed_bytes = take_parsed(lake, directory, log_day)
    return TakenDay(archived, parsed, raw_bytes + parsed_bytes)


def take_archived(
    lake: Lake, archive: Archive, log_day: date, *, replaces: bool = False
) -> tuple[ArchivedDay | None, int]:
    """Bring the archived file of `log_day`, with its other versions, from the lake; see `take_day`.

    Returns the day as it is here then, if there is one, and the bytes downloaded.
    """
    theirs, manifest = find_archived(lake, log_day)
    if theirs is None:
        if manifest is not None:
            raise damaged(lake, manifest_name(RAW.folder, log_day))
        return archive.find(log_day), 0
    ours = _find_or_repair(archive, log_day)
    wanted = theirs if ours is None else _merged(lake, ours, theirs, replaces=replaces)
    known = (
        set()
        if ours is None
        else {version.sha256 for version in every_version(ours) if version.path.exists()}
    )
    # If persons were erased from the file here and not from the one in the lake, the latter is not
    # brought back.
    missing = {version.sha256 for version in every_version(wanted)} - known
    new = [version for version in every_version(theirs) if version.sha256 in missing]
    with needs_room(archive.folder, f"restoring log day {log_day}"):
        downloaded_bytes = sum(_bring_archived(lake, archive, version) for version in new)
        with locked_folder(archive.day_folder(log_day)):
            ours = find_or_repair(archive, log_day)
            here = _at_home(archive, theirs)
            day = here if ours is None else _merged(lake, ours, here, replaces=replaces)
            if day != ours:
                archive.write_manifest(day)
            if ours is not None:
                _remove_erased(ours, day)
    return day, downloaded_bytes


def take_parsed(
    lake: Lake, directory: DataDirectory, log_day: date
) -> tuple[ParsedDay | None, int]:
    """Bring the parsed files of `log_day` from the lake, unless those here are as good.

    They are taken only if they were made from the file that is archived here (if there is one), by
    this version of the parser, and with the pseudonyms that are set here. Returns the parsed day as
    it is here then, if there is one, and the bytes downloaded.
    """
    theirs, manifest = find_parsed(lake, log_day)
    if theirs is None and manifest is not None:
        raise damaged(lake, manifest_name(PARSED, log_day))
    archived = Archive(directory.raw).find(log_day)
    day_folder = directory.parsed / log_day.isoformat()
    pseudonyms = pseudonyms_below(directory.root)
    fingerprint = pseudonyms.fingerprint if pseudonyms else ""
    if theirs is None or not _is_wanted(theirs, archived, fingerprint):
        return _find_parsed(directory.parsed, log_day), 0
    with (
        needs_room(directory.parsed, f"restoring log day {log_day}"),
        locked_folder(day_folder),
    ):
        ours = _find_parsed(directory.parsed, log_day)
        if ours is not None and ours.fingerprint == theirs.fingerprint:
            return ours, 0
        day = replace(theirs, folder=day_folder / theirs.folder.name)
        _remove_others(day_folder, ours, day)
        make_folder(day.folder)
        downloaded_bytes = sum(_bring_parsed(lake, theirs, day, name) for name in day.files)
        sync(day.folder)
        sync(day_folder)
        parsed_days.write_manifest(day)
        if ours is not None and day.erased_count > ours.erased_count:
            # Even if somebody is reading it, because persons were erased (R10).
            remove(ours.folder)
        return day, downloaded_bytes


def _merged(lake: Lake, ours: ArchivedDay, theirs: ArchivedDay, *, replaces: bool) -> ArchivedDay:
    day = merged(ours, theirs)
    if day is None:
        if not replaces:
            raise another_file(lake, theirs, ours)
        return taking_over(ours, theirs)
    return day


def _remove_erased(before: ArchivedDay, day: ArchivedDay) -> None:
    """Remove the files that were replaced by files without erased persons (R10)."""
    kept = {version.path for version in every_version(day)}
    for version in every_version(before):
        if version.path not in kept:
            version.path.unlink(missing_ok=True)


def _find_or_repair(archive: Archive, log_day: date) -> ArchivedDay | None:
    folder = archive.day_folder(log_day)
    if not folder.is_dir():
        return None
    with locked_folder(folder):
        return find_or_repair(archive, log_day)


def _at_home(archive: Archive, day: ArchivedDay) -> ArchivedDay:
    """The day with its files at their places in this archive."""

    def at_home(version: ArchivedDay) -> ArchivedDay:
        return replace(version, path=archive.file_path(day.log_day, version.sha256))

    return replace(
        at_home(day),
        earlier=tuple(map(at_home, day.earlier)),
        held_back=tuple(map(at_home, day.held_back)),
    )


def _bring_archived(lake: Lake, archive: Archive, version: ArchivedDay) -> int:
    """Download a version's file to its place in the archive, and compare its SHA-256."""
    path = archive.file_path(version.log_day, version.sha256)
    if path.exists():
        try:
            archive.verify(replace(version, path=path))
        except ArchiveError:
            pass
        else:
            return 0
    name = name_of(version.path)
    with replacing(path) as temporary:
        with lake.opened(name) as blocks, temporary.open("wb") as file:
            byte_count = sum(file.write(block) for block in blocks)
        try:
            archive.verify(replace(version, path=temporary))
        except ArchiveError:
            raise damaged(lake, name) from None
    return byte_count


def _is_wanted(theirs: ParsedDay, archived: ArchivedDay | None, pseudonyms: str) -> bool:
    is_same_parser = (theirs.parser_version, theirs.pseudonyms) == (PARSER_VERSION, pseudonyms)
    return is_same_parser and (archived is None or archived.sha256 == theirs.raw_sha256)


def _find_parsed(parsed_folder: Path, log_day: date) -> ParsedDay | None:
    """The parsed day here; None as well if it is damaged."""
    try:
        return find_parsed_day(parsed_folder, log_day)
    except ParsedDayError:
        return None


def _remove_others(day_folder: Path, ours: ParsedDay | None, day: ParsedDay) -> None:
    """Remove files that no manifest names and this day does not need, as a parse does."""
    kept = {MANIFEST_NAME, day.folder.name, *([ours.folder.name] if ours else [])}
    for path in day_folder.iterdir():
        if path.name not in kept:
            remove(path)


def _bring_parsed(lake: Lake, theirs: ParsedDay, day: ParsedDay, name: str) -> int:
    """Download a Parquet file to its place, durably, and compare its checksum."""
    path = day.folder / name
    if path.exists() and checksum(path.read_bytes()) == day.checksums[name]:
        return 0
    make_file(path)
    with lake.opened(name_of(theirs.folder / name)) as blocks:
        content = b"".join(blocks)
    if checksum(content) != day.checksums.get(name):
        raise damaged(lake, name_of(theirs.folder / name))
    path.write_bytes(content)
    sync(path)
    return len(content)
