"""Two processes that import at once: the same source never, different ones always."""

import multiprocessing
import threading

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import LedgerError
from woopra_pipeline.imports.ledger import lost
from woopra_pipeline.imports.runs import Importer
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.imports.conftest import DAY, NOON

SQL = (
    f"select {{'email': 'a' || i}} as visitor, [{{'name': 'x', 'time': {NOON}}}] as actions "
    "from range(10) r(i)"
)

processes = multiprocessing.get_context("forkserver")


def _import(root, base_url, name, errors):
    """In a process of its own: one run of a source; what it raises is put in `errors`."""
    with WoopraClient(settings_for(base_url=base_url)) as client:
        try:
            Importer(DataDirectory(root), client).run(name, DAY)
        except LedgerError as error:
            errors.put(str(error))


@pytest.fixture
def paused(import_server):
    """Events: the first request has come, and it may be answered."""
    has_come, may_go_on = threading.Event(), threading.Event()

    def pause() -> None:
        if not has_come.is_set():
            has_come.set()
            may_go_on.wait(60)

    import_server.before_answer = pause
    yield has_come, may_go_on
    may_go_on.set()


def start(imports, name):
    errors = processes.Queue()
    process = processes.Process(
        target=_import,
        args=(imports.directory.root, imports.server.base_url, name, errors),
    )
    process.start()
    return process, errors


def test_who_comes_second_is_told_who_holds_the_source(imports, paused):
    has_come, may_go_on = paused
    imports.source("it", SQL)
    first, _ = start(imports, "it")
    assert has_come.wait(60)
    with pytest.raises(LedgerError, match=rf"it is being imported by process {first.pid} "):
        imports.run("it")
    with pytest.raises(LedgerError, match="wait for it or end it"):
        imports.run("it", dry_run=True)
    may_go_on.set()
    first.join(60)
    assert first.exitcode == 0
    assert len(imports.server.taken) == 10
    imports.run("it")
    assert len(imports.server.taken) == 10
    assert imports.states() == {"accepted": 10}


def test_who_dies_frees_the_source_and_what_it_was_sending_is_unknown(imports, paused):
    has_come, may_go_on = paused
    imports.source("it", SQL)
    first, _ = start(imports, "it")
    assert has_come.wait(60)
    first.kill()
    first.join(60)
    may_go_on.set()
    assert imports.states() == {"sending": 10}
    imports.run("it")
    assert imports.states() == {"unknown": 10}
    assert len(imports.server.taken) == 10
    [(reason,)] = imports.query("select reason from imports")
    assert reason == "the process that sent it ended before an answer came"


def test_a_first_import_beside_another_one_is_no_lost_ledger(imports, monkeypatch):
    imports.source("it", SQL)
    look = lost.was_anything_sent

    def look_late(directory):
        monkeypatch.undo()
        imports.run("it")
        return look(directory)

    monkeypatch.setattr(lost, "was_anything_sent", look_late)
    imports.run("it")
    assert len(imports.server.taken) == 10


def test_different_sources_are_imported_at_once(imports):
    names = ["one", "two [2]", "three"]
    for name in names:
        imports.source(name, SQL)
    runs = [start(imports, name) for name in names]
    for process, errors in runs:
        process.join(60)
        assert process.exitcode == 0
        assert errors.empty(), errors.get()
    assert len(imports.server.taken) == 30
    assert imports.query("select source, count(*) from import_lines group by all order by all") == [
        ("one", 10),
        ("three", 10),
        ("two [2]", 10),
    ]
