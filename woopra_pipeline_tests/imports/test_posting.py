"""What each answer means: for the batch, for the rest of the run, and for the next run."""

import gzip
import socket
from base64 import b64encode
from collections import Counter

import pytest

from woopra_pipeline.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    LedgerError,
    RateBudgetSpentError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from woopra_pipeline.imports.ledger import Ledger
from woopra_pipeline.woopra.client import WoopraClient
from woopra_pipeline_tests.conftest import settings_for
from woopra_pipeline_tests.imports.conftest import DAY, NEXT_DAY, NOON
from woopra_pipeline_tests.imports.import_server import Mood
from woopra_pipeline_tests.scripted_server import ScriptedServer, whole

BAD = "case when i in ({}) then 'unacceptable' else 'fine' end"


def visits(count=10, bad=(), words="x"):
    """A source of visits, of which the service rejects some."""
    value = BAD.format(", ".join(map(str, bad))) if bad else "'fine'"
    return (
        f"select {{'email': 'a' || i}} as visitor, [{{'name': 'order', 'time': {NOON} + i, "
        f"'properties': {{'is': {value}, 'text': '{words}'}}}}] as actions from range({count}) r(i)"
    )


def assert_everything_went_once(imports, count=10):
    assert Counter(imports.server.counts().values()) == {1: count}
    assert imports.states() == {"accepted": count}


@pytest.mark.parametrize("mood", [Mood.FINE, Mood.CREATED])
def test_a_success_is_accepted(imports, mood):
    imports.source("it", visits())
    imports.server.draws(*[mood] * 4)
    imports.run("it", lines_per_batch=3)
    assert_everything_went_once(imports)


@pytest.mark.parametrize("mood", [Mood.BUSY_BEFORE, Mood.TOO_MANY])
def test_what_was_certainly_not_taken_is_sent_again_after_the_wait(imports, frozen_time, mood):
    imports.source("it", visits())
    imports.server.draws(mood, mood)
    imports.run("it")
    assert_everything_went_once(imports)
    assert len(imports.server.bodies) == 3
    assert len(frozen_time.slept) == 2
    assert all(seconds >= 1 for seconds in frozen_time.slept)
    assert "attempt 1 of 8: it answered with status" in frozen_time.notices[0]
    assert imports.query("select attempts, status, state from imports") == [(3, 200, "accepted")]


def test_without_a_connection_nothing_was_taken(imports, frozen_time):
    imports.source("it", visits())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    importer = imports.importer({"base_url": f"http://127.0.0.1:{port}", "attempts": 3})
    with pytest.raises(
        ServiceUnavailableError, match=r"accepted no import in 3 attempts.*still planned"
    ):
        importer.run("it", DAY)
    assert len(frozen_time.slept) == 2
    assert imports.states() == {"planned": 10}
    imports.run("it")
    assert_everything_went_once(imports)


@pytest.mark.parametrize(
    "mood",
    [
        Mood.LOST_ANSWER,
        Mood.LOST_REQUEST,
        Mood.BUSY_AFTER,
        Mood.ERROR_BEFORE,
        Mood.ERROR_AFTER,
    ],
)
def test_without_a_clear_answer_it_is_unknown_and_the_rest_goes_on(imports, frozen_time, mood):
    imports.source("it", visits())
    imports.server.draws(Mood.FINE, mood)
    imports.run("it", lines_per_batch=3)
    assert imports.states() == {"accepted": 7, "unknown": 3}
    assert len(imports.server.bodies) == 4
    assert "may have been imported or not" in frozen_time.notices[0]
    imports.run("it", NEXT_DAY)
    assert len(imports.server.bodies) == 4


def test_too_many_unknown_batches_in_a_row_end_the_run(imports):
    imports.source("it", visits())
    imports.server.draws(Mood.FINE, *[Mood.BUSY_AFTER] * 3)
    with pytest.raises(ServiceUnavailableError, match="no clear answer to 3 imports in a row"):
        imports.run("it", lines_per_batch=2)
    assert imports.states() == {"accepted": 2, "unknown": 6, "planned": 2}


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        (Mood.UNAUTHORIZED, CredentialsRejectedError),
        (Mood.FORBIDDEN, CredentialsRejectedError),
        (Mood.NOT_FOUND, RequestRejectedError),
    ],
)
def test_a_refused_request_ends_the_run_and_rejects_nothing(imports, mood, error):
    imports.source("it", visits())
    imports.server.draws(Mood.FINE, mood)
    with pytest.raises(error, match="everything is still planned"):
        imports.run("it", lines_per_batch=3)
    assert len(imports.server.bodies) == 2
    assert imports.states() == {"accepted": 3, "planned": 7}
    imports.run("it", lines_per_batch=3)
    assert_everything_went_once(imports)


