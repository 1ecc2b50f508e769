"""`explain_pid`: the merges that made a pid what it is, each with what it voided and got back."""

from datetime import date

import pytest

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.errors import ModelError
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.explain import Merge, PidHistory, explain_pid
from woopra_pipeline.model.update import update_model
from woopra_pipeline_tests.model.parsed_files import put_day

MONDAY, TUESDAY = date(2026, 3, 9), date(2026, 3, 10)


def visit(pid: str, *times: int) -> str:
    actions = ",".join(f'{{"name":"pv","time":{time}}}' for time in times)
    return f'{{"type":"visit","pid":"{pid}","time":5,"actions":[{actions}]}}\n'


def delete(pid: str, new_id: str | None = None) -> str:
    target = f',"new_id":"{new_id}"' if new_id else ""
    return f'{{"type":"delete","pid":"{pid}"{target}}}\n'


@pytest.fixture
def history(tmp_path):
    """A moves to B, and B a day later to C with an action lost; D is deleted for good."""
    directory = DataDirectory(tmp_path)
    put_day(
        directory,
        MONDAY,
        (visit("A", 1, 2) + delete("A", "B") + visit("B", 1, 2) + visit("D", 9)).encode(),
    )
    put_day(directory, TUESDAY, (delete("B", "C") + visit("C", 1) + delete("D")).encode())
    update_model(directory)

    def explain(pid: str) -> PidHistory:
        with connect_published(directory) as connection:
            return explain_pid(connection, pid)

    return explain


A_TO_B = Merge(MONDAY, 2, "A", "B", visit_count=1, action_count=2, relogged_count=2)
B_TO_C = Merge(TUESDAY, 1, "B", "C", visit_count=1, action_count=2, relogged_count=1)


def test_a_departed_pid_is_followed_to_where_it_lives_now(history):
    told = history("A")
    assert told.canonical_pid == "C"
    assert told.path == (A_TO_B, B_TO_C)
    assert told.own_deletes == (A_TO_B,)
    assert told.merged_into == ()
    assert told.profile is not None
    assert (told.profile.pid, told.profile.action_count) == ("C", 1)
    assert told.profile.is_provisional


def test_a_living_pid_tells_what_was_merged_into_it(history):
    told = history("C")
    assert told.canonical_pid == "C"
    assert told.path == ()
    assert told.merged_into == (A_TO_B, B_TO_C)


def test_a_pid_deleted_for_good(history):
    told = history("D")
    assert told.canonical_pid is None
    assert told.profile is None
    assert told.path == (Merge(TUESDAY, 3, "D", None, 1, 1, relogged_count=None),)


def test_a_pid_nobody_saw(history):
    with pytest.raises(ModelError, match="'a' is not in the loaded"):
        history("a")
