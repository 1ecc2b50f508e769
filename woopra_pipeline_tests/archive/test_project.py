"""Whose log an archive holds is kept in a small file."""

import pytest

from woopra_pipeline.archive.project import claim_archive, read_owner
from woopra_pipeline.errors import ConfigurationError


def test_whoever_asks_first_gets_it(tmp_path):
    assert read_owner(tmp_path) is None
    claim_archive(tmp_path, "shop.example")
    claim_archive(tmp_path, "shop.example")
    assert read_owner(tmp_path) == "shop.example"
    with pytest.raises(ConfigurationError, match=r"must not be mixed with that of other\.example"):
        claim_archive(tmp_path, "other.example")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"\x00\x00\x00"])
def test_a_damaged_file_is_said_and_nothing_mixed(tmp_path, content):
    (tmp_path / "project").write_bytes(content)
    with pytest.raises(ConfigurationError, match="write into it the name of the project"):
        claim_archive(tmp_path, "shop.example")
    assert read_owner(tmp_path) is None
    assert (tmp_path / "project").read_bytes() == content
