"""`woopra-pipeline erase`: a plan first, nobody guessed, and an exit code that can be relied on."""

import shutil
from datetime import date, timedelta

import orjson
import pytest

from woopra_pipeline.archive import Archive
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.model.database import connect_published
from woopra_pipeline.model.update import update_model
from woopra_pipeline.parse.parse_day import parse_log_day
from woopra_pipeline.privacy.register import read_register
from woopra_pipeline_tests.cli.conftest import command_line_here
from woopra_pipeline_tests.parse.archived_files import archive_file
from woopra_pipeline_tests.shared_folders import shared_folder

__all__ = ["command_line_here"]

FIRST_DAY = date(2026, 3, 3)
AT = 1772500000000
LOG = [
    [
        ("phone", {"email": "ada@example.com"}),
        ("laptop", {"email": "ada@example.com", "id": "17"}),
        ("bob", {"email": "bob@example.com"}),
        ("kiosk", {"email": "bob@example.com"}),
        "phone>laptop",
    ],
    [("laptop", {"email": "ada@example.com", "name": "Ada"}), ("bob", {"plan": "pro"})],
    [("bob", {"plan": "basic"})],
]


def lines(day):
    for number, entry in enumerate(day):
        if isinstance(entry, str):
            pid, _, new_id = entry.partition(">")
            yield orjson.dumps({"type": "delete", "pid": pid, "new_id": new_id})
        else:
            pid, visitor = entry
            actions = [{"name": "pv", "time": AT + number}]
            yield orjson.dumps(
                {"type": "visit", "pid": pid, "time": AT, "visitor": visitor, "actions": actions}
            )


@pytest.fixture
def erase(command_line_here, tmp_path_factory):
    """The command, on a log of three days."""

    def make(folder):
        directory = DataDirectory(folder)
        archive = Archive(directory.raw)
        for number, day in enumerate(LOG):
            log_day = FIRST_DAY + timedelta(days=number)
            archive_file(archive, log_day, b"\n".join([*lines(day), b""]))
            parse_log_day(archive, log_day, directory.parsed)
        update_model(directory)

    made = shared_folder(tmp_path_factory, "privacy-command", make)
    shutil.copytree(made, command_line_here.folder, dirs_exist_ok=True)
    return lambda *arguments: command_line_here("erase", *arguments)


@pytest.fixture
def profiles(command_line_here):
    def profiles():
        with connect_published(command_line_here.directory) as connection:
            rows = connection.sql("select pid from profiles order by pid").fetchall()
        return [pid for (pid,) in rows]

    return profiles


def raw(command_line, day):
    archive = Archive(command_line.directory.raw)
    return archive.get(FIRST_DAY + timedelta(days=day))


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["as it is", "dry run"])
def test_without_yes_it_only_plans(erase, profiles, command_line_here, arguments):
    planned = erase("--email", "Ada@Example.com", *arguments)
    assert planned.returncode == 0, planned.stderr
    assert "Profiles        laptop\n" in planned.stdout
    assert "Profile ids     2 (laptop, phone)" in planned.stdout
    assert "Lines           3: 3 visits with 3 actions, 0 that" in planned.stdout
    assert "Log days        2 (2026-03-03 to 2026-03-04)" in planned.stdout
    assert "Stays           1 delete line" in planned.stdout
    assert "Nothing was erased" in planned.stderr
    assert profiles() == ["bob", "kiosk", "laptop"]
    assert not command_line_here.directory.erasures.exists()


def test_with_yes_it_erases_and_leaves_a_receipt(erase, profiles, command_line_here):
    untouched = raw(command_line_here, 2)
    assert erase("--verify", "--email", "ada@example.com").returncode == 1
    erased = erase("--email", "ada@example.com", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert "Erased: 3 lines of 2 log days" in erased.stdout
    assert profiles() == ["bob", "kiosk"]
    verified = erase("--verify", "--email", "ada@example.com", "--id", "17x", "--pid", "phone")
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "Found nothing.")
    assert raw(command_line_here, 2) == untouched
    assert raw(command_line_here, 0).erased_line_count == 2
    folder = command_line_here.directory.erasures
    (receipt,) = folder.glob("2*.json")
    content = orjson.loads(receipt.read_bytes())
    assert content["log"] == {
        "persons": 1,
        "pids": 2,
        "lines": 3,
        "visits": 3,
        "identifies": 0,
        "actions": 3,
        "log_days": 2,
    }
    for word in (b"ada", b"phone", b"laptop"):
        assert word not in receipt.read_bytes()
    assert b"ada@" not in (folder / "register.json").read_bytes()
    assert (folder / "key").stat().st_mode & 0o777 == 0o600