def test_a_wait_longer_than_ours_ends_the_run(imports):
    imports.source("it", visits())
    imports.server.draws(Mood.TOO_MANY)
    with pytest.raises(ServiceUnavailableError, match="asks to wait 1 s"):
        imports.importer({"longest_retry_after": 0.5}).run("it", DAY)
    assert imports.states() == {"planned": 10}


def test_a_spent_rate_budget_ends_the_run_before_anything_is_sent(imports, frozen_time, tmp_path):
    imports.source("it", visits())
    settings = settings_for(
        base_url=imports.server.base_url,
        rate_budget=True,
        requests_per_hour=2,
        requests_per_minute=2,
        longest_budget_wait=60,
    )
    budget = tmp_path / "budget.sqlite"
    with WoopraClient(
        settings, clock=frozen_time.clock, sleep=frozen_time.sleep, rate_budget_path=budget
    ) as client:
        importer = imports.importer(lines_per_batch=3)
        importer.client = client
        with pytest.raises(RateBudgetSpentError):
            importer.run("it", DAY)
    assert imports.states() == {"accepted": 6, "planned": 4}


def test_bad_lines_are_found_and_all_others_go(imports):
    imports.source("it", visits(100, bad=(0, 41, 42, 99)))
    imports.run("it")
    assert imports.states() == {"accepted": 96, "rejected": 4}
    assert Counter(imports.server.counts().values()) == {1: 96}
    rejected = imports.query(
        "select line ->> '$.visitor.email', status, reason from import_lines "
        "where state = 'rejected' order by all"
    )
    assert rejected == [(f"a{i}", 400, "status 400: no") for i in (0, 41, 42, 99)]


def test_one_bad_line_in_ten_thousand_costs_few_requests(imports):
    imports.source("it", visits(10_000, bad=(6789,)))
    imports.run("it", lines_per_batch=10_000)
    assert imports.states() == {"accepted": 9_999, "rejected": 1}
    assert Counter(imports.server.counts().values()) == {1: 9_999}
    assert len(imports.server.bodies) <= 2 * 14 + 1


def test_past_a_number_of_requests_the_rest_of_a_batch_is_set_aside_whole(imports, frozen_time):
    imports.source("it", visits(64, bad=range(64)))
    imports.run("it", halving_requests=10)
    assert imports.states() == {"rejected": 64}
    assert len(imports.server.bodies) <= 10 + 11
    [(count,)] = imports.query(
        "select count(*) from imports where line_count > 1 and reason like 'set aside whole%'"
    )
    assert count > 0
    assert any("set aside whole, 10 requests" in notice for notice in frozen_time.notices)
    imports.run("it", NEXT_DAY)
    assert len(imports.server.bodies) <= 10 + 11


def test_an_unprocessable_batch_is_halved_too(imports):
    imports.source("it", visits())
    imports.server.draws(Mood.UNPROCESSABLE)
    imports.run("it")
    assert_everything_went_once(imports)
    assert len(imports.server.bodies) == 3


def test_batches_that_are_too_large_become_smaller_from_then_on(imports):
    imports.source("it", visits(64))
    imports.server.largest_body = 2_000
    imports.run("it", lines_per_batch=32)
    assert_everything_went_once(imports, 64)
    too_large = [body for body in imports.server.bodies if len(body) > 2_000]
    # The first batch taught how large the second may be.
    assert len(too_large) == 1


def test_a_line_that_alone_is_too_large_is_rejected(imports):
    imports.source("it", visits(3, words="x" * 3_000))
    imports.server.largest_body = 2_000
    imports.run("it")
    assert imports.states() == {"rejected": 3}


def test_put_and_gzip_are_settings(imports):
    imports.source("it", visits())
    imports.importer({"import_method": "PUT", "import_gzip": True}).run("it", DAY)
    assert_everything_went_once(imports)
    assert imports.server.methods == ["PUT"]
    assert len(gzip.decompress(imports.server.bodies[0]).splitlines()) == 10


