"""Log days made on a disk, and what homes of days hold, to be compared."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson

from woopra_pipeline.archive import Archive, ArchivedDay
from woopra_pipeline.clock import Clock, frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.days import find_archived, find_parsed
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.taking import take_day
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import ParsedDay
from woopra_pipeline_tests.parse.archived_files import archive_file

DAY = date(2026, 3, 5)
LINE = (
    b'{"type":"visit","pid":"%d","time":1772700000000,'
    b'"actions":[{"name":"view","time":1772700000000}]}\n'
)


def log_of(line_count: int) -> bytes:
    """A file of so many visits."""
    return b"".join(LINE % number for number in range(line_count))


def make_day(directory: DataDirectory, content: bytes, log_day: date = DAY) -> None:
    """Archive `content` as the first file of a day, and parse it."""
    archive_file(Archive(directory.raw), log_day, content)
    parse_log_day(Archive(directory.raw), log_day, directory.parsed)


def replace_day(directory: DataDirectory, content: bytes, log_day: date = DAY) -> None:
    """Archive `content` in place of the day's file, which is kept, and parse it."""
    archive = Archive(directory.raw)
    before = archive.get(log_day)
    alone = replace(before, earlier=())
    now = archive_file(archive, log_day, content)
    archive.write_manifest(replace(now, earlier=(*before.earlier, alone)))
    parse_log_day(archive, log_day, directory.parsed)


def content_here(directory: DataDirectory, log_day: date = DAY) -> bytes | None:
    """The day's content in the archive, verified; None if there is none."""
    archive = Archive(directory.raw)
    archived = archive.find(log_day)
    if archived is None:
        return None
    with archive.open(archived) as stream:
        return stream.read()


def restored(lake: Lake, folder: Path) -> DataDirectory:
    """An empty disk on which the day was restored, which verifies all of it."""
    directory = DataDirectory(folder)
    take_day(lake, directory, DAY)
    return directory


def in_lake(lake: Lake) -> tuple[ArchivedDay | None, ParsedDay | None]:
    """What manifests in the lake say of the day."""
    return find_archived(lake, DAY)[0], find_parsed(lake, DAY)[0]


def names_in(lake: Lake) -> set[str]:
    """All files in the lake."""
    return {entry.name for entry in lake.entries("")}


def named_in(lake: Lake) -> set[str]:
    """The files of the day that a manifest in the lake names, and the manifests."""
    archived, parsed = in_lake(lake)
    names = set()
    if archived is not None:
        versions = (archived, *archived.earlier, *archived.held_back)
        names |= {f"raw/{DAY}/manifest.json", *(str(version.path) for version in versions)}
    if parsed is not None:
        files = {str(parsed.folder / name) for name in parsed.files}
        names |= {f"parsed/{DAY}/manifest.json", *files}
    return names


def files_below(folder: Path) -> dict[str, bytes]:
    """The content of every file, by its path below the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def parsed_content(
    directory: DataDirectory, log_day: date = DAY
) -> tuple[object, dict[str, bytes]]:
    """What a parsed day's manifest says, but for the folder's name, and its files."""
    manifest = orjson.loads((directory.parsed / str(DAY) / "manifest.json").read_bytes())
    folder = directory.parsed / str(DAY) / manifest.pop("folder")
    return manifest, files_below(folder)


def later(days: float) -> Clock:
    """A clock that is so many days ahead."""
    return frozen_clock(datetime.now(UTC) + timedelta(days=days))
