"""A ledger that is missing, damaged or too old never passes for one in which nothing was sent."""

import multiprocessing
import shutil
import sqlite3
from collections import Counter
from datetime import datetime, timedelta

import orjson
import pytest

from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    DiskFullError,
    LedgerError,
    UnusableLedgerError,
)
from woopra_pipeline.imports.journals import JOURNAL_NAME, plan_folders
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.imports.rebuilding import rebuild_ledger
from woopra_pipeline.imports.settings import ImportSettings
from woopra_pipeline.imports.verification import verify_imports
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.imports.conftest import DAY, NEXT_DAY, NOON
from woopra_pipeline_tests.imports.import_server import Mood
from woopra_pipeline_tests.imports.log_of_server import AFTERWARDS, SENT_ON, put_log
from woopra_pipeline_tests.model.parsed_files import put_day
from woopra_pipeline_tests.sudden_death import die_at_touch

SOURCES = {
    "visits": (
        f"select {{'email': 'visitor ' || i}} as visitor, [{{'name': 'order', 'time': {NOON} + i, "
        "'properties': {'is': case i when 17 then 'unacceptable' else 'fine' end}}] as actions "
        "from range(40) r(i)"
    ),
    "events": (
        f"select {{'email': 'buyer ' || (i % 10), 'n': i}} as visitor, 'order ' || i as name, "
        f"{NOON} + (i // 20) * 3600000 as time, "
        "case when i % 3 > 0 then {'n': i, 'x': 0.1} end as properties from range(40) r(i)"
    ),
    "profiles": "select {'email': 'member ' || i, 'plan': 'pro'} as visitor from range(20) r(i)",
}
SETTINGS = ImportSettings(lines_per_batch=7)

SENTENCE = r"The import ledger .*ledger.sqlite .*--rebuild-ledger`; until then nothing is imported"

processes = multiprocessing.get_context("forkserver")


class Lost:
    """Imports whose ledger is lost in some way."""

    def __init__(self, imports):
        self.imports = imports
        self.directory = imports.directory
        self.path = self.directory.imports / "ledger.sqlite"
        for name, sql in SOURCES.items():
            imports.source(name, sql)

    def run(self, *names, day=DAY, **settings):
        for name in names or SOURCES:
            self.imports.importer(**(vars(SETTINGS) | settings)).run(name, day)

    def lose(self):
        for path in self.directory.imports.glob("ledger.sqlite*"):
            path.unlink()

    def rebuild(self, **settings):
        return rebuild_ledger(
            self.directory,
            settings=ImportSettings(**(vars(SETTINGS) | settings)),
            clock=self.imports.time.clock,
        )

    def log_and_verify(self):
        put_log(self.imports)
        return Counter(
            verdict.finding
            for verdict in verify_imports(
                self.directory, settings=SETTINGS, clock=frozen_clock(AFTERWARDS)
            )
        )

    def lines_sent(self):
        return sum(self.imports.server.counts().values())

    def check_that_everything_was_sent_once(self):
        taken = self.imports.server.counts()
        assert set(taken.values()) == {1}
        lines = [orjson.loads(line) for line in taken]
        actions = Counter(
            (line["visitor"]["email"], action["name"], action["time"])
            for line in lines
            for action in line.get("actions", ())
        )
        assert len(actions) == 39 + 40
        assert set(actions.values()) == {1}
        assert sum("actions" not in line for line in lines) == 20


@pytest.fixture
def lost(imports):
    return Lost(imports)


def test_without_its_ledger_nothing_is_planned(lost):
    lost.run()
    sent = lost.lines_sent()
    lost.lose()
    for run in (
        lambda: lost.run("visits"),
        lambda: lost.imports.run("visits", dry_run=True),
        lambda: lost.imports.importer().send_again([1]),
        lost.imports.states,
    ):
        with pytest.raises(UnusableLedgerError, match=SENTENCE):
            run()
    assert not lost.path.exists()
    assert lost.lines_sent() == sent


