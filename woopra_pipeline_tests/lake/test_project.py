"""A lake holds the log of one project, and another one's is refused on both sides."""

import pytest

from woopra_pipeline.archive.project import claim_archive, read_owner
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError, LakeError
from woopra_pipeline.lake.project import PROJECT_NAME, claim_lake


@pytest.fixture
def here(tmp_path):
    directory = DataDirectory(tmp_path / "here")
    claim_archive(directory.raw, "shop.example")
    return directory


@pytest.fixture
def empty(tmp_path):
    return DataDirectory(tmp_path / "empty")


def test_whoever_comes_first_gets_the_lake(lake, here):
    assert claim_lake(lake, here) == "shop.example"
    assert lake.read(PROJECT_NAME) == b"shop.example\n"
    assert claim_lake(lake, here, "shop.example") == "shop.example"


def test_an_empty_disk_becomes_one_of_the_lakes_project(lake, here, empty):
    claim_lake(lake, here)
    assert claim_lake(lake, empty) == "shop.example"
    assert read_owner(empty.raw) == "shop.example"


def test_another_project_is_refused(lake, here, empty, tmp_path):
    claim_lake(lake, here)
    with pytest.raises(ConfigurationError, match=r"log of shop\.example.*that of other\.example"):
        claim_lake(lake, empty, "other.example")
    other = DataDirectory(tmp_path / "other")
    claim_archive(other.raw, "other.example")
    with pytest.raises(ConfigurationError, match="must not be mixed"):
        claim_lake(lake, other)


def test_an_empty_lake_and_an_empty_disk_are_nobodys(lake, empty):
    with pytest.raises(ConfigurationError, match="fetch a first day"):
        claim_lake(lake, empty)


def test_a_damaged_name_is_said(lake, here):
    lake.write(PROJECT_NAME, b"\0\n")
    with pytest.raises(LakeError, match="write into it the name of the project"):
        claim_lake(lake, here)
