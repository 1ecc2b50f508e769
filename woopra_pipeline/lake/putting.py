"""Puts log days into the lake. Files that are there already are neither read nor written again."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import count
from pathlib import Path

from xxhash import xxh3_128

from woopra_pipeline.archive import days as archive_days
from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.repairing import get_or_repair
from woopra_pipeline.clock import Clock, system_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, LakeError
from woopra_pipeline.lake.days import (
    PARSED,
    RAW,
    REUSED_WITHIN,
    find_archived,
    find_parsed,
    manifest_name,
    name_of,
)
from woopra_pipeline.lake.location import Entry, Lake
from woopra_pipeline.lake.versions import every_version, merged
from woopra_pipeline.parse import parsed_days
from woopra_pipeline.parse.parsed_days import ParsedDay, checksum, find_parsed_day
from woopra_pipeline.replacing import json_bytes

FILES_AT_ONCE = 4
ATTEMPTS = 10
"""How often to try to write a manifest that others write at the same time."""

NAME_LENGTH = 16


@dataclass(frozen=True)
class PutDay:
    """The files of a day that are in the lake now, and the bytes uploaded for it.

    An open day is not put into the lake.
    """

    archived: ArchivedDay | None
    parsed: ParsedDay | None
    uploaded_bytes: int


def put_day(
    lake: Lake,
    directory: DataDirectory,
    log_day: date,
    *,
    replaces: bool = False,
    clock: Clock = system_clock,
) -> PutDay:
    """Put the files of `log_day` that `directory` has, archived and parsed, into the lake.

    Each of the two becomes current there in one step (R9), and only if the lake does not have a
    later version. With `replaces`, it becomes current in any case, and the manifests name no other
    file of the day.

    Raises `LakeError` if the lake has another file of the day and nothing says which is later, or
    if the lake cannot be written; `ArchiveError` or `ParsedDayError` if a file here is damaged.
    """
    archive = Archive(directory.raw)
    archived: ArchivedDay | None
    if _has_file(archive, log_day):
        archived, raw_bytes = put_archived(lake, archive, log_day, replaces=replaces, clock=clock)
    else:
        archived, raw_bytes = find_archived(lake, log_day)[0], 0
    parsed, parsed_bytes = put_parsed(
        lake, directory.parsed, log_day, replaces=replaces, clock=clock
    )
    return PutDay(archived, parsed, raw_bytes + parsed_bytes)


def put_archived(
    lake: Lake,
    archive: Archive,
    log_day: date,
    *,
    replaces: bool = False,
    clock: Clock = system_clock,
) -> tuple[ArchivedDay, int]:
    """Put the archived file of `log_day`, with its other versions, into the lake; see `put_day`.

    Returns the day as it is in the lake, and the bytes uploaded.
    """
    ours = get_or_repair(archive, log_day)
    uploaded_bytes = 0
    for _ in range(ATTEMPTS):
        theirs, manifest = find_archived(lake, log_day)
        day = ours if theirs is None or replaces else merged(theirs, ours)
        if day is None:
            assert theirs is not None
            raise another_file(lake, theirs, ours)
        present = _present(lake, RAW.day_folder(log_day))
        known = {} if theirs is None else _placed(theirs, present)
        here = {version.sha256: version for version in every_version(ours)}
        for version in every_version(day):
            if version.sha256 in known:
                continue
            if version.sha256 not in here:
                # The lake has lost it, and only another machine can put it there again.
                known[version.sha256] = version.path
                continue
            path = _free_path(RAW.file_path(log_day, version.sha256), present, clock())
            try:
                uploaded_bytes += _upload_archived(
                    lake, archive, here[version.sha256], path, present
                )
            except ArchiveError:
                if version.sha256 == day.sha256:
                    raise
                # If an earlier version is damaged here, it is left out: it was lost before.
                continue
            known[version.sha256] = path
        day = _in_places(day, known)
        content = json_bytes(archive_days.manifest_of(day))
        if manifest is not None and manifest.content == content:
            return day, uploaded_bytes
        version_read = manifest.version if manifest else None
        if lake.exchange(manifest_name(RAW.folder, log_day), content, version_read):
            return day, uploaded_bytes
    raise _not_written(lake, log_day)


def put_parsed(
    lake: Lake,
    parsed_folder: Path,
    log_day: date,
    *,
    replaces: bool = False,
    clock: Clock = system_clock,
) -> tuple[ParsedDay | None, int]:
    """Put the parsed files of `log_day` into the lake, unless the day is open; see `put_day`.

    Returns the parsed day as it is in the lake, if there is one, and the bytes uploaded.
    """
    ours = find_parsed_day(parsed_folder, log_day)
    uploaded_bytes = 0
    for _ in range(ATTEMPTS):
        theirs, manifest = find_parsed(lake, log_day)
        if ours is None or ours.is_open:
            return theirs, uploaded_bytes
        present = _present(lake, PARSED / log_day.isoformat())
        if theirs is not None and not replaces:
            if ours.fingerprint == theirs.fingerprint:
                stays = all(name_of(theirs.folder / name) in present for name in theirs.files)
            else:
                stays = not _comes_after(ours, theirs, find_archived(lake, log_day)[0])
            if stays:
                return theirs, uploaded_bytes
        ours.verify()
        day = _with_checksums(ours)
        named = None if theirs is None else theirs.folder
        day = replace(day, folder=_free_folder(_wanted_folder(day), named, present, clock()))
        uploaded_bytes += _upload_parsed(lake, ours, day, {} if replaces else present)
        content = json_bytes(parsed_days.manifest_of(day))
        version_read = manifest.version if manifest else None
        if lake.exchange(manifest_name(PARSED, log_day), content, version_read):
            return day, uploaded_bytes
    raise _not_written(lake, log_day)


def _has_file(archive: Archive, log_day: date) -> bool:
    """Whether the raw file of a day is here; it may have been removed because of its age."""
    try:
        archived = archive.find(log_day)
    except ArchiveError:
        # Its manifest is made again from the files that are there.
        return True
    return archived is not None and not archived.is_removed


def _comes_after(ours: ParsedDay, theirs: ParsedDay, archived: ArchivedDay | None) -> bool:
    """Whether a parsed day replaces the one in the lake, beside this archived day.

    Rows of a later parser stay, so that machines with different versions do not undo each other's
    work. Rows with other pseudonyms replace the earlier ones.
    """
    wanted = ours.raw_sha256 if archived is None else archived.sha256
    if ours.raw_sha256 != wanted:
        return False
    if theirs.raw_sha256 != wanted:
        return True
    is_same_parser = ours.parser_version == theirs.parser_version
    return ours.parser_version > theirs.parser_version or (
        is_same_parser and ours.pseudonyms != theirs.pseudonyms
    )


def _upload_archived(
    lake: Lake,
    archive: Archive,
    version: ArchivedDay,
    path: Path,
    present: Mapping[str, Entry],
) -> int:
    """Upload a version's file, unless it is there; returns the bytes uploaded."""
    if name_of(path) in present:
        return 0
    archive.verify(version)
    return _upload(lake, version.path, path)