def test_the_same_command_again_has_nothing_to_do(erase, command_line_here):
    erase("--email", "ada@example.com", "--yes")
    again = erase("--email", "ada@example.com", "--yes")
    assert (again.returncode, again.stdout.strip()) == (
        0,
        "These persons were erased before, and nothing about them has come since then.",
    )
    assert len(read_register(command_line_here.directory.erasures).erasures) == 1


def test_a_receipt_that_is_missing_is_made_by_the_same_command(erase, command_line_here):
    erase("--email", "ada@example.com", "--yes")
    (receipt,) = command_line_here.directory.erasures.glob("2*.json")
    receipt.unlink()
    status = command_line_here("status").stdout
    assert f"{receipt.stem} is not finished: run `woopra-pipeline erase --yes`" in status
    again = erase("--yes")
    assert "Erased: 3 lines" in again.stdout
    assert receipt.exists()


def test_what_dagster_kept_of_runs_before_is_deleted(erase, command_line_here):
    stored = command_line_here.directory.dagster / "storage" / "17" / "result"
    stored.parent.mkdir(parents=True)
    stored.write_text('{"preview": {"email": "ada@example.com"}}', encoding="utf-8")
    erased = erase("--email", "ada@example.com", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert "Erased from Dagster's history: 0 runs and 1 other record" in erased.stdout
    assert not stored.exists()


def test_one_who_comes_back_is_kept_until_erased_again(erase, profiles, command_line_here):
    erase("--email", "ada@example.com", "--yes")
    archive = Archive(command_line_here.directory.raw)
    log_day = FIRST_DAY + timedelta(days=5)
    back = {"type": "visit", "pid": "laptop", "time": 32_503_680_000_000, "actions": []}
    archive_file(archive, log_day, orjson.dumps(back) + b"\n")
    parse_log_day(archive, log_day, command_line_here.directory.parsed)
    update_model(command_line_here.directory)
    assert profiles() == ["bob", "kiosk", "laptop"]
    erased = erase("--pid", "laptop", "--and-future", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert profiles() == ["bob", "kiosk"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param([], "Name whom to erase", id="nobody"),
        pytest.param(["--yes"], "Name whom to erase", id="nobody, with yes"),
        pytest.param(["--email", "x@example.com"], "Nobody is known by email x", id="unknown"),
        pytest.param(["--pid", "x"], "Nobody is known by pid x", id="unknown pid"),
        pytest.param(
            ["--email", "bob@example.com"],
            "email bob@example.com leads to 2 profiles, and only you can tell who is meant: "
            "bob, kiosk",
            id="several",
        ),
        pytest.param(
            ["--pid", "bob", "--yes", "--dry-run"], "--yes erases and --dry-run does", id="both"
        ),
        pytest.param(["--verify", "--id", "1"], "id 1 is too short", id="too short a search"),
    ],
)
def test_what_is_not_clear_is_one_line(erase, profiles, arguments, sentence):
    failed = erase(*arguments)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"Error: {sentence}")
    assert profiles() == ["bob", "kiosk", "laptop"]


def test_a_list_of_persons(erase, profiles, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("email,pid,why\nada@example.com,,asked\n,kiosk,\n", encoding="utf-8")
    erased = erase("--file", str(people), "--yes")
    assert erased.returncode == 0, erased.stderr
    assert profiles() == ["bob"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"mail\nada@example.com\n", "names nobody", id="no such column"),
        pytest.param(b"email\n\xff\n", "is not a CSV file in UTF-8", id="not UTF-8"),
        pytest.param(b"", "names nobody", id="empty"),
    ],
)
def test_a_list_that_is_none(erase, tmp_path, content, sentence):
    people = tmp_path / "people.csv"
    people.write_bytes(content)
    failed = erase("--file", str(people))
    assert failed.returncode == 1
    assert sentence in failed.stderr


def test_a_register_that_is_lost_stops_everything(erase, command_line_here):
    erase("--email", "ada@example.com", "--yes")
    register = command_line_here.directory.erasures / "register.json"
    content = register.read_bytes()
    for damage in (lambda: register.write_bytes(content[:-9]), register.unlink):
        damage()
        failed = erase("--pid", "bob", "--yes")
        assert failed.returncode == 1
        assert "put it back from a backup" in failed.stderr