def test_a_rebuilt_ledger_sends_nothing_twice_and_is_settled_by_the_log(lost):
    lost.run()
    before = lost.imports.query("select line_key, source, shape, log_day from import_lines")
    lost.lose()
    rebuilt = lost.rebuild()
    assert rebuilt.kept_aside is None
    assert rebuilt.line_count == 40 + 20 + 20
    assert lost.imports.states() == {"unknown": 80}
    lost.run()
    lost.run(day=NEXT_DAY)
    lost.check_that_everything_was_sent_once()
    assert Counter(
        lost.imports.query("select line_key, source, shape, log_day from import_lines")
    ) == Counter(before)
    findings = lost.log_and_verify()
    # What the service had rejected is not there, so it is sent again, and rejected again.
    assert findings == {"found": rebuilt.request_count - 1, "absent": 1}
    assert lost.imports.states() == {"accepted": 79, "planned": 1}
    lost.run()
    assert lost.imports.states() == {"accepted": 79, "rejected": 1}
    lost.check_that_everything_was_sent_once()


@pytest.mark.parametrize("mood", [Mood.LOST_REQUEST, Mood.ERROR_BEFORE])
def test_what_the_log_shows_absent_is_planned_again(lost, mood):
    lost.imports.server.draws(Mood.FINE, mood)
    lost.run("events")
    sent = lost.lines_sent()
    lost.lose()
    lost.rebuild()
    lost.run("events")
    assert lost.lines_sent() == sent
    assert lost.log_and_verify() == {"found": 2, "absent": 1}
    lost.run("visits", "events", "profiles")
    lost.check_that_everything_was_sent_once()


def test_what_was_planned_and_never_sent_is_planned_again(lost):
    lost.imports.server.draws(Mood.FINE, Mood.UNAUTHORIZED)
    with pytest.raises(CredentialsRejectedError):
        lost.run("visits")
    lost.imports.run("events", dry_run=True)
    lost.lose()
    rebuilt = lost.rebuild()
    assert lost.imports.states() == {"unknown": 14}
    assert rebuilt.line_count == 14
    assert lost.log_and_verify() == {"found": 1, "absent": 1}
    lost.run()
    lost.check_that_everything_was_sent_once()


def test_dry_runs_alone_need_no_rebuilding(lost):
    lost.imports.run("visits", dry_run=True)
    lost.lose()
    lost.run()
    lost.check_that_everything_was_sent_once()


def test_what_was_sent_in_vain_and_withdrawn_is_not_rebuilt(lost):
    lost.imports.server.draws(Mood.FINE, Mood.UNAUTHORIZED)
    with pytest.raises(CredentialsRejectedError):
        lost.run("visits")
    lost.imports.source("visits", SOURCES["visits"].replace("'fine'", "'changed'"))
    lost.imports.server.draws(Mood.UNAUTHORIZED)
    with pytest.raises(CredentialsRejectedError):
        lost.run("visits")
    lost.lose()
    lost.rebuild()
    assert lost.imports.states() == {"unknown": 14}
    assert lost.imports.query(
        "select line like '%changed%', count(*) from import_lines group by all order by all"
    ) == [(False, 7), (True, 7)]


def test_unchanged_updates_wait_for_the_log_and_changed_ones_are_sent(lost):
    lost.run("profiles")
    lost.lose()
    lost.rebuild()
    lost.imports.source(
        "profiles",
        "select {'email': 'member ' || i, 'plan': case i when 3 then 'free' else 'pro' end} "
        "as visitor from range(20) r(i)",
    )
    lost.run("profiles", day=NEXT_DAY)
    assert lost.imports.server.taken[20:] == ['{"visitor":{"email":"member 3","plan":"free"}}']


def test_an_update_that_a_later_write_covers_is_found_in_the_log(lost):
    lost.run("profiles")
    lost.lose()
    lost.rebuild()
    put_log(lost.imports)
    line = {
        "type": "identify",
        "pid": "pid of member 3",
        "time": 0,
        "visitor": {"plan": "enterprise"},
        "actions": [],
    }
    put_day(lost.directory, SENT_ON + timedelta(1), orjson.dumps(line) + b"\n")
    update_model(lost.directory)
    verdicts = verify_imports(
        lost.directory, settings=SETTINGS, clock=frozen_clock(AFTERWARDS + timedelta(1))
    )
    assert {verdict.finding for verdict in verdicts} == {"found"}


def test_identical_rows_are_counted_in_a_rebuilt_ledger(lost):
    row = f"select {{'email': 'a'}} as visitor, [{{'name': 'order', 'time': {NOON}}}] as actions"
    lost.imports.source("same", f"{row} from range(2)")
    lost.run("same", identical_rows="counted")
    lost.lose()
    lost.rebuild(identical_rows="counted")
    lost.imports.source("same", f"{row} from range(3)")
    lost.run("same", identical_rows="counted", day=NEXT_DAY)
    assert len(lost.imports.server.taken) == 3


