"""Whether the parsed days account for every line of their files (R8), by two independent counts."""

from dataclasses import dataclass
from datetime import date

from woopra_pipeline.archive.days import Archive, ArchivedDay
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, ParsedDayError
from woopra_pipeline.parse.parsed_days import ParsedDay, find_parsed_day
from woopra_pipeline.wording import count


@dataclass(frozen=True)
class Miscount:
    """A day of whose lines some are missing in its parsed form, or there more than once."""

    log_day: date
    line_count: int
    """Lines of the file, counted as it was downloaded."""
    parsed_count: int
    """Lines of the file, counted by kind as they were parsed."""

    def error(self) -> ParsedDayError:
        """What is said of the day."""
        return ParsedDayError(
            f"Log day {self.log_day} has {count(self.line_count, 'line')}, and "
            f"{self.parsed_count:,} were counted as it was parsed: the fault is in this program, "
            "so keep the file and report it"
        )


def find_miscounts(directory: DataDirectory) -> list[Miscount]:
    """Compare, by their manifests, all parsed days with the files they were made from.

    Days that are to be parsed again, or cannot be read, are left out.
    """
    archive = Archive(directory.raw)
    miscounts = []
    for log_day in archive.log_days():
        try:
            archived = archive.get(log_day)
            parsed = find_parsed_day(directory.parsed, log_day)
        except (ArchiveError, ParsedDayError):
            continue
        if parsed is not None and (miscount := miscount_of(archived, parsed)):
            miscounts.append(miscount)
    return miscounts


def miscount_of(archived: ArchivedDay, parsed: ParsedDay) -> Miscount | None:
    """What is wrong with a parsed day; None if nothing is, or if it was made from another file."""
    if parsed.raw_sha256 != archived.sha256:
        return None
    if archived.line_count == parsed.line_count == _lines_by_kind(parsed):
        return None
    return Miscount(archived.log_day, archived.line_count, _lines_by_kind(parsed))


def _lines_by_kind(day: ParsedDay) -> int:
    lines = day.visit_count + day.identify_count + day.delete_count
    return lines + day.rejected_count + day.blank_count + day.erased_count
