"""What is spilled while an import runs is gone afterwards, also after a run that was killed."""

import pytest

from woopra_pipeline.errors import SourceError
from woopra_pipeline.imports.ledger import Ledger

UPDATES = "select {'email': 'a' || i} as visitor from range(10) r(i)"


def spilled(imports):
    return imports.directory.imports / "spill"


def test_nothing_is_left_after_a_run(imports):
    imports.source("it", UPDATES)
    imports.run("it", dry_run=True)
    assert not spilled(imports).exists()
    imports.run("it")
    assert not spilled(imports).exists()


def test_nothing_is_left_after_a_run_that_fails(imports):
    imports.source("it", "select nothing")
    with pytest.raises(SourceError):
        imports.run("it")
    assert not spilled(imports).exists()


def test_what_killed_runs_left_is_removed_by_the_next_one_of_any_source(imports):
    imports.source("it", UPDATES)
    for name in ("it.rows", "it.plan", "gone.plan", "a.b.rows"):
        (spilled(imports) / name).mkdir(parents=True)
        (spilled(imports) / name / "duckdb_temp_storage.tmp").write_bytes(b"x")
    imports.run("it")
    assert not spilled(imports).exists()


def test_what_another_run_spills_right_now_is_left_alone(imports):
    imports.source("it", UPDATES)
    folder = spilled(imports) / "other.rows"
    folder.mkdir(parents=True)
    with Ledger(imports.directory, imports.time.clock) as ledger, ledger.holding("other"):
        imports.run("it")
        assert folder.exists()
    imports.run("it")
    assert not spilled(imports).exists()
