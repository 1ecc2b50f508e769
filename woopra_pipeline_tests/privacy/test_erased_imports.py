"""Import lines of erased persons are gone from every file, and what was sent is not sent again."""

from datetime import timedelta

import pytest

from woopra_pipeline.imports.rebuilding import rebuild_ledger
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.privacy.imported import ErasedImports, count_imported, erase_imported
from woopra_pipeline.privacy.plan import Identifier, Plan
from woopra_pipeline.privacy.register import Counts, Erasure, Register, digests, write_register
from woopra_pipeline.privacy.verification import search
from woopra_pipeline_tests.imports.conftest import (
    DAY,
    NEXT_DAY,
    NOON,
    directory,
    import_server,
    imports,
)

__all__ = ["directory", "import_server", "imports"]

ADA = Identifier("email", "ada@example.com")
PEOPLE = "(values ('ada@example.com'), ('bob@example.com'), ('eve@example.com')) people(email)"
SOURCES = {
    "visits": (
        "select {'email': email} as visitor, [{'name': 'order', "
        f"'time': {NOON} + length(email) + i, 'properties': {{'to': email, 'i': i}}}}] as actions "
        f"from {PEOPLE}, range(3) r(i)"
    ),
    "events": (
        f"select {{'email': email}} as visitor, 'event ' || i as name, {NOON} + i as time "
        f"from {PEOPLE}, range(3) r(i)"
    ),
    "profiles": f"select {{'email': email, 'plan': 'pro'}} as visitor from {PEOPLE}",
    "bad": (
        "select {'email': email} as visitor, [{'name': 'order', 'time': 17}] as actions "
        f"from {PEOPLE}"
    ),
}
SETTINGS = {"lines_per_batch": 2}
OTHERS = "select * exclude (planned_at) from import_lines where line not like '%ada%' order by all"


@pytest.fixture
def run(imports):
    for name, sql in SOURCES.items():
        imports.source(name, sql)

    def run_all(day=DAY, **options):
        for name in SOURCES:
            imports.run(name, day, **SETTINGS, **options)

    return run_all


@pytest.fixture
def erase(directory, imports):
    def erase_ada(after=timedelta(hours=1), *, and_future=False):
        directory.erasures.mkdir(parents=True, exist_ok=True)
        erasure = Erasure(
            name="first",
            moment=imports.time.now + after,
            and_future=and_future,
            lives=(),
            pids=(),
            counts=Counts(0, 0, 0, 0, 0, 0, 0),
            identifiers=digests(directory.erasures, [(ADA.key, ADA.value)]),
        )
        register = Register((erasure,))
        write_register(directory.erasures, register)
        return erase_imported(directory, register, clock=imports.time.clock)

    return erase_ada


def found(directory):
    """Where she is, her rows in the sources apart: these are the user's own."""
    finds = search(directory, [ADA]).finds
    return {find.path.split("/")[0] for find in finds if "sources/" not in find.path}


def test_lines_and_rows_are_gone_and_others_are_what_they_were(directory, imports, run, erase):
    run()
    assert found(directory) == {"imports", "imports.duckdb"}
    before = imports.query(OTHERS)
    assert erase() == ErasedImports(line_count=3 + 1 + 1, row_count=1)
    assert found(directory) == set()
    after = [row for row in imports.query(OTHERS) if '"erased"' not in str(row)]
    assert after == before
    assert imports.query("select count(*) from import_lines where line like '%\"erased\"%'") == [
        (6,)
    ]
    assert erase() == ErasedImports()


@pytest.mark.parametrize(("hours", "count"), [(1, 6), (-1, 0)], ids=["before", "since"])
def test_the_plan_counts_them(directory, imports, run, hours, count):
    run()
    plan = Plan(
        identifiers=(ADA,),
        moment=imports.time.now + timedelta(hours=hours),
        and_future=False,
        lives=(),
        pids=(),
        profiles=(),
        elsewhere={},
        lines={},
        visit_count=0,
        identify_count=0,
        action_count=0,
        kept_line_count=0,
        delete_count=0,
        known_by=(Identifier("email", "ADA@example.com"), Identifier("id", "17")),
    )
    assert count_imported(directory, plan) == count


def test_nothing_is_sent_again(imports, run, erase):
    run()
    sent = imports.server.counts()
    erase()
    run()
    run(NEXT_DAY)
    assert imports.server.counts() == sent


def test_nothing_is_sent_again_after_the_ledger_was_lost(directory, imports, run, erase):
    run()
    sent = imports.server.counts()
    erase()
    for path in directory.imports.glob("ledger.sqlite*"):
        path.unlink()
    rebuild_ledger(directory, settings=ImportSettings(**SETTINGS), clock=imports.time.clock)
    for name in ("visits", "events"):
        imports.run(name, **SETTINGS)
    assert imports.server.counts() == sent


def test_what_was_planned_and_not_sent_is_never_sent(imports, run, erase):
    run(dry_run=True)
    erase()
    with_ada = {line for line in imports.server.counts() if "ada" in line}
    assert not with_ada
    for name, sql in SOURCES.items():
        imports.source(name, sql.replace("('ada@example.com'), ", ""))
    run()
    assert imports.server.counts()
    assert not {line for line in imports.server.counts() if "ada" in line or "erased" in line}


def test_a_planned_batch_goes_without_the_erased_lines(imports, run, erase):
    run()
    (batch,) = imports.query("select min(batch) from import_lines where line like '%ada%'")[0]
    sent = imports.server.counts()
    erase()
    imports.importer(**SETTINGS).send_again([batch])
    again = imports.server.counts() - sent
    assert not {line for line in again if "erased" in line or "ada" in line}


def test_what_was_planned_after_the_erasure_stays(directory, run, erase):
    run()
    assert erase(after=-timedelta(hours=1)) == ErasedImports()
    assert erase(after=-timedelta(hours=1), and_future=True).line_count == 5
    assert found(directory) == set()
