"""What each command says of a ledger that is missing or damaged, and how it is made again."""

import shutil

import pytest

from woopra_pipeline_tests.cli.conftest import CommandLineForked, CommandLineHere
from woopra_pipeline_tests.shared_folders import shared_folder

DAY = "2026-01-28"
SENTENCE = "put it back from a backup, or make it again from the batch files with"


@pytest.fixture
def folder(tmp_path, tmp_path_factory):
    """A data directory that has sent a line."""

    def make(folder):
        sources = folder / "imports" / "sources"
        sources.mkdir(parents=True)
        (sources / "it.sql").write_text("select {'email': 'a'} as visitor")
        done = CommandLineForked(folder)("import", "--day", DAY)
        assert done.stdout == f"it: 1 accepted for {DAY}\n", done.stderr

    made = shared_folder(tmp_path_factory, "cli-import", make)
    return shutil.copytree(made, tmp_path / "data")


def remove(path):
    path.unlink()


def fill_with_zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [remove, fill_with_zeros], ids=["missing", "damaged"])
def test_a_lost_ledger_is_told_of_and_rebuilt(folder, damage):
    lost, sending = CommandLineHere(folder), CommandLineForked(folder)
    damage(folder / "imports" / "ledger.sqlite")
    for command_line, *arguments in (
        [lost, "import", "--list"],
        [sending, "import", "--day", DAY],
        [sending, "import", "it", "--day", DAY, "--dry-run"],
        [lost, "import", "--again", "1"],
        [lost, "import", "--settle", "1", "--as", "planned"],
        [lost, "import", "--verify"],
    ):
        done = command_line(*arguments)
        assert done.returncode == 1
        assert SENTENCE in done.stderr
        assert "Traceback" not in done.stderr
    done = lost("status")
    assert done.returncode == 0
    assert SENTENCE in done.stdout
    # What was published stays to be looked at.
    done = lost("query", "select state, line from import_lines", "--format", "csv")
    assert done.stdout.splitlines()[1].startswith("accepted,")
    done = lost("import", "--rebuild-ledger")
    assert done.returncode == 0, done.stderr
    assert "1 line of 1 request may have been imported, and are not sent again" in done.stdout
    assert ("kept as" in done.stdout) == (damage is fill_with_zeros)
    done = sending("import", "--day", DAY)
    assert done.stdout.splitlines()[0] == f"it: 1 unknown for {DAY}", done.stderr
    assert "1 unknown" in lost("status").stdout
    done = lost("import", "--rebuild-ledger")
    assert done.returncode == 1
    assert "there is nothing to rebuild" in done.stderr
