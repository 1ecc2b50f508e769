import os
import tempfile

import pytest

from woopra_pipeline.replacing import TEMPORARY_PREFIX, replacing


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


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path):
    path = tmp_path / "a[1].json"
    descriptor, left = tempfile.mkstemp(path.name, TEMPORARY_PREFIX, tmp_path)
    os.close(descriptor)
    journal = tmp_path / f"{left}-wal"
    journal.touch()
    other = tmp_path / f"{TEMPORARY_PREFIX}12345678b.json"
    other.touch()
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == [other.name, path.name]


def test_what_another_writer_is_writing_stays(tmp_path):
    path = tmp_path / "a.json"
    with replacing(path) as slow:
        slow.write_text("slow")
        with replacing(path) as fast:
            fast.write_text("fast")
        assert path.read_text() == "fast"
    assert path.read_text() == "slow"
    assert names(tmp_path) == [path.name]