def test_a_batch_is_noted_as_sending_before_its_first_byte_leaves(imports, frozen_time):
    seen = []

    def look() -> None:
        with Ledger(imports.directory, frozen_time.clock) as ledger:
            seen.append(ledger.line_counts())

    imports.source("it", visits())
    imports.server.during_request = look
    imports.run("it", lines_per_batch=6)
    assert seen == [{"sending": 6, "planned": 4}, {"accepted": 6, "sending": 4}]


def test_the_secret_key_is_in_no_kept_answer(imports):
    imports.source("it", visits())
    echo = b"key s3cr3t-k3y, Authorization: Basic " + b64encode(b"APP17:s3cr3t-k3y")
    with ScriptedServer([whole(echo)]) as server:
        imports.importer({"base_url": server.base_url}).run("it", DAY)
    assert imports.query("select answer from imports") == [("key …, Authorization: Basic …",)]


def test_a_data_directory_imports_into_one_project_only(imports):
    imports.source("it", visits())
    imports.run("it")
    batch = imports.query("select batch from imports")[0]
    other = imports.importer({"project": "blog.example"})
    for import_into_it in (lambda: other.run("it", NEXT_DAY), lambda: other.send_again(batch)):
        with pytest.raises(ConfigurationError, match="which must not be mixed"):
            import_into_it()
    other.run("it", NEXT_DAY, dry_run=True)
    assert_everything_went_once(imports)


def test_a_dry_run_writes_everything_and_sends_nothing(imports):
    imports.source("it", visits(bad=(3,)))
    run = imports.run("it", dry_run=True, lines_per_batch=4)
    assert imports.server.bodies == []
    assert run.plan.line_count == 10
    assert sum(file.byte_count for file in run.plan.files) == run.plan.byte_count
    assert imports.query("select is_dry_run, state, line_count from imports") == [
        (True, "planned", 4),
        (True, "planned", 4),
        (True, "planned", 2),
    ]
    [(batch,)] = imports.query("select min(batch) from imports")
    with pytest.raises(LedgerError, match="made by a dry run, and is never sent"):
        imports.importer().send_again([batch])
    imports.run("it")
    assert len(imports.server.taken) == 9
    assert imports.query("select count(*) from imports where is_dry_run") == [(0,)]


def test_what_was_planned_and_not_sent_is_planned_again_from_what_the_source_says_now(imports):
    imports.source("it", visits(3, words="wrong"))
    imports.server.draws(Mood.UNAUTHORIZED)
    with pytest.raises(CredentialsRejectedError):
        imports.run("it")
    imports.source("it", visits(3, words="right"))
    imports.run("it")
    assert len(imports.server.taken) == 3
    assert not any("wrong" in line for line in imports.server.taken)
    assert imports.states() == {"accepted": 3}


def test_what_an_earlier_day_left_planned_is_sent_first(imports):
    imports.source("it", visits(3, words="first"))
    imports.server.draws(Mood.UNAUTHORIZED)
    with pytest.raises(CredentialsRejectedError):
        imports.run("it")
    imports.source("it", visits(3, words="second"))
    imports.run("it", NEXT_DAY)
    assert ["first" in line for line in imports.server.taken] == [True] * 3 + [False] * 3


def test_rows_that_cannot_be_sent_stop_no_other(imports):
    imports.source(
        "it",
        "select case i when 1 then {'name': 'x', 'email': null} "
        "else {'name': 'x', 'email': 'a' || i} end as visitor, "
        "[{'name': case i when 2 then '' else 'order' end, "
        "'time': case i when 3 then 1772740800 else 1772740800000 end, "
        "'properties': {'n': case i when 4 then 'nan'::double else i end}}] as actions "
        "from range(6) r(i)",
    )
    run = imports.run("it")
    assert len(imports.server.taken) == 2
    assert run.plan.set_aside_count == 4
    assert run.lines == {"accepted": 2, "set aside": 4}
    reasons = imports.query(
        "select reason from import_lines where state = 'rejected' and batch is null order by reason"
    )
    assert [reason for (reason,) in reasons] == [
        "it has a value that JSON cannot have, such as NaN or infinity",
        "the name of an action is missing, empty or not a string",
        "time of the action 'order' is 1772740800, which looks like seconds: multiply it by 1000",
        "visitor has no identifier: it needs one of id, email, phone, cookie",
    ]
    assert run.plan.first_set_aside[0].reason.startswith("visitor has no")
