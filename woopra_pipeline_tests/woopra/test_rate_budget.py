import multiprocessing
import signal
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import pytest

from woopra_pipeline.errors import ConfigurationError, RateBudgetSpentError
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline.woopra.rate_budget import RateBudget
from woopra_pipeline_tests.conftest import FrozenTime, settings_for
from woopra_pipeline_tests.scripted_server import whole

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def open_budget(tmp_path, frozen_time):
    opened = []

    def open_one(minute=300, hour=600, day=3_000, longest_wait=3_600.0):
        budget = RateBudget(
            tmp_path / "budget.sqlite",
            settings_for(
                requests_per_minute=minute,
                requests_per_hour=hour,
                requests_per_day=day,
                longest_budget_wait=longest_wait,
            ),
            clock=frozen_time.clock,
            sleep=frozen_time.sleep,
            notify=frozen_time.notices.append,
        )
        opened.append(budget)
        return budget

    yield open_one
    for budget in opened:
        budget.close()


def test_no_window_ever_holds_more_than_its_limit(open_budget, frozen_time):
    budget = open_budget(minute=5, hour=12, day=30, longest_wait=90_000)
    taken = []
    for _ in range(64):
        budget.take()
        taken.append(frozen_time.now)
    for window, limit in ((60, 5), (3_600, 12), (86_400, 30)):
        for first, beyond in zip(taken, taken[limit:], strict=False):
            assert beyond - first > timedelta(seconds=window)
    assert taken[4] == NOON
    assert taken[-1] < NOON + timedelta(days=2, hours=1)


def test_a_wait_ends_as_soon_as_there_is_room_and_is_announced(open_budget, frozen_time):
    budget = open_budget(minute=2, hour=100)
    budget.take()
    frozen_time.now += timedelta(seconds=20)
    budget.take()
    budget.take()
    assert frozen_time.slept == [pytest.approx(40.001)]
    [notice] = frozen_time.notices
    assert notice == (
        "The budget of requests to Woopra is used up: waiting 40 s, until 12:01:00 UTC"
    )


def test_the_wait_is_for_all_windows_at_once(open_budget, frozen_time):
    budget = open_budget(minute=2, hour=3)
    for _ in range(3):
        budget.take()
    frozen_time.slept.clear()
    budget.take()
    assert frozen_time.slept == [pytest.approx(3_600.001 - 60.001, abs=0.01)]


def test_past_the_longest_wait_the_request_is_refused_with_the_time(open_budget, frozen_time):
    budget = open_budget(minute=1, hour=2, longest_wait=60.5)
    budget.take()
    budget.take()
    with pytest.raises(RateBudgetSpentError, match="until 2026-03-10 13:00:00 UTC: try again"):
        budget.take()
    assert len(frozen_time.slept) == 1
    frozen_time.now = NOON + timedelta(hours=1, milliseconds=1)
    budget.take()


def test_a_refused_request_takes_no_place(open_budget, frozen_time):
    budget = open_budget(minute=1, hour=50, longest_wait=0)
    budget.take()
    for _ in range(20):
        with pytest.raises(RateBudgetSpentError):
            budget.take()
    frozen_time.now += timedelta(seconds=61)
    budget.take()


def test_the_count_outlives_the_process(open_budget, frozen_time):
    first = open_budget(minute=3, hour=600, longest_wait=0)
    first.take()
    first.take()
    first.close()
    second = open_budget(minute=3, hour=600, longest_wait=0)
    second.take()
    with pytest.raises(RateBudgetSpentError):
        second.take()


@pytest.mark.parametrize(
    ("minute", "hour", "day", "in_a_minute", "in_an_hour"),
    [
        pytest.param(9, 4, 4, 4, 4, id="a shorter window that never binds"),
        pytest.param(4, 4, 4, 4, 4, id="all the same"),
        pytest.param(2, 5_000, 9_000, 2, 120, id="longer windows that never bind"),
    ],
)
def test_any_limits_can_be_set(
    *, open_budget, frozen_time, minute, hour, day, in_a_minute, in_an_hour
):
    budget = open_budget(minute, hour, day, longest_wait=90_000)
    taken = []
    for _ in range(in_an_hour + 1):
        budget.take()
        taken.append(frozen_time.now)
    assert taken[in_a_minute - 1] == NOON
    assert taken[in_a_minute] > NOON + timedelta(seconds=60)
    assert taken[in_an_hour] > NOON + timedelta(hours=1)


