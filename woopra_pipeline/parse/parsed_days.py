"""The parsed days on disk, read from their manifests.

    parsed/YYYY-MM-DD/manifest.json                     names the folder that is current
    parsed/YYYY-MM-DD/<fingerprint>/visits_log-00000.parquet …

A folder that no manifest names does not exist for anyone (R9). The day whose file still grows is a
parsed day like the others, except that it is open: `current_day` adds files to it.
"""

import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from xxhash import xxh3_128

from woopra_pipeline.errors import ConfigurationError, ParsedDayError
from woopra_pipeline.replacing import replace_json
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    PARSED_TABLES,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
    Table,
)
from woopra_pipeline.woopra.log_days import log_day_from_text

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class ParsedDay:
    """One log day's Parquet files, what they were made from and how many rows they hold.

    `fingerprint` stands for the raw file and the parser's version: the same fingerprint, the same
    rows. `files` are the names of the Parquet files in `folder` and their sizes in bytes;
    `checksums` are theirs by name, and empty for a day that version 0.1 parsed.

    An open day is the current day: what is known so far of a file that still grows, as
    `current_day` says, or was known last.
    """

    log_day: date
    fingerprint: str
    folder: Path
    raw_sha256: str
    raw_bytes: int
    fetched_at: datetime
    parser_version: int
    line_count: int
    visit_count: int
    identify_count: int
    delete_count: int
    action_count: int
    property_count: int
    rejected_count: int
    blank_count: int
    files: dict[str, int]
    is_open: bool = False
    checksums: dict[str, str] = field(default_factory=dict)
    erased_count: int = 0
    """Lines of persons who were erased (R10)."""
    pseudonyms: str = ""
    """The fingerprint of what was replaced by pseudonyms; empty: nothing was."""

    def verify(self, *, after_line: int = 0) -> None:
        """Compare the files, those of an open day after a line, with their checksums.

        Where there is none, it is enough that the file can be read. Raises `ParsedDayError` if one
        is not what was written.
        """
        for table in PARSED_TABLES:
            for path in self.parquet_files(table, after_line=after_line):
                if not _is_whole(path, self.checksums.get(path.name)):
                    raise ParsedDayError(
                        f"{path} is damaged, its content is not what was written: "
                        f"{_parse_again(self.log_day)}"
                    )

    def parquet_files(self, table: Table, *, after_line: int = 0) -> list[Path]:
        """The day's Parquet files of one of `PARSED_TABLES`, at least one, in log order.

        An open day's files are numbered by their first lines, number 0 being empty. Of those,
        only the ones with lines after the `after_line`-th, to which it had grown before.
        """
        prefix, suffix = f"{table.name}-", ".parquet"
        numbers = {
            int(name.removeprefix(prefix).removesuffix(suffix)): name
            for name in self.files
            if name.startswith(prefix)
        }
        return [
            self.folder / numbers[number]
            for number in sorted(numbers)
            if number == 0 or number > after_line
        ]

    def continues(self, fingerprint: str, line_count: int) -> bool:
        """Whether it is an open day that had this fingerprint when it had so many lines."""
        return self.is_open and fingerprint == open_fingerprint(self.folder.name, line_count)

    def row_count(self, table: Table) -> int:
        """The number of rows the day has in one of `PARSED_TABLES`."""
        return {
            VISITS_LOG.name: self.visit_count + self.identify_count,
            ACTIONS_LOG.name: self.action_count,
            PROPERTIES_LOG.name: self.property_count,
            DELETES_LOG.name: self.delete_count,
            REJECTED_LINES_LOG.name: self.rejected_count,
        }[table.name]


def checksum(content: bytes | memoryview) -> str:
    """The checksum of a Parquet file: XXH3, which finds damage at the speed of memory.

    It does not protect from somebody who changes a file on purpose.
    """
    return xxh3_128(content).hexdigest()


def _is_whole(path: Path, wanted: str | None) -> bool:
    try:
        if wanted is not None:
            return checksum(path.read_bytes()) == wanted
        pq.read_table(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def open_fingerprint(folder_name: str, line_count: int) -> str:
    """The fingerprint of an open day with so many lines. In its folder, the day only grows."""
    return f"{folder_name} {line_count}"


def find_parsed_days(folder: Path) -> dict[date, ParsedDay]:
    """Every log day below `folder` (`DataDirectory.parsed`) that was parsed, in calendar order.

    Raises `ParsedDayError` if what a manifest names is missing or damaged.
    """
    found = ((log_day, find_parsed_day(folder, log_day)) for log_day in parsed_log_days(folder))
    return {log_day: day for log_day, day in found if day is not None}


def parsed_log_days(folder: Path) -> list[date]:
    """The log days that have a manifest below `folder`, whatever it says, in calendar order."""
    log_days = []
    for path in folder.glob(f"*/{MANIFEST_NAME}"):
        try:
            log_days.append(log_day_from_text(path.parent.name))
        except ConfigurationError:
            continue
    return sorted(log_days)


def find_parsed_day(folder: Path, log_day: date) -> ParsedDay | None:
    """One log day below `folder` (`DataDirectory.parsed`), or None if it was never parsed.

    Raises `ParsedDayError` if what its manifest names is missing or damaged.
    """
    path = folder / log_day.isoformat() / MANIFEST_NAME
    try:
        parsed_day = read_manifest(folder, log_day, path.read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ParsedDayError(f"{path} is damaged: {_parse_again(log_day)}") from None
    if parsed_day.log_day != log_day:
        raise ParsedDayError(f"{path} belongs to {parsed_day.log_day}: {_parse_again(log_day)}")
    for name, size in parsed_day.files.items():
        file = parsed_day.folder / name
        if not file.is_file() or file.stat().st_size != size:
            raise ParsedDayError(f"{file} is missing or damaged: {_parse_again(log_day)}")
    return parsed_day


def read_manifest(folder: Path, log_day: date, content: bytes) -> ParsedDay:
    """The parsed day below `folder` whose manifest has these bytes.

    Raises `msgspec.DecodeError` or `UnicodeDecodeError` if it is damaged.
    """
    manifest = msgspec.json.decode(content, type=ParsedDay, dec_hook=_read_path)
    return dataclasses.replace(manifest, folder=folder / log_day.isoformat() / manifest.folder)


def write_manifest(parsed_day: ParsedDay) -> None:
    """Make `parsed_day` the current one of its log day; its files must be on disk."""
    replace_json(parsed_day.folder.parent / MANIFEST_NAME, manifest_of(parsed_day))


def manifest_of(parsed_day: ParsedDay) -> object:
    """What the manifest of a parsed day says, to be written as JSON."""
    return dataclasses.asdict(parsed_day) | {"folder": parsed_day.folder.name}


def _parse_again(log_day: date) -> str:
    return f"`woopra-pipeline backfill {log_day} {log_day}` makes the parsed day again"


def _read_path(_: type, name: str) -> Path:
    return Path(name)
