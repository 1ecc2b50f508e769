"""`python -m woopra_pipeline_tests.storm`: rounds until the time is over, then what they did."""

import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from woopra_pipeline_tests.storm.faults import FAULTS
from woopra_pipeline_tests.storm.processes import forked
from woopra_pipeline_tests.storm.report import Report
from woopra_pipeline_tests.storm.rounds import Outcome, run_round


@click.command(epilog="Faults: " + "; ".join(f"{name}: {what}" for name, what in FAULTS.items()))
@click.option("--minutes", default=10.0, show_default=True, help="For how long to begin rounds.")
@click.option("--rounds", type=int, help="How many rounds, however long they take.")
@click.option("--seed", type=int, help="Of the first round; the next ones have those after it.")
@click.option("--processes", default=2, show_default=True, help="At once on one data directory.")
@click.option("--without", multiple=True, type=click.Choice(list(FAULTS)), help="Spare a fault.")
@click.option("--only", multiple=True, type=click.Choice(list(FAULTS)), help="Spare all others.")
@click.option("--keep-going", is_flag=True, help="Do not end with the first bad round.")
def main(
    *,
    minutes: float,
    rounds: int | None,
    seed: int | None,
    processes: int,
    without: tuple[str, ...],
    only: tuple[str, ...],
    keep_going: bool,
) -> None:
    """Random worlds and random misfortune; the exit code is 1 if a round ends badly."""
    forked.set_forkserver_preload(["woopra_pipeline_tests.storm.preloaded"])
    # So that what was mounted and started is taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    spared = {*without, *(set(FAULTS) - set(only) if only else ())}
    begun = time.monotonic()
    report = Report()
    first = secrets.randbelow(1 << 20) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    while report.rounds < rounds if rounds else time.monotonic() - begun < minutes * 60:
        number = first + report.rounds
        outcome = run_round(
            number, folder / str(number), report, without=spared, processes=processes
        )
        click.echo(f"{number}: {outcome.summary}", err=True)
        if outcome.problems:
            _tell(outcome, [*(f"--without {name}" for name in sorted(spared))])
            if not keep_going:
                break
    report.seconds = time.monotonic() - begun
    click.echo(str(report))
    if report.failed_seeds:
        sys.exit(1)
    folder.rmdir()


def _tell(outcome: Outcome, options: Sequence[str]) -> None:
    click.echo(f"Round {outcome.seed} ended badly. Its plan:\n{outcome.told}\n", err=True)
    for problem in outcome.problems:
        click.echo(f"WRONG: {problem}", err=True)
    click.echo(f"\nWhat it left: {outcome.kept}", err=True)
    command = f"python -m {__package__} --rounds 1 --seed {outcome.seed}"
    click.echo(f"To repeat it: {' '.join([command, *options])}", err=True)


if __name__ == "__main__":
    main()
