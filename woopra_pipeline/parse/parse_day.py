"""An archived day into its parsed form: whole or not at all, and only when something changed."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import BinaryIO

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.archive.repairing import get_or_repair
from woopra_pipeline.errors import ArchiveError, ParsedDayError
from woopra_pipeline.files import make_folder, remove, sync
from woopra_pipeline.full_disk import needs_room
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.parse.lines import BYTE_ORDER_MARK, whole_lines
from woopra_pipeline.parse.parsed_days import (
    MANIFEST_NAME,
    ParsedDay,
    find_parsed_day,
    write_manifest,
)
from woopra_pipeline.parse.parts import Part, write_part
from woopra_pipeline.parse.pseudonyms import Pseudonyms, pseudonyms_below
from woopra_pipeline.parse.workers import Job, Workers, write_parts

PARSER_VERSION = 2
"""To be raised whenever the same bytes would give other rows: all days are then parsed again."""

CHUNK_BYTES = 8 << 20
"""How many bytes of a file become one part: few, for the last part is one process's alone."""

WORTH_WORKERS_BYTES = 32 << 20
"""From this size on a file is parsed faster with worker processes than before they are up."""

MOST_PROCESSES = 4
"""As many processes, at some 200 MB each, keep a parse within 1 GB whatever the file's size."""

FOLDER_NAME_LENGTH = 16


def parse_log_day(
    archive: Archive,
    log_day: date,
    parsed_folder: Path,
    *,
    processes: int | None = None,
    workers: Workers | None = None,
) -> ParsedDay:
    """Parse the archived file of `log_day` into `parsed_folder` (`DataDirectory.parsed`).

    The day's files stay if the same parser made them from the same bytes, or if the raw file was
    removed because of its age. Otherwise the new files become current all at once (R9). The earlier
    files stay on disk until the next call for this day, because somebody may be reading them.

    `processes` is how many parse a large file, this one included, by default one per usable core
    and at most four. With `workers`, which several threads may share, a small file is parsed by one
    of them; without, by this process. Raises `ArchiveError` if the day is not archived or its file
    is damaged, `ParsedDayError` if the parsed files cannot be written, `DiskFullError` if there is
    no room for them.
    """
    archived = get_or_repair(archive, log_day)
    pseudonyms = pseudonyms_below(parsed_folder.parent)
    made_of = f"{archived.sha256} {PARSER_VERSION}"
    if pseudonyms is not None:
        made_of += f" {pseudonyms.fingerprint}"
    fingerprint = hashlib.sha256(made_of.encode()).hexdigest()
    day_folder = parsed_folder / log_day.isoformat()
    try:
        with needs_room(parsed_folder, f"parsing log day {log_day}"), locked_folder(day_folder):
            current = _current(parsed_folder, log_day)
            _remove_others(day_folder, current)
            if current is not None and (
                current.fingerprint == fingerprint
                or (archived.is_removed and current.raw_sha256 == archived.sha256)
            ):
                return current
            folder = day_folder / fingerprint[:FOLDER_NAME_LENGTH]
            parsed_day = _parse(
                archive,
                archived,
                fingerprint,
                folder,
                pseudonyms,
                processes=processes,
                workers=workers,
            )
            write_manifest(parsed_day)
            return parsed_day
    except OSError as error:
        raise ParsedDayError(
            f"The parsed files of {log_day} cannot be written ({error}): make room or correct the "
            f"permissions below {parsed_folder}, then parse the day again"
        ) from error


def _current(parsed_folder: Path, log_day: date) -> ParsedDay | None:
    """The day as it was parsed before; None if it is damaged, too, and must be made again."""
    try:
        day = find_parsed_day(parsed_folder, log_day)
        if day is not None:
            day.verify()
    except ParsedDayError:
        return None
    return day


def _remove_others(day_folder: Path, current: ParsedDay | None) -> None:
    """Remove what no manifest names: files that were replaced, or that a killed parse left."""
    for path in day_folder.iterdir():
        if path.name != MANIFEST_NAME and (current is None or path != current.folder):
            remove(path)


def clean_parsed(parsed_folder: Path, log_day: date) -> None:
    """Remove files of a day that its manifest does not name: nobody has to wait for the next parse.

    If the manifest is damaged, everything stays.
    """
    day_folder = parsed_folder / log_day.isoformat()
    with locked_folder(day_folder), suppress(ParsedDayError):
        _remove_others(day_folder, find_parsed_day(parsed_folder, log_day))


def days_at_once(archive: Archive, log_days: Sequence[date]) -> int:
    """How many of these days to parse side by side, with `Workers` for all: 1 if they are small."""
    byte_count = 0
    for log_day in log_days:
        with suppress(ArchiveError):
            archived = archive.find(log_day)
            byte_count += archived.byte_count if archived else 0
    return 1 if byte_count < 2 * WORTH_WORKERS_BYTES else min(_most_processes(), len(log_days))


def _parse(
    archive: Archive,
    archived: ArchivedDay,
    fingerprint: str,
    folder: Path,
    pseudonyms: Pseudonyms | None,
    *,
    processes: int | None,
    workers: Workers | None,
) -> ParsedDay:
    make_folder(folder)
    is_large = archived.byte_count >= WORTH_WORKERS_BYTES
    with archive.open(archived) as stream:
        jobs = _jobs(stream, archived.log_day, folder, pseudonyms)
        if processes == 1 or not (is_large or workers):
            written = [write_part(*job) for job in jobs]
        elif is_large:
            with nullcontext(workers) if workers else Workers() as crew, crew.large_file:
                written = write_parts(jobs, processes or _most_processes(), crew)
        else:
            assert workers is not None
            with workers.borrowed() as worker:
                written = [worker.write(*job) for job in jobs]
    sync(folder)
    sync(folder.parent)
    return ParsedDay(
        log_day=archived.log_day,
        fingerprint=fingerprint,
        folder=folder,
        raw_sha256=archived.sha256,
        raw_bytes=archived.byte_count,
        fetched_at=archived.fetched_at,
        parser_version=PARSER_VERSION,
        line_count=sum(part.line_count for part in written),
        visit_count=sum(part.visit_count for part in written),
        identify_count=sum(part.identify_count for part in written),
        delete_count=sum(part.delete_count for part in written),
        action_count=sum(part.action_count for part in written),
        property_count=sum(part.property_count for part in written),
        rejected_count=sum(part.rejected_count for part in written),
        blank_count=sum(part.blank_count for part in written),
        erased_count=sum(part.erased_count for part in written),
        files={name: size for part in written for name, size in part.files.items()},
        checksums={name: text for part in written for name, text in part.checksums.items()},
        pseudonyms=pseudonyms.fingerprint if pseudonyms else "",
    )


def _jobs(
    stream: BinaryIO, log_day: date, folder: Path, pseudonyms: Pseudonyms | None
) -> Iterator[Job]:
    first_line = 1
    for number, chunk in enumerate(_chunks(stream)):
        yield Part(log_day, number, first_line, str(folder), pseudonyms), chunk
        first_line += chunk.count(b"\n")


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The file in pieces of whole lines: at least one, even if it is empty."""
    chunks = whole_lines(stream, CHUNK_BYTES)
    yield next(chunks, b"").removeprefix(BYTE_ORDER_MARK)
    yield from chunks


def _most_processes() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
    return min(os.cpu_count() or 1, MOST_PROCESSES)
