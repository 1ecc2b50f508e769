"""R9 and R7: updates that are killed, or run at the same time, leave one state or the other."""

import multiprocessing
import random
from datetime import date, timedelta
from itertools import product

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.lock import model_lock
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.model.parsed_files import FETCHED_AT, put_day
from woopra_pipeline_tests.model.published_tables import in_order, published_tables

FIRST_DAY = date(2026, 3, 6)

processes = multiprocessing.get_context("forkserver")


def busy_day(chance: random.Random) -> bytes:
    lines = []
    for pid, target in product("ABCD", repeat=2):
        value = chance.choice(["1", "2", '"a"'])
        time = chance.randrange(1, 5)
        actions = f'[{{"name":"pv","time":{time},"properties":{{"{target}":{value}}}}}]'
        lines.append(f'{{"type":"visit","pid":"{pid}","actions":{actions}}}')
        lines.append(f'{{"type":"identify","pid":"{pid}","visitor":{{"{target}":1}}}}')
        if chance.random() < 0.3:
            lines.append(f'{{"type":"delete","pid":"{pid}","new_id":"{target}"}}')
    chance.shuffle(lines)
    return "\n".join(lines).encode()


def start_update(directory: DataDirectory, rebuild_share: float):
    process = processes.Process(
        target=update_model, args=(directory,), kwargs={"rebuild_share": rebuild_share}
    )
    process.start()
    return process


@pytest.mark.parametrize("kills", [5, pytest.param(300, marks=pytest.mark.long)])
def test_killed_at_any_moment(tmp_path, kills):
    chance = random.Random(kills)
    directory = DataDirectory(tmp_path)
    log = {FIRST_DAY: busy_day(chance)}
    put_day(directory, FIRST_DAY, log[FIRST_DAY])
    slowest = update_model(directory).seconds
    outcomes = set()
    for kill in range(kills):
        before = in_order(tables(interpret(log)))
        log_day = FIRST_DAY + timedelta(days=chance.randrange(6))
        log[log_day] = busy_day(chance)
        put_day(directory, log_day, log[log_day])
        after = in_order(tables(interpret(log)))
        process = start_update(directory, rebuild_share=kill % 3)
        # The first kill comes before anything happened, the last one when all is done.
        moment = slowest * 2 * chance.random() * min(kill, 1)
        process.join(timeout=None if kill == kills - 1 else moment)
        process.kill()
        process.join()
        found = in_order(published_tables(directory))
        assert found in (before, after)
        outcomes.add(found == after)
        slowest = max(slowest, update_model(directory, rebuild_share=2).seconds)
        assert in_order(published_tables(directory)) == after
    assert outcomes == {True, False}
    assert {path.name for path in directory.model.iterdir()} <= {
        "build.duckdb",
        "build-new.duckdb",
        "build-new.duckdb.wal",
        "snapshot.duckdb",
        "published.json",
        "lock",
    }


def test_two_at_once_both_end_well(tmp_path):
    chance = random.Random(1)
    directory = DataDirectory(tmp_path)
    log = {FIRST_DAY + timedelta(days=offset): busy_day(chance) for offset in range(4)}
    for log_day, file in log.items():
        put_day(directory, log_day, file)
    running = [start_update(directory, rebuild_share=0.5) for _ in range(2)]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0]
    assert in_order(published_tables(directory)) == in_order(tables(interpret(log)))


def hold_model(directory: DataDirectory, held, released) -> None:
    with model_lock(directory.model, FETCHED_AT, patience_seconds=0):
        held.set()
        released.wait()


def test_whoever_waits_is_told_for_whom(tmp_path):
    directory = DataDirectory(tmp_path)
    held, released = processes.Event(), processes.Event()
    holder = processes.Process(target=hold_model, args=(directory, held, released))
    holder.start()
    held.wait()
    said: list[str] = []
    with pytest.raises(ModelError, match=rf"being updated by process {holder.pid} .* since 2026"):
        update_model(directory, patience_seconds=0, notify=said.append)
    assert "waiting for the model" in said[0]

    holder.kill()
    holder.join()
    assert update_model(directory, patience_seconds=0).method == "rebuild"


def test_memory_is_bounded_by_what_is_said(tmp_path):
    directory = DataDirectory(tmp_path)
    put_day(directory, FIRST_DAY, b'{"type":"visit","pid":"A"}')
    assert update_model(directory, memory_limit="200MB").method == "rebuild"
    with pytest.raises(ModelError, match="'much' is not an amount of memory: write it like 4GB"):
        update_model(directory, memory_limit="much")


def test_readers_keep_what_they_opened(tmp_path):
    from woopra_pipeline.model.database import connect_published

    directory = DataDirectory(tmp_path)
    put_day(directory, FIRST_DAY, b'{"type":"visit","pid":"A"}')
    update_model(directory)
    with connect_published(directory) as connection:
        put_day(directory, FIRST_DAY, b'{"type":"visit","pid":"B"}')
        assert update_model(directory).published
        assert connection.sql("select pid from profiles").fetchall() == [("A",)]
    with connect_published(directory) as connection:
        assert connection.sql("select pid from profiles").fetchall() == [("B",)]
