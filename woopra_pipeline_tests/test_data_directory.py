"""Where a data directory may be."""

import os
from pathlib import Path

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("what?", "a question mark in its name; name another one", id="question mark"),
        pytest.param("a\\*", r"both a backslash and a \* or \[", id="backslash and star"),
        pytest.param("a\\b/[c]", r"both a backslash and a \* or \[", id="backslash and bracket"),
        pytest.param(os.fsdecode(b"\xff"), "not UTF-8", id="not UTF-8"),
    ],
)
def test_a_path_that_duckdb_cannot_work_with_is_refused(tmp_path, name, problem):
    for root in (tmp_path / name, tmp_path / name / "data"):
        with pytest.raises(ConfigurationError, match=f"cannot be the data directory: .*{problem}"):
            DataDirectory(root)


def test_it_is_the_real_path_that_counts(tmp_path):
    (tmp_path / "what?").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "what?")
    with pytest.raises(ConfigurationError, match="a question mark"):
        DataDirectory(tmp_path / "link" / "data")


def test_its_paths_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert DataDirectory(Path("data")).raw == tmp_path / "data" / "raw"
