"""Who holds a lock is told as far as it is known, whatever is in the file that says so."""

import os
from datetime import UTC, datetime

import pytest

from woopra_pipeline.locks import HeldElsewhereError, held, lives

NOW = datetime(2026, 3, 5, tzinfo=UTC)


def hold(path):
    with held(path, NOW):
        pytest.fail("it is held already")


def test_the_holder_is_named_and_lives(tmp_path):
    path = tmp_path / "lock"
    with held(path, NOW):
        assert lives(path)
        with pytest.raises(HeldElsewhereError, match=f"process {os.getpid()} "):
            hold(path)
    assert not lives(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"process":"x"}'])
def test_a_damaged_file_names_nobody(tmp_path, content):
    path = tmp_path / "lock"
    with held(path, NOW):
        (tmp_path / "lock.holder.json").write_bytes(content)
        with pytest.raises(HeldElsewhereError, match="another process"):
            hold(path)


def test_the_holder_on_another_machine_may_live(tmp_path):
    path = tmp_path / "lock"
    (tmp_path / "lock.holder.json").write_text(
        '{"process":1,"host":"elsewhere","program":"p","since":"2026-03-05"}'
    )
    assert lives(path)
