"""Rows with pseudonyms, and rows without them, are not mixed in the lake."""

import shutil

import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.days import find_parsed
from woopra_pipeline.lake.putting import put_day
from woopra_pipeline.lake.taking import take_day
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.parse.parsed_days import find_parsed_day
from woopra_pipeline.parse.pseudonyms import PSEUDONYMS_VARIABLE
from woopra_pipeline_tests.lake.days_here import DAY, log_of, make_day


@pytest.fixture
def here(tmp_path):
    return DataDirectory(tmp_path / "here")


@pytest.fixture
def other(tmp_path):
    return DataDirectory(tmp_path / "other")


def test_rows_with_pseudonyms_take_the_place_of_those_without(lake, here, monkeypatch):
    make_day(here, log_of(3))
    put_day(lake, here, DAY)
    monkeypatch.setenv(PSEUDONYMS_VARIABLE, "email")
    ours = parse_log_day(Archive(here.raw), DAY, here.parsed)
    put_day(lake, here, DAY)
    assert find_parsed(lake, DAY)[0].pseudonyms == ours.pseudonyms != ""


def test_rows_without_them_are_not_taken_where_they_are_asked_for(lake, here, other, monkeypatch):
    make_day(here, log_of(3))
    put_day(lake, here, DAY)
    monkeypatch.setenv(PSEUDONYMS_VARIABLE, "email")
    take_day(lake, other, DAY)
    assert Archive(other.raw).holds(DAY)
    assert find_parsed_day(other.parsed, DAY) is None


def test_rows_with_the_same_pseudonyms_are_taken(lake, here, other, monkeypatch):
    monkeypatch.setenv(PSEUDONYMS_VARIABLE, "email")
    make_day(here, log_of(3))
    put_day(lake, here, DAY)
    other.root.mkdir()
    shutil.copy2(here.root / "pseudonyms.key", other.root)
    take_day(lake, other, DAY)
    assert find_parsed_day(other.parsed, DAY).pseudonyms == find_parsed(lake, DAY)[0].pseudonyms