def test_limits_below_one_are_refused(open_budget):
    with pytest.raises(ConfigurationError, match="at least 1 request"):
        open_budget(minute=0)


@pytest.mark.parametrize("hours", [2, 24 * 400], ids=["two hours", "a year"])
def test_after_a_clock_was_set_back_requests_go_on(open_budget, frozen_time, hours):
    frozen_time.now = NOON + timedelta(hours=hours)
    ahead = open_budget(minute=2, hour=3, longest_wait=7_200)
    for _ in range(3):
        ahead.take()
    frozen_time.now = NOON
    frozen_time.slept.clear()
    frozen_time.notices.clear()
    budget = open_budget(minute=2, hour=3, longest_wait=0)
    budget.take()
    assert frozen_time.slept == []
    [notice] = frozen_time.notices
    assert notice.startswith("3 requests to Woopra are counted at a time in the future")
    assert "set back" in notice
    budget.take()
    with pytest.raises(RateBudgetSpentError, match="until 2026-03-10 12:01:00 UTC"):
        budget.take()
    assert len(frozen_time.notices) == 1


def test_a_clock_set_back_while_it_waits_is_noticed(open_budget, frozen_time):
    budget = open_budget(minute=1, hour=100)
    budget.take()

    def set_back(seconds):
        frozen_time.slept.append(seconds)
        frozen_time.now = NOON - timedelta(days=3)

    budget._sleep = set_back
    budget.take()
    assert len(frozen_time.slept) == 1


@pytest.mark.parametrize("seconds", [0.001, 5, 60])
def test_a_small_skew_forgets_nothing(open_budget, frozen_time, seconds):
    frozen_time.now = NOON + timedelta(seconds=seconds)
    open_budget(minute=1).take()
    frozen_time.now = NOON
    with pytest.raises(RateBudgetSpentError):
        open_budget(minute=1, longest_wait=0).take()
    open_budget(minute=1, longest_wait=2 * 60 + 1).take()
    assert sum(frozen_time.slept) == pytest.approx(seconds + 60, abs=0.01)
    assert not any("still to come" in notice for notice in frozen_time.notices)


def _random_bytes(path):
    path.write_bytes(b"no database" * 1_000)