def test_the_identifiers_of_events_are_rebuilt_too(lost):
    lost.run("events", identifiers=("n", "email"))
    lost.lose()
    lost.rebuild()
    lost.run("events", identifiers=("n", "email"), day=NEXT_DAY)
    assert set(lost.imports.server.counts().values()) == {1}
    with pytest.raises(ConfigurationError, match="known by the identifiers n"):
        lost.run("events", identifiers=("email", "n"))


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def damage_empty(path):
    path.write_bytes(b"")


def damage_foreign(path):
    path.write_text("name,email\nAda,ada@example.com\n" * 100)


def damage_foreign_database(path):
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("create table sources (name text)")
    connection.close()


def damage_foreign_database_of_this_version(path):
    damage_foreign_database(path)
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 4")
    connection.close()


def damage_version(path):
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()


def damage_keys(path):
    content = bytearray(path.read_bytes())
    with sqlite3.connect(path) as connection:
        [(keys,)] = connection.execute("select keys from file_keys limit 1").fetchall()
    connection.close()
    content[content.index(keys) + 3] ^= 0x40
    path.write_bytes(content)


def damage_pages(path):
    content = bytearray(path.read_bytes())
    for place in range(4096, len(content) - 4096, 4096):
        content[place : place + 64] = b"\xa5" * 64
    path.write_bytes(content)


DAMAGES = [
    damage_truncate,
    damage_zeros,
    damage_empty,
    damage_foreign,
    damage_foreign_database,
    damage_foreign_database_of_this_version,
    damage_version,
    damage_keys,
    damage_pages,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__[7:])
def test_a_damaged_ledger_says_so_is_kept_aside_and_rebuilt(lost, damage):
    lost.run()
    damage(lost.path)
    damaged = lost.path.read_bytes()
    for _ in range(2):
        with pytest.raises(UnusableLedgerError, match="--rebuild-ledger"):
            lost.run()
    lost.check_that_everything_was_sent_once()
    rebuilt = lost.rebuild()
    assert rebuilt.kept_aside is not None
    if damage is not damage_pages:
        assert rebuilt.kept_aside.read_bytes()[100:] == damaged[100:]
    assert lost.imports.states() == {"unknown": 80}
    lost.run()
    lost.check_that_everything_was_sent_once()


def test_a_ledger_that_is_fine_is_not_rebuilt(lost):
    lost.run()
    before = lost.path.read_bytes()
    with pytest.raises(LedgerError, match="there is nothing to rebuild"):
        lost.rebuild()
    assert lost.path.read_bytes() == before
    assert not list(lost.directory.imports.glob("*aside*"))


def test_while_a_source_is_imported_nothing_is_rebuilt(lost):
    lost.run()
    with (
        Ledger(lost.directory, lost.imports.time.clock) as ledger,
        ledger.holding("visits"),
        pytest.raises(LedgerError, match=r"visits.lock is held by process"),
    ):
        lost.rebuild()


def backup(lost):
    """The ledger as a backup of this moment has it."""
    copy = lost.path.with_name("backup")
    with sqlite3.connect(lost.path) as connection, sqlite3.connect(copy) as other:
        connection.backup(other)
    other.close()
    connection.close()
    return copy


def restore(lost, copy):
    lost.lose()
    shutil.copyfile(copy, lost.path)


@pytest.mark.parametrize(
    "moods",
    [
        pytest.param([], id="plans it does not know"),
        pytest.param([Mood.FINE, Mood.TOO_MANY], id="with a wait before"),
    ],
)
def test_a_ledger_from_a_backup_is_found_to_be_too_old(lost, moods):
    lost.run("visits")
    copy = backup(lost)
    lost.imports.server.draws(*moods)
    lost.run("events", "profiles")
    restore(lost, copy)
    for name in ("events", "profiles"):
        with pytest.raises(
            UnusableLedgerError, match=f"older than its batches: .* lines of {name}"
        ):
            lost.run(name)
    rebuilt = lost.rebuild()
    assert rebuilt.line_count == 20 + 20
    # What the backup knows stays.
    assert lost.imports.states() == {"accepted": 39, "rejected": 1, "unknown": 40}
    lost.run()
    lost.check_that_everything_was_sent_once()
    assert lost.log_and_verify().keys() == {"found"}


