"""A parsed day that grows: the whole lines of its file so far, and their Parquet files.

    parsed/YYYY-MM-DD/manifest.json                            names the folder, as for any day
    parsed/YYYY-MM-DD/open-<token>/log.jsonl                   the file so far, whole lines only
    parsed/YYYY-MM-DD/open-<token>/visits_log-00000.parquet    empty, as are the other four of it
    parsed/YYYY-MM-DD/open-<token>/visits_log-00001.parquet    rows of the lines from line 1 on
    parsed/YYYY-MM-DD/open-<token>/visits_log-00341.parquet …  rows of the lines from line 341 on

Only the manifest says what a step has done: how many bytes and lines count, and which Parquet
files. It does not name files of a killed step, and the next step overwrites them (R9). A file in
the manifest is never changed, so that the model can load only the new lines: in the same folder,
more lines mean the same lines as before and some after them. When there are many files, the day
begins again in another folder, from the lines that it has.
"""

import hashlib
import io
import secrets
import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from woopra_pipeline.errors import ConfigurationError, ParsedDayError
from woopra_pipeline.files import make_file, make_folder, remove, sync
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.parse.lines import BYTE_ORDER_MARK, whole_lines
from woopra_pipeline.parse.parse_day import CHUNK_BYTES, PARSER_VERSION
from woopra_pipeline.parse.parsed_days import (
    MANIFEST_NAME,
    ParsedDay,
    find_parsed_day,
    open_fingerprint,
    write_manifest,
)
from woopra_pipeline.parse.parts import Part, WrittenPart, write_part
from woopra_pipeline.parse.pseudonyms import Pseudonyms, pseudonyms_below
from woopra_pipeline.privacy.persons import NOBODY, ErasedPersons, Sieve
from woopra_pipeline.woopra.log_days import log_day_from_text

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FOLDER_PREFIX = "open-"
LOG_NAME = "log.jsonl"

MOST_FILES = 500
"""To open a file takes longer than to read a few rows.

If there are more files than this, the day begins again.
"""

COUNTS = [name for name in WrittenPart.__struct_fields__ if name.endswith("_count")]


def find_usable_day(parsed_folder: Path, log_day: date) -> ParsedDay | None:
    """The parsed day, closed or open; None if there is none, or none that can still grow."""
    try:
        day = find_parsed_day(parsed_folder, log_day)
        if day is not None and day.is_open:
            day.verify()
    except ParsedDayError:
        return None
    if day is None or not day.is_open:
        return day
    log = log_file(day)
    is_whole = log.is_file() and log.stat().st_size >= day.raw_bytes
    is_same_parser = (day.parser_version, day.pseudonyms) == (
        PARSER_VERSION,
        _fingerprint(pseudonyms_below(parsed_folder.parent)),
    )
    return day if is_whole and is_same_parser else None


def _fingerprint(pseudonyms: Pseudonyms | None) -> str:
    return pseudonyms.fingerprint if pseudonyms else ""


def start_current_day(parsed_folder: Path, log_day: date, started_at: datetime) -> ParsedDay:
    """A current day without lines, in a folder of its own that no manifest names yet."""
    name = f"{FOLDER_PREFIX}{secrets.token_hex(8)}"
    folder = parsed_folder / log_day.isoformat() / name
    make_folder(folder)
    first = write_part(Part(log_day, 0, 1, str(folder)), b"")
    day = ParsedDay(
        log_day=log_day,
        fingerprint=open_fingerprint(name, 0),
        folder=folder,
        raw_sha256="",
        raw_bytes=0,
        fetched_at=started_at,
        parser_version=PARSER_VERSION,
        **dict.fromkeys(COUNTS, 0),
        files=first.files,
        is_open=True,
        checksums=first.checksums,
        pseudonyms=_fingerprint(pseudonyms_below(parsed_folder.parent)),
    )
    make_file(log_file(day))
    return day


def log_file(day: ParsedDay) -> Path:
    """The current day's own file; its first `raw_bytes` count."""
    return day.folder / LOG_NAME


