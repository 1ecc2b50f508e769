import os
import stat

import orjson
import pytest

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.files import limit_new_files, make_file, modes, remove, set_modes
from woopra_pipeline.replacing import replace_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[("", 0o600, 0o700), ("group", 0o660, 0o770)], ids=["owner", "group"])
def wanted(request, monkeypatch):
    """The modes of a file and a folder, whatever the umask."""
    variable, *modes = request.param
    monkeypatch.setenv("WOOPRA_FILE_MODE", variable)
    before = os.umask(0o022)
    yield modes
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode) & 0o777


def test_only_whom_it_is_for_can_read_what_is_made(tmp_path, wanted):
    file, folder = wanted
    replace_json(tmp_path / "one" / "other" / "replaced", {})
    make_file(tmp_path / "one" / "made")
    assert mode(tmp_path / "one") == mode(tmp_path / "one" / "other") == folder
    assert mode(tmp_path / "one" / "other" / "replaced") == mode(tmp_path / "one" / "made") == file


def test_nor_what_a_library_makes(tmp_path, wanted):
    limit_new_files()
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert mode(tmp_path / "file") == wanted[0]
    assert mode(tmp_path / "folder") == wanted[1]


def test_a_file_that_is_there_keeps_its_content(tmp_path):
    (tmp_path / "file").write_text("kept")
    make_file(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"


def test_what_was_open_to_all_is_closed_once(tmp_path, wanted):
    file, folder = wanted
    outside, inner = tmp_path / "outside", tmp_path / "top" / "inner"
    inner.mkdir(parents=True)
    for path in (outside, inner / "file", tmp_path / "alone"):
        path.touch(0o644)
    (inner / "link").symlink_to(outside)
    set_modes([tmp_path / "top", tmp_path / "alone", tmp_path / "absent"])
    assert mode(tmp_path / "top") == mode(inner) == folder
    assert mode(inner / "file") == mode(tmp_path / "alone") == file
    assert mode(outside) == 0o644
    (inner / "file").chmod(0o640)
    set_modes([tmp_path / "top"])
    assert mode(inner / "file") == 0o640
    set_modes([tmp_path / "top"], thoroughly=True)
    assert mode(inner / "file") == file


def test_another_mode_than_there_is_is_an_error(monkeypatch):
    monkeypatch.setenv("WOOPRA_FILE_MODE", "0644")
    with pytest.raises(ConfigurationError, match="set it to group"):
        modes()


def test_json_is_written_with_sorted_keys(tmp_path):
    path = tmp_path / "file.json"
    replace_json(path, {"b": [1, 2], "a": "é"})
    text = path.read_text(encoding="utf-8")
    assert orjson.loads(text) == {"a": "é", "b": [1, 2]}
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")


def test_removing_takes_files_folders_and_links_and_forgives_absence(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    link = tmp_path / "link"
    link.symlink_to(kept)
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    for path in (link, folder, tmp_path / "absent"):
        remove(path)
    assert names(tmp_path) == ["kept"]
    assert names(kept) == ["file"]
