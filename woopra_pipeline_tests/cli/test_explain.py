import json

import pytest

from woopra_pipeline.model.database import connect_published


@pytest.fixture
def ask(demo_line):
    def ask(sql):
        with connect_published(demo_line.directory) as connection:
            return connection.execute(sql).fetchall()[0]

    return ask


def explained(demo_line, pid):
    done = demo_line("explain", pid)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_shows_every_merge_on_the_way(demo_line, ask):
    pid, end, hops = ask("from pid_aliases where canonical_pid is not null order by hops desc")
    printed = explained(demo_line, pid)
    assert printed.startswith(f"{pid} lives on as {end}, {hops} merges away.")
    assert len([line for line in printed.splitlines() if line.startswith("  2026-")]) >= hops
    day, line = ask(
        f"select log_day, log_line from profile_merges where from_pid = '{pid}' "
        "order by log_day desc, log_line desc"
    )
    assert f"{day}   " in printed
    assert str(line) in printed


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        pytest.param("hops = 0", "is a living profile.", id="living"),
        pytest.param("canonical_pid is null", "was deleted for good.", id="deleted"),
    ],
)
def test_says_what_became_of_it(demo_line, ask, condition, sentence):
    (pid,) = ask(f"select pid from pid_aliases where {condition}")
    assert explained(demo_line, pid).startswith(f"{pid} {sentence}")


def test_json_says_it_all(demo_line, ask):
    pid, end, hops = ask("from pid_aliases where canonical_pid is not null order by hops desc")
    done = demo_line("explain", pid, "--format", "json")
    history = json.loads(done.stdout)
    assert history["canonical_pid"] == end
    assert len(history["path"]) == hops
    assert history["path"][0]["from_pid"] == pid
    assert history["path"][-1]["to_pid"] == end


def test_an_unknown_pid_is_one_line(demo_line):
    failed = demo_line("explain", "nobody")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "pid 'nobody' is not in the loaded" in failed.stderr
