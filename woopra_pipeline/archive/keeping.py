"""Removes raw files of days that are parsed and old enough, if that is set.

A day whose file was removed stays in the archive with its manifest: its time, its number of lines,
and its checksum, so that the same file is recognised when it is fetched again. Its parsed files are
then the only ones left.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from woopra_pipeline.archive.days import FILE_SUFFIX, Archive
from woopra_pipeline.errors import ArchiveError, ParsedDayError
from woopra_pipeline.files import sync
from woopra_pipeline.locks import locked_folder
from woopra_pipeline.parse.parse_day import PARSER_VERSION
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_day


def remove_old_files(archive: Archive, parsed_folder: Path, today: date, keep: int) -> list[date]:
    """Remove the raw files, all versions, of log days that ended more than `keep` days ago.

    A file stays if its day was not parsed from exactly this file by this version of the program, if
    its parsed files are damaged, or if another file of the day is held back. Returns the days whose
    files were removed.
    """
    removed = []
    for log_day in archive.log_days():
        if log_day < today - timedelta(days=keep):
            with suppress(ArchiveError, ParsedDayError):
                if _remove(archive, parsed_folder, log_day):
                    removed.append(log_day)
    return removed


def _remove(archive: Archive, parsed_folder: Path, log_day: date) -> bool:
    folder = archive.day_folder(log_day)
    with locked_folder(folder):
        files = list(folder.glob(f"*{FILE_SUFFIX}"))
        archived = archive.get(log_day)
        if not files or archived.held_back:
            return False
        if not archived.is_removed:
            parsed = find_parsed_day(parsed_folder, log_day)
            if parsed is None or not _is_of(parsed, archived.sha256):
                return False
            parsed.verify()
            readable = parsed.visit_count + parsed.identify_count + parsed.delete_count
            archive.write_manifest(
                replace(
                    archived,
                    is_removed=True,
                    readable_line_count=readable + parsed.erased_count,
                    rejected_line_count=parsed.rejected_count,
                    earlier=(),
                )
            )
        for path in files:
            path.unlink()
        sync(folder)
    return True


def _is_of(parsed: ParsedDay, sha256: str) -> bool:
    is_current = parsed.parser_version == PARSER_VERSION
    return is_current and parsed.raw_sha256 == sha256 and not parsed.is_open
