"""A round: the storm, the calm after it, and the verdict."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import remove
from woopra_pipeline_tests.storm.disks import DAMAGES, Disk
from woopra_pipeline_tests.storm.plans import Plan, Stretch, drawn_plan
from woopra_pipeline_tests.storm.processes import Command, Crew, Ended
from woopra_pipeline_tests.storm.report import Report
from woopra_pipeline_tests.storm.server import APP_ID, PROJECT, StormServer
from woopra_pipeline_tests.storm.sources import NAMES, Sources, drawn_sources
from woopra_pipeline_tests.storm.verdict import (
    files_with_secrets,
    leftovers,
    wrong_archive,
    wrong_imports,
    wrong_outputs,
    wrong_status,
    wrong_tables,
    wrong_tables_as_of,
)
from woopra_pipeline_tests.storm.worlds import World, drawn_world

ATTEMPTS = 5
"""How often a command may fail when all is well again: its message may say what to do first."""

PROGRAM = str(Path(sys.executable).with_name("woopra-pipeline"))


@dataclass
class Outcome:
    """What came of a round: `problems` is empty if everything is as it should be."""

    seed: int
    told: str
    """The plan, and what happened, in words."""
    summary: str
    """In a few words."""
    problems: list[str]
    kept: Path | None
    """Where the data directory of a failed round is."""


@dataclass
class Round:
    """Everything of one round."""

    plan: Plan
    world: World
    sources: Sources
    server: StormServer
    disk: Disk
    crew: Crew
    directory: DataDirectory
    report: Report
    happened: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    forgotten: set[Path] = field(default_factory=set)
    """Folders of the archive whose manifest was removed, so that nothing names their files."""

    def storm(self) -> None:
        """Run the stretches of the plan, with all that befalls them."""
        chance = random.Random(f"damage {self.plan.seed}")
        self.server.share = self.plan.share
        for stretch in self.plan.stretches:
            self._run_stretch(stretch)
            if stretch.damage is not None:
                done = DAMAGES[stretch.damage](self.directory, chance)
                if done is not None:
                    self.report.disk_faults[stretch.damage] += 1
                    self.happened.append(f"{stretch.damage}: {done}")

    def _run_stretch(self, stretch: Stretch) -> None:
        if stretch.free_bytes is not None and self.disk.can_be_full:
            self.disk.fill(stretch.free_bytes)
            self.report.disk_faults["full-disk"] += 1
        self.report.disk_faults["file-limit"] += sum(
            command.largest_file is not None for command in stretch.commands
        )
        try:
            self._ended(self.crew.run(stretch.commands))
        finally:
            self.disk.empty()

    def _ended(self, ended: list[Ended]) -> None:
        for each in ended:
            said = " / ".join(each.stderr.splitlines()[-2:])[-300:]
            self.happened.append(f"{each.command}: {each.exit_code} {said}".rstrip())
        self.problems += wrong_outputs(ended, self.server.secret_key)

    def calm(self) -> None:
        """Let all be well, and run the same commands until they succeed."""
        self.server.share = 0.0
        self.world.end()
        self.crew.offset = self.world.time.offset
        first, last = str(self.world.days[0]), str(self.world.days[-1])
        days = [str(log_day) for log_day in self.world.days]
        for arguments in (
            ("backfill", first, last),
            ("import", "--verify"),
            ("import", "--day", last),
            # What was replaced, or planned in vain, stays until the next time.
            ("steps", *days),
            ("send", last, *NAMES),
        ):
            self._run_until_it_succeeds(Command(arguments))

    def _run_until_it_succeeds(self, command: Command) -> None:
        for _ in range(ATTEMPTS):
            (ended,) = self.crew.run([command])
            self._ended([ended])
            if ended.exit_code == 0:
                return
            command = self._obey(command, ended.stderr)
        self.problems.append(
            f"{command}: failed {ATTEMPTS} times though all is well: {ended.stderr}"
        )

    def _obey(self, command: Command, message: str) -> Command:
        """Do what a message says that a user should do; returns the command to run next."""
        if "--accept-shorter" in message and "--accept-shorter" not in command.arguments:
            self.report.obeyed += 1
            return replace(command, arguments=(*command.arguments, "--accept-shorter"))
        if "--rebuild-ledger" in message:
            self.report.obeyed += 1
            self._ended(self.crew.run([Command(("import", "--rebuild-ledger"))]))
        for name in re.findall(r"The manifest (\S+) cannot be read .*?: remove it", message):
            if Path(name).is_relative_to(self.directory.root):
                self.report.obeyed += 1
                self.happened.append(f"removed {name}, as the message says")
                remove(Path(name))
                self.forgotten.add(Path(name).parent)
        return command

    def judge(self) -> None:
        """See whether everything is as it should be."""
        files = {log_day: self.world.file(log_day) or b"" for log_day in self.world.days}
        self.problems += self._problems(files)

    def _problems(self, files: dict[date, bytes]) -> Iterator[str]:
        chance = random.Random(f"verdict {self.plan.seed}")
        yield from wrong_tables(self.directory, files)
        if self.directory.published_model.exists():
            yield from wrong_tables_as_of(self.directory, files, chance.choice(self.world.days))
        yield from wrong_archive(self.directory, files, self.server.versions)
        yield from wrong_imports(self.world.taken, self.sources)
        yield from leftovers(self.directory, but_for=self.forgotten)
        yield from files_with_secrets(self.directory.root, self.server.secret_key)
        done = subprocess.run(
            [PROGRAM, "status", "--format", "json"],
            env={**os.environ, **self.crew.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            yield f"status: {done.stderr}"
        else:
            yield from wrong_status(json.loads(done.stdout), self.world.days, self.sources)


def run_round(
    seed: int,
    folder: Path,
    report: Report,
    *,
    without: Collection[str] = (),
    processes: int = 2,
) -> Outcome:
    """Draw a round from `seed` and run it in `folder`, which is removed if it ends well."""
    begun = time.monotonic()
    chance = random.Random(f"round {seed}")
    with Disk(folder / "disk") as disk:
        world = drawn_world(chance, folder / "sandbox")
        sources = drawn_sources(chance, world.days[0])
        plan = drawn_plan(seed, world.days, without=without, processes=processes)
        secret_key = f"s3cr3t-{chance.randrange(1 << 64):016x}"
        directory = DataDirectory(disk.folder / "data")
        sources.write(directory)
        with StormServer(
            world=world, secret_key=secret_key, seed=seed, faults=plan.faults
        ) as server:
            environment = {
                "WOOPRA_PROJECT": PROJECT,
                "WOOPRA_APP_ID": APP_ID,
                "WOOPRA_SECRET_KEY": secret_key,
                "WOOPRA_BASE_URL": server.base_url,
                "WOOPRA_DATA_DIR": str(directory.root),
            }
            crew = Crew(environment, folder / "outputs", world.time.offset)
            server.before_answer = crew.moment
            this = Round(plan, world, sources, server, disk, crew, directory, report)
            this.storm()
            this.calm()
            this.judge()
        kept = folder if this.problems else None
        if kept is not None:
            shutil.copytree(disk.folder, folder / "kept")
    _count(report, this)
    seconds = time.monotonic() - begun
    summary = (
        f"{world.kind}, {len(world.days)} days, {crew.started_count} processes, "
        f"{crew.killed_count} killed, {server.struck.total()} faults, {seconds:.0f} s"
    )
    told = "\n".join([str(plan), "What happened:", *this.happened])
    if kept is None:
        shutil.rmtree(folder)
    return Outcome(seed, told, summary, this.problems, kept)


def _count(report: Report, this: Round) -> None:
    report.rounds += 1
    report.processes += this.crew.started_count
    report.kills += this.crew.killed_count
    report.fetches += this.server.fetch_count
    report.imports += this.server.import_count
    report.lines_taken += len(this.world.taken)
    report.faults += this.server.struck
    if this.problems:
        report.failed_seeds.append(this.plan.seed)