def _upload_parsed(
    lake: Lake, ours: ParsedDay, day: ParsedDay, present: Mapping[str, Entry]
) -> int:
    """Upload the files of a parsed day that are not there yet; returns the bytes uploaded."""
    missing = [
        name
        for name, size in day.files.items()
        if (entry := present.get(name_of(day.folder / name))) is None or entry.size != size
    ]
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        return sum(
            pool.map(lambda name: _upload(lake, ours.folder / name, day.folder / name), missing)
        )


def _upload(lake: Lake, source: Path, path: Path) -> int:
    try:
        size = source.stat().st_size
        lake.upload(name_of(path), source)
    except OSError as error:
        raise LakeError(
            f"{source} could not be read while it was put into the lake ({error}): if the day was "
            "replaced in the meantime, try again"
        ) from error
    return size


def _present(lake: Lake, folder: Path) -> dict[str, Entry]:
    return {entry.name: entry for entry in lake.entries(name_of(folder))}


def _placed(day: ArchivedDay, present: Mapping[str, Entry]) -> dict[str, Path]:
    """The files of a day's versions that are there, by their SHA-256."""
    return {
        version.sha256: version.path
        for version in every_version(day)
        if name_of(version.path) in present
    }


def _in_places(day: ArchivedDay, paths: Mapping[str, Path]) -> ArchivedDay:
    """The day with its files at these places; versions without a file are left out."""

    def placed(versions: Iterable[ArchivedDay]) -> tuple[ArchivedDay, ...]:
        return tuple(
            replace(version, path=paths[version.sha256])
            for version in versions
            if version.sha256 in paths
        )

    return replace(
        day,
        path=paths[day.sha256],
        earlier=placed(day.earlier),
        held_back=placed(day.held_back),
    )