def _foreign_table(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table requests (url text)")
        connection.commit()


def _foreign_view(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create view requests as select 1 as name, 2 as item_timestamp")
        connection.commit()


def _damaged_pages(path):
    _fill(path)
    content = bytearray(path.read_bytes())
    content[4_096:] = b"\xa5" * (len(content) - 4_096)
    path.write_bytes(content)


def _cut_off(path):
    _fill(path)
    path.write_bytes(path.read_bytes()[:5_000])


def _fill(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table requests (name varchar, item_timestamp integer)")
        connection.executemany("insert into requests values (?, ?)", [("x" * 50, 1)] * 500)
        connection.commit()


@pytest.mark.parametrize(
    "spoil",
    [_random_bytes, _foreign_table, _foreign_view, _damaged_pages, _cut_off],
    ids=lambda spoil: spoil.__name__.strip("_"),
)
def test_a_file_that_is_no_budget_is_put_aside_and_made_again(
    *, open_budget, frozen_time, tmp_path, spoil
):
    path = tmp_path / "budget.sqlite"
    spoil(path)
    content = path.read_bytes()
    budget = open_budget(minute=1, longest_wait=0)
    [notice] = frozen_time.notices
    assert "budget.sqlite could not be read" in notice
    assert "put aside as budget.sqlite.damaged" in notice
    assert (tmp_path / "budget.sqlite.damaged").read_bytes() == content
    budget.take()
    with pytest.raises(RateBudgetSpentError):
        open_budget(minute=1, longest_wait=0).take()
    assert len(frozen_time.notices) == 1


def test_a_file_damaged_while_it_is_used_is_made_again(open_budget, frozen_time, tmp_path):
    budget = open_budget(minute=100)
    budget.take()
    for path in tmp_path.glob("budget.sqlite*"):
        if path.suffix != ".lock":
            with path.open("r+b") as file:
                file.write(b"no database" * 3_000)
    budget.take()
    assert "put aside" in frozen_time.notices[0]
    budget.take()
    assert len(frozen_time.notices) == 1


def test_rows_without_a_time_count_for_nothing(open_budget, frozen_time, tmp_path):
    open_budget(minute=1)
    with closing(sqlite3.connect(tmp_path / "budget.sqlite")) as connection:
        connection.executemany(
            "insert into requests values ('x', ?)", [("soon",), (None,), (1.5e300,), (b"",)]
        )
        connection.commit()
    open_budget(minute=1, longest_wait=0).take()
    assert len(frozen_time.notices) == 1


def test_a_file_that_cannot_be_opened_is_named(open_budget, tmp_path):
    (tmp_path / "budget.sqlite").mkdir()
    with pytest.raises(ConfigurationError, match=r"budget\.sqlite cannot be used.*can be written"):
        open_budget()


def test_a_file_that_another_program_holds_is_named(open_budget, tmp_path):
    budget = open_budget()
    budget._bucket.conn.execute("pragma busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "budget.sqlite")) as connection:
        connection.execute("begin immediate")
        with pytest.raises(ConfigurationError, match="database is locked"):
            budget.take()
    budget.take()


def test_a_budget_needs_a_file():
    with pytest.raises(ConfigurationError, match="needs a file"):
        WoopraClient(settings_for(rate_budget=True))


def test_every_attempt_takes_its_place(server, frozen_time, tmp_path):
    settings = settings_for(
        base_url=server.base_url,
        rate_budget=True,
        requests_per_minute=3,
        longest_budget_wait=0,
        first_backoff=0,
    )
    server.answers(whole(b"", 500), whole(b"", 500), whole(b"{}\n"), whole(b"{}\n"))
    with WoopraClient(
        settings,
        clock=frozen_time.clock,
        sleep=frozen_time.sleep,
        notify=frozen_time.notices.append,
        rate_budget_path=tmp_path / "folder" / "budget.sqlite",
    ) as client:
        client.download_log_day(NOON.date() - timedelta(days=3), lambda response: None)
        with pytest.raises(RateBudgetSpentError):
            client.post_import(b"{}\n")
    assert len(server.requests) == 3


processes = multiprocessing.get_context("forkserver")


def _take_until_spent(path, limit, number, at_that_insert):
    """In a process of its own: take places, and do something as the `number`-th is written."""
    time = FrozenTime(NOON)
    settings = settings_for(requests_per_minute=limit, longest_budget_wait=0)
    budget = RateBudget(
        path, settings, clock=time.clock, sleep=time.sleep, notify=time.notices.append
    )
    inserts = count(1)

    def watch(statement):
        if statement.lstrip().startswith("INSERT") and next(inserts) == number:
            at_that_insert()

    budget._bucket.conn.set_trace_callback(watch)
    with suppress(RateBudgetSpentError):
        while True:
            budget.take()


def test_two_processes_cannot_both_take_the_last_place(open_budget, tmp_path):
    about_to_take, refused = processes.Event(), processes.Event()
    other = processes.Process(
        target=_take_until_spent,
        args=(tmp_path / "budget.sqlite", 1, 1, partial(_meet, about_to_take, refused)),
    )
    other.start()
    assert about_to_take.wait(30)
    with pytest.raises(RateBudgetSpentError):
        open_budget(minute=1, longest_wait=0).take()
    refused.set()
    other.join(30)
    assert other.exitcode == 0


def _meet(about_to_take, refused):
    """Hold the last place for a moment in which another process could wrongly take it too."""
    about_to_take.set()
    refused.wait(0.3)


def test_a_process_killed_as_it_takes_a_place_neither_keeps_it_nor_blocks(open_budget, tmp_path):
    killed = processes.Process(
        target=_take_until_spent,
        args=(tmp_path / "budget.sqlite", 5, 3, partial(signal.raise_signal, signal.SIGKILL)),
    )
    killed.start()
    killed.join(30)
    assert killed.exitcode == -signal.SIGKILL
    budget = open_budget(minute=5, longest_wait=0)
    for _ in range(3):
        budget.take()
    with pytest.raises(RateBudgetSpentError):
        budget.take()
