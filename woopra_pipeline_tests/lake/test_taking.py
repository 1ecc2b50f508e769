"""What comes from the lake is what was put there, verified, and takes the place of nothing else."""

from datetime import timedelta

import orjson
import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LakeError
from woopra_pipeline.lake.homes import bring_parsed_days, put_missing_days, restore_days
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_day, take_parsed
from woopra_pipeline.parse.parsed_days import find_parsed_day
from woopra_pipeline_tests.lake.days_here import (
    DAY,
    content_here,
    files_below,
    in_lake,
    log_of,
    make_day,
    parsed_content,
    replace_day,
    restored,
)

FIRST, SECOND = log_of(3), log_of(5)
DAYS = [DAY + timedelta(days=number) for number in range(6)]


@pytest.fixture
def here(tmp_path):
    """A disk whose day is in the lake."""
    return DataDirectory(tmp_path / "here")


@pytest.fixture
def there(tmp_path):
    return DataDirectory(tmp_path / "there")


@pytest.fixture
def put(lake, here):
    make_day(here, FIRST)
    put_day(lake, here, DAY)


def damage(lake, name):
    """Change a byte in the middle of a file."""
    with lake.opened(name) as blocks:
        content = bytearray(b"".join(blocks))
    content[len(content) // 2] ^= 1
    lake.write(name, bytes(content))


@pytest.mark.usefixtures("put")
def test_what_is_here_is_not_downloaded_again(lake, there):
    assert take_day(lake, there, DAY).downloaded_bytes > 0
    before = files_below(there.root)
    assert take_day(lake, there, DAY).downloaded_bytes == 0
    assert files_below(there.root) == before


@pytest.mark.usefixtures("put")
def test_a_file_that_was_lost_here_is_brought_again(lake, here):
    Archive(here.raw).get(DAY).path.unlink()
    assert take_day(lake, here, DAY).downloaded_bytes > 0
    assert content_here(here) == FIRST


@pytest.mark.usefixtures("put")
def test_a_damaged_archive_file_is_noticed_and_not_kept(lake, there):
    name = str(in_lake(lake)[0].path)
    damage(lake, name)
    with pytest.raises(LakeError, match=r"zst is damaged: remove it there"):
        take_day(lake, there, DAY)
    assert content_here(there) is None
    assert not list(there.raw.rglob("*.zst"))


@pytest.mark.usefixtures("put")
def test_a_damaged_parquet_file_is_noticed_and_the_archived_day_is_here(lake, there):
    parsed = in_lake(lake)[1]
    damage(lake, str(parsed.folder / "visits_log-00000.parquet"))
    with pytest.raises(LakeError, match=r"visits_log-00000\.parquet is damaged"):
        take_day(lake, there, DAY)
    assert content_here(there) == FIRST
    assert find_parsed_day(there.parsed, DAY) is None


@pytest.mark.parametrize("folder", ["raw", "parsed"])
@pytest.mark.usefixtures("put")
def test_a_damaged_manifest_is_noticed(lake, there, folder):
    lake.write(f"{folder}/{DAY}/manifest.json", b'{"log_day": 17')
    with pytest.raises(LakeError, match=r"manifest\.json is damaged"):
        take_day(lake, there, DAY)


@pytest.mark.parametrize(
    ("folder", "place", "name"),
    [
        ("raw", ("current", "sha256"), "../../../" + "a" * 64),
        ("raw", ("current", "file"), "../elsewhere.jsonl.zst"),
        ("parsed", ("folder",), "../../elsewhere"),
        ("parsed", ("folder",), ""),
        ("parsed", ("files",), {"../../../elsewhere.parquet": 1}),
    ],
)
@pytest.mark.usefixtures("put")
def test_a_manifest_that_names_other_places_is_damaged(*, lake, there, folder, place, name):
    manifest = f"{folder}/{DAY}/manifest.json"
    content = orjson.loads(lake.read(manifest))
    (*outer, last) = place
    inner = content[outer[0]] if outer else content
    inner[last] = name
    lake.write(manifest, orjson.dumps(content))
    with pytest.raises(LakeError, match=r"manifest\.json is damaged"):
        take_day(lake, there, DAY)
    assert not list(there.root.parent.rglob("*elsewhere*"))


@pytest.mark.usefixtures("put")
def test_another_file_of_the_day_here_is_left_and_said(lake, there):
    make_day(there, SECOND)
    before = files_below(there.root)
    with pytest.raises(LakeError, match="--take-lake"):
        take_day(lake, there, DAY)
    assert files_below(there.root) == before


@pytest.mark.usefixtures("put")
def test_taken_all_the_same_it_is_kept_as_an_earlier_version(lake, there):
    make_day(there, SECOND)
    take_day(lake, there, DAY, replaces=True)
    archived = Archive(there.raw).get(DAY)
    assert content_here(there) == FIRST
    assert [version.line_count for version in archived.earlier] == [5]
    Archive(there.raw).verify(archived.earlier[0])
    assert find_parsed_day(there.parsed, DAY).line_count == 3


@pytest.mark.usefixtures("put")
def test_a_newer_file_here_stays(lake, here):
    replace_day(here, SECOND)
    before = files_below(here.root)
    take_day(lake, here, DAY)
    assert files_below(here.root) == before


@pytest.mark.usefixtures("put")
def test_a_newer_file_in_the_lake_becomes_current_here(lake, here, there):
    restored(lake, there.root)
    replace_day(here, SECOND)
    put_day(lake, here, DAY)
    take_day(lake, there, DAY)
    assert content_here(there) == SECOND
    assert files_below(there.raw) == files_below(here.raw)
    assert parsed_content(there) == parsed_content(here)


@pytest.mark.usefixtures("put")
def test_a_file_of_a_killed_restore_is_used_once_it_is_compared(lake, here, there):
    name = Archive(here.raw).get(DAY).path.relative_to(here.raw)
    left = there.raw / name
    left.parent.mkdir(parents=True)
    left.write_bytes((here.raw / name).read_bytes())
    downloaded = take_day(lake, there, DAY).downloaded_bytes
    assert downloaded == sum(find_parsed_day(there.parsed, DAY).files.values())
    assert content_here(there) == FIRST


@pytest.mark.usefixtures("put")
def test_a_damaged_file_of_a_killed_restore_is_brought_again(lake, here, there):
    name = Archive(here.raw).get(DAY).path.relative_to(here.raw)
    left = there.raw / name
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")
    take_day(lake, there, DAY)
    assert content_here(there) == FIRST


@pytest.mark.usefixtures("put")
def test_parsed_files_of_another_file_than_the_one_here_are_not_taken(lake, here):
    replace_day(here, SECOND)
    assert take_parsed(lake, here, DAY)[0].line_count == 5


def test_many_days_are_put_and_restored_and_a_bad_one_costs_no_other(lake, here, there):
    for number, log_day in enumerate(DAYS):
        make_day(here, log_of(number), log_day)
    Archive(here.raw).get(DAYS[2]).path.write_bytes(b"damaged")
    heard = {}
    put = put_missing_days(lake, here, DAYS, heard.__setitem__)
    good = [log_day for log_day in DAYS if log_day != DAYS[2]]
    assert (list(put.done), list(put.bad)) == (good, [DAYS[2]])
    assert heard == dict.fromkeys(good) | {DAYS[2]: str(put.bad[DAYS[2]])}

    damage(lake, f"raw/{DAYS[4]}/{Archive(here.raw).get(DAYS[4]).path.name}")
    back = restore_days(lake, there, good)
    assert list(back.bad) == [DAYS[4]]
    for log_day in back.done:
        assert content_here(there, log_day) == content_here(here, log_day)


def test_the_parsed_days_of_other_machines_are_brought_for_the_model(lake, here, there):
    for number, log_day in enumerate(DAYS):
        make_day(here, log_of(number), log_day)
    put_missing_days(lake, here, DAYS)
    brought = bring_parsed_days(lake, there)
    assert [day.line_count for day in brought.done.values()] == list(range(len(DAYS)))
    assert not there.raw.exists()