def _wanted_folder(day: ParsedDay) -> Path:
    """The name of the folder for exactly these bytes."""
    content = json_bytes(sorted(day.checksums.items()))
    name = f"{day.fingerprint[:NAME_LENGTH]}-{xxh3_128(content).hexdigest()[:NAME_LENGTH]}"
    return PARSED / day.log_day.isoformat() / name


def _with_checksums(day: ParsedDay) -> ParsedDay:
    """The day with a checksum of each file: one that version 0.1 parsed has none."""
    missing = day.files.keys() - day.checksums.keys()
    new = {name: checksum((day.folder / name).read_bytes()) for name in missing}
    return replace(day, checksums=day.checksums | new) if new else day


def _free_folder(
    wanted: Path, named: Path | None, present: Mapping[str, Entry], now: datetime
) -> Path:
    """`wanted`, or another folder if files are there that may be removed at any moment."""
    for path in _alternatives(wanted, ""):
        entries = [entry for name, entry in present.items() if Path(name).parent == path]
        if path == named or all(now - entry.modified_at < REUSED_WITHIN for entry in entries):
            return path
    raise AssertionError


def _free_path(wanted: Path, present: Mapping[str, Entry], now: datetime) -> Path:
    """`wanted`, or another path if a file is there that may be removed at any moment."""
    for path in _alternatives(wanted, archive_days.FILE_SUFFIX):
        entry = present.get(name_of(path))
        if entry is None or now - entry.modified_at < REUSED_WITHIN:
            return path
    raise AssertionError


def _alternatives(wanted: Path, suffix: str) -> Iterator[Path]:
    yield wanted
    stem = wanted.name.removesuffix(suffix)
    for number in count(2):
        yield wanted.with_name(f"{stem}-{number}{suffix}")


def _not_written(lake: Lake, log_day: date) -> LakeError:
    return LakeError(
        f"The manifest of log day {log_day} could not be written to the lake {lake.location}: it "
        f"had changed each of {ATTEMPTS} times; try again, and see that the store can write a file "
        "only if nobody else has"
    )


def another_file(lake: Lake, theirs: ArchivedDay, ours: ArchivedDay) -> LakeError:
    """The error for a day with different files here and in the lake, neither of them later."""
    return LakeError(
        f"Log day {ours.log_day} is another file here ({ours.byte_count:,} bytes, fetched "
        f"{ours.fetched_at:%Y-%m-%d %H:%M} UTC) than in the lake {lake.location} "
        f"({theirs.byte_count:,} bytes, fetched {theirs.fetched_at:%Y-%m-%d %H:%M} UTC), and "
        "neither came after the other: take the lake's with `woopra-pipeline restore "
        f"{ours.log_day} {ours.log_day} --take-lake`, which keeps the one here beside it, "
        "then fetch the day again"
    )
