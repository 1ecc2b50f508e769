"""A day in the lake is what it is on the disk, is put there once, and never goes back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ArchiveError, LakeError, ParsedDayError
from woopra_pipeline.lake.cleaning import remove_unnamed, remove_unnamed_now
from woopra_pipeline.lake.days import KEPT_FOR, log_days_in, parsed_days_in
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.parse.parsed_days import find_parsed_day, write_manifest
from woopra_pipeline_tests.lake.days_here import (
    DAY,
    content_here,
    files_below,
    in_lake,
    later,
    log_of,
    make_day,
    named_in,
    names_in,
    parsed_content,
    replace_day,
    restored,
)
from woopra_pipeline_tests.model import parsed_files
from woopra_pipeline_tests.parse.archived_files import archive_file

FIRST, SECOND, THIRD = log_of(3), log_of(5), log_of(7)
A_DAY_MORE = KEPT_FOR.days + 1


@pytest.fixture
def here(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "there")


def test_a_day_comes_back_as_it_was(lake, here, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    back = restored(lake, tmp_path / "back")
    assert files_below(back.raw) == files_below(here.raw)
    assert parsed_content(back) == parsed_content(here)
    find_parsed_day(back.parsed, DAY).verify()


def test_an_empty_day_comes_back(lake, here, tmp_path):
    make_day(here, b"")
    put_day(lake, here, DAY)
    assert content_here(restored(lake, tmp_path / "back")) == b""


def test_what_is_there_is_not_uploaded_again(lake, here):
    make_day(here, FIRST)
    assert put_day(lake, here, DAY).uploaded_bytes > 0
    before = list(lake.entries(""))
    assert put_day(lake, here, DAY).uploaded_bytes == 0
    assert list(lake.entries("")) == before


def test_the_days_of_a_lake_are_found(lake, here):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    assert log_days_in(lake) == [DAY]
    (parsed,) = parsed_days_in(lake).values()
    assert parsed.line_count == 3
    assert names_in(lake) == named_in(lake)


def test_a_day_that_was_replaced_is_replaced_there_and_keeps_its_earlier_file(lake, here, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    replace_day(here, SECOND)
    put_day(lake, here, DAY)
    back = restored(lake, tmp_path / "back")
    assert content_here(back) == SECOND
    assert files_below(back.raw) == files_below(here.raw)
    assert parsed_days_in(lake)[DAY].line_count == 5


def test_the_parsed_files_of_a_replaced_day_stay_while_they_may_be_read(lake, here):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    first_files = {str(in_lake(lake)[1].folder / name) for name in in_lake(lake)[1].files}
    replace_day(here, SECOND)
    put_day(lake, here, DAY)
    remove_unnamed(lake, clock=later(A_DAY_MORE - 2))
    assert first_files < names_in(lake)
    assert remove_unnamed(lake, clock=later(A_DAY_MORE)) > 0
    assert names_in(lake) == named_in(lake)


def test_files_that_were_named_until_just_now_stay_however_old_they_are(lake, here):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    first_files = {str(in_lake(lake)[1].folder / name) for name in in_lake(lake)[1].files}
    replace_day(here, SECOND)
    put_day(lake, here, DAY)

    def is_kept(entry):
        return entry.name not in first_files

    # As if the first files were a week older than the manifest that names the second ones.
    aged = AgedLake(lake, is_kept)
    remove_unnamed(aged, clock=later(A_DAY_MORE / 2))
    assert first_files < names_in(lake)


class AgedLake:
    """A lake whose listing says that some files are a month older."""

    def __init__(self, lake, is_young):
        self._lake, self._is_young = lake, is_young

    def __getattr__(self, name):
        return getattr(self._lake, name)

    def entries(self, folder):
        for entry in self._lake.entries(folder):
            aged = entry.modified_at - 4 * KEPT_FOR
            yield entry if self._is_young(entry) else replace(entry, modified_at=aged)


def test_what_an_upload_left_without_a_manifest_is_removed_when_no_upload_can_be_under_way(lake):
    lake.write(f"raw/{DAY}/0123456789abcdef.jsonl.zst", b"half")
    lake.write(f"parsed/{DAY}/folder/visits_log-00000.parquet", b"half")
    lake.write("tables/visits/part.parquet", b"none of the days")
    remove_unnamed(lake, clock=later(A_DAY_MORE - 2))
    assert len(names_in(lake)) == 3
    remove_unnamed(lake, clock=later(A_DAY_MORE))
    assert names_in(lake) == {"tables/visits/part.parquet"}


def test_a_file_that_may_be_removed_at_any_moment_is_not_named_again(lake, here, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    first_archived, first_parsed = in_lake(lake)
    lake.remove([f"raw/{DAY}/manifest.json", f"parsed/{DAY}/manifest.json"])
    put_day(lake, here, DAY, clock=later(2))
    archived, parsed = in_lake(lake)
    assert archived.path != first_archived.path
    assert parsed.folder != first_parsed.folder
    remove_unnamed(lake, clock=later(A_DAY_MORE + 1))
    assert names_in(lake) == named_in(lake)
    back = restored(lake, tmp_path / "back")
    assert files_below(back.raw) == files_below(here.raw)


def test_nothing_is_removed_beside_a_damaged_manifest(lake, here):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    lake.write(f"parsed/{DAY}/manifest.json", b"{")
    before = names_in(lake)
    remove_unnamed(lake, clock=later(A_DAY_MORE))
    with pytest.raises(LakeError, match=r"manifest\.json is damaged"):
        remove_unnamed_now(lake, [DAY])
    assert names_in(lake) == before


def test_a_disk_that_is_behind_changes_nothing(lake, here, there):
    for directory in (here, there):
        make_day(directory, FIRST)
    put_day(lake, there, DAY)
    replace_day(here, SECOND)
    put_day(lake, here, DAY)
    before = list(lake.entries(""))
    put_day(lake, there, DAY)
    assert list(lake.entries("")) == before


def test_another_file_of_the_day_is_refused_and_said(lake, here, there):
    make_day(here, FIRST)
    make_day(there, SECOND)
    put_day(lake, here, DAY)
    before = list(lake.entries(""))
    with pytest.raises(LakeError, match=f"`woopra-pipeline restore {DAY} {DAY} --take-lake`"):
        put_day(lake, there, DAY)
    assert list(lake.entries("")) == before


def test_a_day_can_be_replaced_whatever_is_there(lake, here, there, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    make_day(there, SECOND)
    put_day(lake, there, DAY, replaces=True)
    assert remove_unnamed_now(lake, [DAY]) > 0
    assert files_below(restored(lake, tmp_path / "back").raw) == files_below(there.raw)
    assert names_in(lake) == named_in(lake)


def test_a_damaged_file_is_not_put_there(lake, here):
    make_day(here, FIRST)
    Archive(here.raw).get(DAY).path.write_bytes(b"damaged")
    with pytest.raises(ArchiveError, match="is damaged"):
        put_day(lake, here, DAY)
    assert names_in(lake) == set()


def test_a_damaged_earlier_file_does_not_stand_in_the_way(lake, here, tmp_path):
    make_day(here, FIRST)
    earlier = Archive(here.raw).get(DAY).path
    replace_day(here, SECOND)
    earlier.write_bytes(b"damaged")
    put_day(lake, here, DAY)
    back = Archive(restored(lake, tmp_path / "back").raw).get(DAY)
    assert back.line_count == 5
    assert not back.earlier


def test_a_damaged_parquet_file_is_not_put_there(lake, here):
    make_day(here, FIRST)
    (path, *_) = find_parsed_day(here.parsed, DAY).folder.glob("visits_log-*")
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ParsedDayError, match="is damaged"):
        put_day(lake, here, DAY)
    assert in_lake(lake)[1] is None


def test_files_that_the_lake_has_lost_are_put_there_again(lake, here, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    archived, parsed = in_lake(lake)
    lake.remove([str(archived.path), str(parsed.folder / "visits_log-00000.parquet")])
    assert put_day(lake, here, DAY).uploaded_bytes > 0
    assert in_lake(lake) == (archived, parsed)
    assert content_here(restored(lake, tmp_path / "back")) == FIRST


def test_a_damaged_manifest_in_the_lake_is_written_again(lake, here, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    for folder in ("raw", "parsed"):
        lake.write(f"{folder}/{DAY}/manifest.json", b"{")
    put_day(lake, here, DAY)
    assert content_here(restored(lake, tmp_path / "back")) == FIRST
    assert parsed_days_in(lake)[DAY].line_count == 3


def test_a_day_that_is_not_over_stays_here(lake, here):
    parsed_files.put_day(here, DAY, FIRST, is_open=True)
    day = put_day(lake, here, DAY)
    assert (day.archived, day.parsed, day.uploaded_bytes) == (None, None, 0)
    assert names_in(lake) == set()


def test_the_files_of_a_later_parser_stay(lake, here, there):
    make_day(here, FIRST)
    make_day(there, FIRST)
    day = find_parsed_day(here.parsed, DAY)
    write_manifest(replace(day, parser_version=day.parser_version + 1, fingerprint="f" * 64))
    put_day(lake, here, DAY)
    put_day(lake, there, DAY)
    assert in_lake(lake)[1].fingerprint == "f" * 64


def test_a_day_without_checksums_gets_them(lake, here, tmp_path):
    make_day(here, FIRST)
    write_manifest(replace(find_parsed_day(here.parsed, DAY), checksums={}))
    put_day(lake, here, DAY)
    parsed = in_lake(lake)[1]
    assert parsed.checksums.keys() == parsed.files.keys()
    restored(lake, tmp_path / "back")


def test_several_put_the_same_day_at_once(lake, here, there, tmp_path):
    make_day(here, FIRST)
    make_day(there, FIRST)
    replace_day(there, SECOND)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(put_day, lake, each, DAY) for each in (here, there) * 2]:
            done.result()
    put_day(lake, there, DAY)
    assert content_here(restored(lake, tmp_path / "back")) == SECOND


def test_a_version_that_only_the_other_disk_knows_is_not_lost(lake, here, there, tmp_path):
    make_day(here, FIRST)
    put_day(lake, here, DAY)
    restored(lake, there.root)
    replace_day(there, SECOND)
    archive = Archive(here.raw)
    current = archive.get(DAY)
    held_back = archive_file(archive, DAY, THIRD)
    archive.write_manifest(replace(current, held_back=(held_back,)))
    put_day(lake, there, DAY)
    put_day(lake, here, DAY)
    back = Archive(restored(lake, tmp_path / "back").raw).get(DAY)
    assert back.line_count == 5
    assert [version.line_count for version in back.earlier] == [3]
    assert [version.line_count for version in back.held_back] == [7]


class ForgetfulLake:
    """A lake on a store that says each time that a manifest was written meanwhile."""

    def __init__(self, lake):
        self._lake = lake

    def __getattr__(self, name):
        return getattr(self._lake, name)

    def exchange(self, name, content, version):
        return self._lake.exchange(name, content, "another version")


def test_a_store_that_never_takes_a_manifest_is_said(lake, here):
    make_day(here, FIRST)
    with pytest.raises(LakeError, match="could not be written to the lake"):
        put_day(ForgetfulLake(lake), here, DAY)
    assert in_lake(lake) == (None, None)