def test_a_ledger_from_the_middle_of_a_run_is_found_to_be_too_old(lost):
    copies = []

    def copy_once():
        if len(lost.imports.server.bodies) == 2:
            copies.append(backup(lost))

    lost.imports.server.before_answer = copy_once
    lost.run("profiles")
    lost.imports.server.before_answer = lambda: None
    restore(lost, copies[0])
    with pytest.raises(UnusableLedgerError, match=r"older than .* lacks 1 of the requests"):
        lost.run("profiles")
    rebuilt = lost.rebuild()
    assert rebuilt.line_count == 6
    lost.run("profiles")
    # As ever, an update that was being sent goes again; the others do not.
    assert lost.lines_sent() == 20 + 7


def test_a_journal_that_is_missing_or_damaged_is_written_again_from_the_ledger(lost):
    lost.run()
    folders = plan_folders(lost.directory)
    before = {folder: (folder / JOURNAL_NAME).read_bytes() for folder in folders}
    (folders[0] / JOURNAL_NAME).unlink()
    (folders[1] / JOURNAL_NAME).write_bytes(b"\0" * 300)
    cut = before[folders[2]]
    (folders[2] / JOURNAL_NAME).write_bytes(cut[: cut.rindex(b"{") + 9])
    lost.run(day=NEXT_DAY)
    after = {folder: (folder / JOURNAL_NAME).read_bytes() for folder in folders}
    assert after == before


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"{}\n", b'{"version": 9}\n'])
def test_lines_beside_a_damaged_journal_may_have_been_sent(lost, content):
    lost.run()
    lost.lose()
    for folder in plan_folders(lost.directory):
        (folder / JOURNAL_NAME).write_bytes(content)
    with pytest.raises(UnusableLedgerError, match="is missing, although batches"):
        lost.run("visits")
    lost.imports.time.now = datetime.now(tz=lost.imports.time.now.tzinfo)
    lost.rebuild()
    assert lost.imports.states() == {"unknown": 80}
    lost.run()
    lost.check_that_everything_was_sent_once()


def without_journals(lost):
    """Make the batch files what the version before left: no journal beside them."""
    for folder in plan_folders(lost.directory):
        (folder / JOURNAL_NAME).unlink(missing_ok=True)
    (lost.directory.imports / "batches" / "format.json").unlink()


def test_a_ledger_of_the_version_before_gets_its_journals(lost):
    lost.run()
    folders = plan_folders(lost.directory)
    before = {folder: (folder / JOURNAL_NAME).read_bytes() for folder in folders}
    without_journals(lost)
    with sqlite3.connect(lost.path) as connection:
        connection.execute("alter table batches drop column sent_until")
        connection.execute("alter table file_keys drop column checksum")
        connection.execute("drop table withdrawn")
        connection.execute("pragma user_version = 3")
    connection.close()
    lost.run()
    lost.check_that_everything_was_sent_once()
    assert before == {folder: (folder / JOURNAL_NAME).read_bytes() for folder in folders}
    lost.lose()
    lost.rebuild()
    lost.run()
    lost.check_that_everything_was_sent_once()


def test_batch_files_of_the_version_before_alone_may_all_have_been_sent(lost):
    lost.run()
    # As a dry run, or a plan that was withdrawn, leaves it.
    [folder] = plan_folders(lost.directory, "visits")
    shutil.copytree(folder, folder.with_name("0" * 12))
    lost.lose()
    without_journals(lost)
    with pytest.raises(UnusableLedgerError, match=SENTENCE):
        lost.run("visits")
    lost.imports.time.now = datetime.now(tz=lost.imports.time.now.tzinfo)
    rebuilt = lost.rebuild()
    assert rebuilt.line_count == 80
    assert lost.imports.states() == {"unknown": 80}
    lost.run()
    lost.check_that_everything_was_sent_once()


def test_a_batch_file_that_is_missing_stops_the_rebuilding(lost):
    lost.run()
    lost.lose()
    [folder] = plan_folders(lost.directory, "visits")
    (folder / "00000.jsonl.zst").unlink()
    lost.directory.published_imports.unlink()
    with pytest.raises(LedgerError, match="is missing: put it back"):
        lost.rebuild()
    assert not lost.path.exists()


