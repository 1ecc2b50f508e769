"""A storm that passes, and what it is made of."""

import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from woopra_pipeline.woopra.log_days import log_days_between
from woopra_pipeline_tests.model.interpreter import interpret, tables
from woopra_pipeline_tests.storm.disks import Disk, damage_at
from woopra_pipeline_tests.storm.faults import DISKS, FAULTS
from woopra_pipeline_tests.storm.plans import drawn_plan
from woopra_pipeline_tests.storm.processes import Command, Crew, Kill
from woopra_pipeline_tests.storm.worlds import FIRST_DAY, GeneratedWorld

DAYS = list(log_days_between(FIRST_DAY, FIRST_DAY + timedelta(days=3)))


def test_the_same_seed_is_the_same_plan():
    plans = [str(drawn_plan(seed, DAYS)) for seed in range(20)]
    assert plans == [str(drawn_plan(seed, DAYS)) for seed in range(20)]
    assert len(set(plans)) == len(plans)


def test_what_is_spared_does_not_strike():
    for seed in range(50):
        plan = drawn_plan(seed, DAYS, without=FAULTS)
        commands = [command for stretch in plan.stretches for command in stretch.commands]
        assert not plan.faults
        assert not any(command.kill or command.largest_file for command in commands)
        assert not any(stretch.damage or stretch.free_bytes for stretch in plan.stretches)


def test_every_fault_of_the_disk_strikes_now_and_then():
    struck = set()
    for seed in range(300):
        for stretch in drawn_plan(seed, DAYS).stretches:
            struck |= {stretch.damage, "full-disk" if stretch.free_bytes else None}
            struck |= {"file-limit" for command in stretch.commands if command.largest_file}
    assert set(DISKS) <= struck


def test_a_generated_world_merges_and_logs_again():
    world = GeneratedWorld(random.Random(12), 4)
    world.end()
    made = tables(interpret({log_day: world.file(log_day) or b"" for log_day in world.days}))
    assert all(made.values()), "no table is empty"
    assert any(row["relogged_count"] for row in made["relog_audit"])


def test_the_current_day_only_grows_and_holds_what_is_imported():
    world = GeneratedWorld(random.Random(4), 3)
    before = b""
    for _ in range(20):
        world.take(['{"visitor":{"email":"a"},"actions":[{"name":"order","time":1}]}'])
        now = world.file(world.current_day) or b""
        assert now.startswith(before)
        before = now
    world.end()
    file = world.file(world.current_day) or b""
    assert file.startswith(before)
    assert file.count(b"pid of a") == 20
    world.take(['{"visitor":{"email":"b"}}'])
    assert world.file(world.current_day) == file, "what comes later is of another day"


@pytest.mark.parametrize("seed", range(8))
def test_damage_changes_a_file(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some content")
    damage_at(path, random.Random(seed))
    assert path.read_bytes() != b"some content"


def test_a_full_disk_is_full_until_it_is_emptied(tmp_path: Path) -> None:
    with Disk(tmp_path / "disk") as disk:
        if not disk.can_be_full:
            pytest.skip("nothing may be mounted here")
        disk.fill(1 << 16)
        file = disk.folder / "file"
        with pytest.raises(OSError, match="No space left"):
            file.write_bytes(bytes(1 << 20))
        disk.empty()
        file.write_bytes(bytes(1 << 20))
    assert not list((tmp_path / "disk").iterdir())


@pytest.mark.long
def test_storm_kills_and_limits_the_processes_it_starts(tmp_path: Path) -> None:
    environment = {"WOOPRA_DATA_DIR": str(tmp_path / "data")}
    crew = Crew(environment, tmp_path / "outputs")
    commands = [
        Command(("update",), Kill(seconds=0)),
        Command(("update",), largest_file=1 << 12),
        Command(("status",)),
    ]
    killed, limited, well = (crew.run([command])[0] for command in commands)
    assert (killed.exit_code, killed.was_killed) == (-9, True)
    assert limited.exit_code == 1
    assert "Error: " in limited.stderr
    assert well.exit_code == 0
    assert "no log days" in well.stdout


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 1001])
def test_storm_passes(seed: int) -> None:
    command = [sys.executable, "-m", "woopra_pipeline_tests.storm", "--rounds", "4"]
    done = subprocess.run(
        [*command, "--seed", str(seed)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
