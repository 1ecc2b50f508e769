"""R9 for erasures: whatever is killed when, the same command again leaves it done, or not begun.

What readers of the model see in between is the one or the other as well.
"""

import multiprocessing
import shutil
import signal
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.clock import frozen_clock
from woopra_pipeline.current_day.day_files import grow, log_file, start_current_day
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.privacy.erasing import enter, finish
from woopra_pipeline.privacy.plan import Finder, Identifier
from woopra_pipeline.privacy.register import read_register
from woopra_pipeline.privacy.verification import search
from woopra_pipeline_tests.model.published_tables import in_order, published_tables
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.sudden_death import FILE_EVENTS, die_at_touch

FIRST_DAY = date(2026, 3, 3)
NOW = datetime(2026, 3, 7, 20, tzinfo=UTC)
ADA = Identifier("email", "ada@example.com")

processes = multiprocessing.get_context("forkserver")


def lines(number: int) -> bytes:
    """A day of two persons; on the second day one pid of the one becomes another."""
    at = 1772500000000 + number * 86_400_000
    ada = "phone" if number == 0 else "laptop"
    some = [
        f'{{"type":"visit","pid":"{ada}","time":{at},"visitor":{{"email":"{ADA.value}"}},'
        f'"actions":[{{"name":"pv","time":{at}}}]}}',
        f'{{"type":"visit","pid":"bob","time":{at},"visitor":{{"email":"bob@example.com"}}}}',
    ]
    if number == 1:
        some.append('{"type":"delete","pid":"phone","new_id":"laptop"}')
    return "\n".join([*some, ""]).encode()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    """Three closed days, one of them with an earlier version, and the current day."""
    directory = DataDirectory(tmp_path_factory.mktemp("template") / "data")
    archive = Archive(directory.raw)
    for number in range(3):
        log_day = FIRST_DAY + timedelta(days=number)
        archive_file(archive, log_day, lines(number))
        parse_log_day(archive, log_day, directory.parsed)
    current = start_current_day(directory.parsed, FIRST_DAY + timedelta(days=4), NOW)
    log_file(current).write_bytes(lines(4))
    grow(current, len(lines(4)), NOW)
    update_model(directory)
    return directory


def erase(directory: DataDirectory) -> None:
    """What the command does."""
    update_model(directory)
    with connect_published(directory) as connection:
        finder = Finder(connection)
        life = finder.find(ADA)
        if life is not None:
            plan = finder.plan(
                [ADA], [life], NOW, and_future=False, identifier_keys=["email", "id"]
            )
    if life is not None:
        enter(directory, plan)
    finish(directory, clock=frozen_clock(NOW))


def _erase(root: Path, fatal_event: int) -> None:
    die_at_touch(fatal_event)
    erase(DataDirectory(root))


def _count_touches(root: Path, count: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    def note(event: str, _: object) -> None:
        if event in {"open", "fcntl.flock"} or event.startswith(FILE_EVENTS):
            count.value += 1

    sys.addaudithook(note)
    erase(DataDirectory(root))


@pytest.mark.parametrize(
    "kills", [pytest.param(5, id="five"), pytest.param(50, id="fifty", marks=pytest.mark.long)]
)
def test_killed_anywhere_it_is_done_or_not_begun(tmp_path, template, kills):
    before = in_order(published_tables(template))
    whole = DataDirectory(shutil.copytree(template.root, tmp_path / "whole"))
    touches = processes.Value("i", 0)
    process = processes.Process(target=_count_touches, args=(whole.root, touches))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    after = in_order(published_tables(whole))
    assert after != before
    assert not search(whole, [ADA]).finds

    entered = 0
    for number in range(kills):
        directory = DataDirectory(shutil.copytree(template.root, tmp_path / str(number)))
        fatal_event = 1 + number * touches.value // kills
        process = processes.Process(target=_erase, args=(directory.root, fatal_event))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert in_order(published_tables(directory)) in (before, after)
        if read_register(directory.erasures).erasures:
            entered += 1
            # Whoever updates the model next carries on.
            update_model(directory)
            assert in_order(published_tables(directory)) == after
        erase(directory)
        assert in_order(published_tables(directory)) == after
        assert search(directory, [ADA]).finds == ()
        assert len(read_register(directory.erasures).erasures) == 1
        assert len(list(directory.erasures.glob("2*.json"))) == 1
        shutil.rmtree(directory.root)
    assert 0 < entered < kills