def test_a_journal_that_cannot_be_written_stops_the_sending(lost, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    lost.run("profiles")
    with monkeypatch.context() as patch:
        patch.setattr("woopra_pipeline.imports.journals.replace_journal", full)
        with pytest.raises(DiskFullError, match=r"is full, with .* while importing from visits"):
            lost.run("visits")
    assert lost.lines_sent() == 20
    assert lost.imports.states() == {"accepted": 20, "planned": 40}
    lost.run()
    lost.check_that_everything_was_sent_once()


def _rebuild_and_die(root, touch):
    """In a process of its own."""
    die_at_touch(touch)
    rebuild_ledger(DataDirectory(root), settings=SETTINGS, clock=frozen_clock(AFTERWARDS))


@pytest.mark.parametrize(
    "every",
    [pytest.param(3, id="some points"), pytest.param(1, id="many", marks=pytest.mark.long)],
)
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "damaged"])
def test_killed_at_any_moment_the_ledger_is_whole_or_absent(lost, tmp_path, is_there, every):
    lost.run("profiles", "visits")
    if is_there:
        damage_zeros(lost.path)
    else:
        lost.lose()
    kills = 0
    for touch in [*range(1, 40, 6), *range(40, 400, 9)][::every]:
        copy = DataDirectory(tmp_path / f"copy {touch}")
        shutil.copytree(lost.directory.root, copy.root)
        process = processes.Process(target=_rebuild_and_die, args=(copy.root, touch))
        process.start()
        process.join(60)
        kills += process.exitcode == -9
        try:
            with Ledger(copy, frozen_clock(AFTERWARDS)) as ledger:
                ledger.require_sound()
                assert ledger.line_counts() == {"unknown": 60}
        except UnusableLedgerError:
            rebuild_ledger(copy, settings=SETTINGS, clock=frozen_clock(AFTERWARDS))
            with Ledger(copy, frozen_clock(AFTERWARDS)) as ledger:
                assert ledger.line_counts() == {"unknown": 60}
        assert not list(copy.imports.glob(".tmp-*ledger*"))
        shutil.rmtree(copy.root)
        if process.exitcode == 0:
            break
    assert kills > 5


def test_the_whole_folder_from_a_backup_is_found_to_be_too_old(lost, tmp_path):
    lost.run("visits")
    imports = lost.directory.imports
    shutil.copytree(imports, tmp_path / "backup")
    lost.run("events", "profiles")
    shutil.rmtree(imports)
    shutil.copytree(tmp_path / "backup", imports)
    for name in ("events", "profiles"):
        with pytest.raises(UnusableLedgerError, match=r"older than .*imports.duckdb"):
            lost.run(name)
    rebuilt = lost.rebuild()
    assert rebuilt.line_count == 40
    assert lost.imports.states() == {"accepted": 39, "rejected": 1, "unknown": 40}
    lost.run()
    lost.check_that_everything_was_sent_once()
    assert lost.log_and_verify().keys() == {"found"}


def test_a_plan_that_the_backup_has_not_sent_yet_is_found_to_be_sent(lost, tmp_path):
    imports = lost.directory.imports
    lost.imports.server.draws(Mood.UNAUTHORIZED)
    with pytest.raises(CredentialsRejectedError):
        lost.run("profiles")
    shutil.copytree(imports, tmp_path / "backup")
    with Ledger(lost.directory, lost.imports.time.clock) as ledger:
        batches = [batch.batch_id for batch in ledger.batches()]
    lost.imports.time.now += timedelta(seconds=1)
    lost.imports.importer().send_again(batches)
    assert lost.lines_sent() == 20
    shutil.rmtree(imports)
    shutil.copytree(tmp_path / "backup", imports)
    with pytest.raises(UnusableLedgerError, match=r"older than .*imports.duckdb"):
        lost.run("profiles")
    lost.rebuild()
    lost.run("profiles")
    assert lost.lines_sent() == 20


def test_all_is_recovered_from_what_was_published(lost):
    lost.run()
    sources = lost.directory.imports / "sources"
    kept = lost.directory.root / "kept"
    sources.rename(kept)
    shutil.rmtree(lost.directory.imports)
    lost.directory.imports.mkdir()
    kept.rename(sources)
    with pytest.raises(UnusableLedgerError, match=r"is missing, although .*imports.duckdb shows"):
        lost.run("visits")
    assert lost.rebuild().line_count == 80
    lost.run()
    lost.check_that_everything_was_sent_once()
    assert lost.log_and_verify()["found"] > 0
    lost.run()
    lost.check_that_everything_was_sent_once()