def grow(
    day: ParsedDay, byte_count: int, read_at: datetime, persons: ErasedPersons = NOBODY
) -> ParsedDay:
    """Add lines to `day`, up to the first `byte_count` bytes of the day's file.

    Lines of `persons`, who were erased, are overwritten first (R10). Makes the result the current
    parsed day, unless it is that already. Raises `OSError` if files cannot be written.
    """
    if byte_count == day.raw_bytes > 0:
        return day
    if len(day.files) > MOST_FILES:
        day = _from_the_start(day)
    _overwrite_erased(day, persons)
    pseudonyms = pseudonyms_below(day.folder.parents[2])
    with log_file(day).open("rb") as log:
        raw_sha256 = hashlib.file_digest(log, "sha256").hexdigest()
        log.seek(day.raw_bytes)
        written: list[WrittenPart] = []
        line_count = day.line_count
        for chunk in whole_lines(log, CHUNK_BYTES):
            lines = chunk if line_count else chunk.removeprefix(BYTE_ORDER_MARK)
            part = Part(day.log_day, line_count + 1, line_count + 1, str(day.folder), pseudonyms)
            written.append(write_part(part, lines))
            line_count += written[-1].line_count
    sync(day.folder)
    sync(day.folder.parent)
    counts = {
        name: getattr(day, name) + sum(getattr(part, name) for part in written) for name in COUNTS
    }
    files = day.files | {name: size for part in written for name, size in part.files.items()}
    checksums = day.checksums | {
        name: text for part in written for name, text in part.checksums.items()
    }
    grown = replace(
        day,
        fingerprint=open_fingerprint(day.folder.name, line_count),
        raw_sha256=raw_sha256,
        raw_bytes=byte_count,
        fetched_at=read_at,
        files=files,
        checksums=checksums,
        **counts,
    )
    write_manifest(grown)
    return grown


def _from_the_start(day: ParsedDay) -> ParsedDay:
    """The current day with the same file and no lines, to parse it again in few large parts."""
    fresh = start_current_day(day.folder.parents[1], day.log_day, day.fetched_at)
    shutil.copyfile(log_file(day), log_file(fresh))
    sync(log_file(fresh))
    return fresh


def _overwrite_erased(day: ParsedDay, persons: ErasedPersons) -> None:
    """Overwrite the lines of erased persons after the lines that the day has."""
    if not persons:
        return
    with log_file(day).open("r+b") as log:
        place = day.raw_bytes
        sieve = Sieve(persons, day.log_day) if place else None
        if sieve:
            # The values of these lines decide about later lines. They have no line to erase.
            for chunk in whole_lines(io.BufferedReader(_Start(log, place)), CHUNK_BYTES):
                sieve.overwritten(chunk.removeprefix(BYTE_ORDER_MARK))
            log.seek(place)
        for piece, count in persons.overwritten_file(log, day.log_day, sieve=sieve):
            if count:
                behind = log.tell()
                log.seek(place)
                log.write(piece)
                log.seek(behind)
            place += len(piece)
    sync(log_file(day))


class _Start(io.RawIOBase):
    """The first bytes of a file, so many of them."""

    def __init__(self, file: BinaryIO, byte_count: int) -> None:
        self._file = file
        self._left = byte_count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        content = self._file.read(min(len(memoryview(buffer)), self._left))
        memoryview(buffer)[: len(content)] = content
        self._left -= len(content)
        return len(content)


def _count_erased(day: ParsedDay, persons: ErasedPersons) -> int:
    """How many lines of an open day belong to erased persons and are not overwritten yet."""
    with log_file(day).open("rb") as log:
        return persons.count(io.BytesIO(log.read(day.raw_bytes)), day.log_day)


def overwrite_current_day(parsed_folder: Path, log_day: date, persons: ErasedPersons) -> int:
    """Make an open day again, in another folder, without the lines of erased persons (R10).

    Returns the number of lines. The earlier folder is removed.
    """
    with locked_folder(parsed_folder / log_day.isoformat()):
        day = find_usable_day(parsed_folder, log_day)
        if day is None or not day.is_open or not _count_erased(day, persons):
            return 0
        fresh = _from_the_start(day)
        with log_file(fresh).open("r+b") as log:
            log.truncate(day.raw_bytes)
        grown = grow(fresh, day.raw_bytes, day.fetched_at, persons)
        remove(day.folder)
        return grown.erased_count - day.erased_count


def remove_unnamed(parsed_folder: Path) -> None:
    """Remove files that no manifest names from the folders of days that are or were current.

    These are files of killed steps, and of current days that ended or began again since the last
    step. They are kept until then, because somebody may still read them.
    """
    for day_folder in {path.parent for path in parsed_folder.glob(f"*/{FOLDER_PREFIX}*")}:
        with locked_folder(day_folder):
            try:
                current = find_parsed_day(parsed_folder, log_day_from_text(day_folder.name))
            except (ConfigurationError, ParsedDayError):
                continue
            for path in day_folder.iterdir():
                if path.name != MANIFEST_NAME and (current is None or path != current.folder):
                    remove(path)
