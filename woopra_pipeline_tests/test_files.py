import stat

import orjson
import pytest

from woopra_pipeline.files import remove, replace_json, replacing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_replaced_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "folder" / "file"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert names(path.parent) == ["file"]


def test_a_block_that_raises_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail_halfway():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_replaced_file_can_be_read_by_others(tmp_path):
    replace_json(tmp_path / "file", {})
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


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
