"""The parsed days on disk, as their manifests tell it.

    parsed/YYYY-MM-DD/manifest.json                     names the folder that is current
    parsed/YYYY-MM-DD/<fingerprint>/visits_log-00000.parquet …

A folder that no manifest names does not exist for anyone (R9). The day whose file still grows is a
parsed day like the others, except that it is open: `following` adds files to it.
"""

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import msgspec

from woopra_pipeline.errors import ConfigurationError, ParsedDayError
from woopra_pipeline.files import replace_json
from woopra_pipeline.tables import (
    ACTIONS_LOG,
    DELETES_LOG,
    PROPERTIES_LOG,
    REJECTED_LINES_LOG,
    VISITS_LOG,
    Table,
)
from woopra_pipeline.woopra.log_days import parse_log_day as read_log_day

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class ParsedDay:
    """One log day's Parquet files, what they were made from and how many rows they hold.

    `fingerprint` stands for the raw file and the parser's version: the same fingerprint, the same
    rows. `files` are the names of the Parquet files in `folder` and their sizes in bytes.

    An open day is what is known so far of a file that still grows; `following` says how.
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


def open_fingerprint(folder_name: str, line_count: int) -> str:
    """The fingerprint of an open day that has so many lines: it only ever grows in its folder."""
    return f"{folder_name} {line_count}"


def find_parsed_days(folder: Path) -> dict[date, ParsedDay]:
    """Every log day below `folder` (`DataDirectory.parsed`) that was parsed, in calendar order.

    Raises `ParsedDayError` if what a manifest names is missing or damaged.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    days = {}
    for name in names:
        try:
            log_day = read_log_day(name)
        except ConfigurationError:
            continue
        parsed_day = find_parsed_day(folder, log_day)
        if parsed_day is not None:
            days[log_day] = parsed_day
    return days


def find_parsed_day(folder: Path, log_day: date) -> ParsedDay | None:
    """One log day below `folder` (`DataDirectory.parsed`), or None if it was never parsed.

    Raises `ParsedDayError` if what its manifest names is missing or damaged.
    """
    day_folder = folder / log_day.isoformat()
    path = day_folder / MANIFEST_NAME
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=ParsedDay, dec_hook=_read_path)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ParsedDayError(f"{path} is damaged: remove it and parse {log_day} again") from None
    if manifest.log_day != log_day:
        raise ParsedDayError(
            f"{path} speaks of {manifest.log_day}: remove it and parse {log_day} again"
        )
    parsed_day = dataclasses.replace(manifest, folder=day_folder / manifest.folder)
    for name, size in parsed_day.files.items():
        file = parsed_day.folder / name
        if not file.is_file() or file.stat().st_size != size:
            raise ParsedDayError(
                f"{file} is missing or damaged: remove {path} and parse {log_day} again"
            )
    return parsed_day


def write_manifest(parsed_day: ParsedDay) -> None:
    """Make `parsed_day` the current one of its log day; its files must be on disk."""
    content = dataclasses.asdict(parsed_day) | {"folder": parsed_day.folder.name}
    replace_json(parsed_day.folder.parent / MANIFEST_NAME, content)


def _read_path(_: type, name: str) -> Path:
    return Path(name)
