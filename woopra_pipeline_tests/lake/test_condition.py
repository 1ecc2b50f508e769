"""What `status` says of the lake, and `restore` of persons who were erased."""

import json

import pytest

from woopra_pipeline.archive.project import claim_archive
from woopra_pipeline.lake.location import LAKE_VARIABLE
from woopra_pipeline_tests.cli.conftest import CommandLineHere
from woopra_pipeline_tests.lake.days_here import log_of, make_day, replace_day


@pytest.fixture
def machine(tmp_path):
    machine = CommandLineHere(tmp_path / "machine")
    claim_archive(machine.directory.raw, "shop.example")
    make_day(machine.directory, log_of(3))
    return machine


def in_the_lake(machine, **variables):
    done = machine("status", **variables)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("In the lake")]
    return line.removeprefix("In the lake").strip()


def test_status_says_whether_the_tables_are_up_to_date(machine, tmp_path):
    lake = {LAKE_VARIABLE: str(tmp_path / "lake")}
    assert in_the_lake(machine, **lake).startswith("no log days; no tables yet: run")
    assert machine("lake", "update", **lake).returncode == 0
    said = in_the_lake(machine, **lake)
    assert said.startswith("1 log day (2026-03-05); tables of revision ")
    assert said.endswith(" are up to date")
    other_settings = {**lake, "WOOPRA_TYPED_KEYS": "7"}
    assert in_the_lake(machine, **other_settings).endswith(
        "were computed from other days or settings: run `woopra-pipeline lake update`"
    )
    told = json.loads(machine("status", "--format", "json", **lake).stdout)["lake"]
    assert (told["log_days"], told["tables_are_behind"]) == (["2026-03-05"], False)
    assert "In the lake" not in machine("status").stdout


def test_a_store_that_cannot_be_reached_is_said_at_once(machine):
    pytest.importorskip("obstore")
    said = in_the_lake(
        machine,
        **{
            LAKE_VARIABLE: "s3://woopra/lake",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        },
    )
    assert said.startswith("not read: ")
    assert "s3://woopra/lake" in said
    assert "s3cr3t" not in said


def test_restore_says_what_to_copy_if_persons_were_erased(machine, tmp_path):
    lake = {LAKE_VARIABLE: str(tmp_path / "lake")}
    replace_day(machine.directory, log_of(3).replace(b'"0"', b'"gone"'))
    assert machine("lake", "update", **lake).returncode == 0
    other = CommandLineHere(tmp_path / "other")
    done = other("restore", **lake)
    assert done.returncode == 0
    assert "Persons were erased" not in done.stderr
    assert machine("erase", "--pid", "gone", "--yes", **lake).returncode == 0
    done = CommandLineHere(tmp_path / "third")("restore", **lake)
    assert done.returncode == 0
    assert (
        "Persons were erased from these days, but the register of erasures is not here"
        in done.stderr
    )
