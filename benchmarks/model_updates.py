"""What a change of days costs the model, beside building it anew from all days.

    python -m benchmarks.model_updates                        # 60 days of 100,000 visits
    python -m benchmarks.model_updates --visits 10000 --applies 200

Every update runs in a process of its own, so that its peak memory is its own. Those that the ratios
are made of are repeated from the same state, and the median counts. Prints a table and writes the
figures as JSON.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median

import duckdb
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.synthetic_days import make_parsed_days
from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.files import sync
from woopra_pipeline.model.update import ModelUpdate, update_model

WIDTH = 100


@dataclass(frozen=True)
class Measurement:
    step: str
    method: str
    seconds: float
    publishing_seconds: float
    peak_bytes: int
    file_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--visits", type=int, default=100_000, help="per day")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--applies", type=int, default=0, help="daily applies to watch the file by")
    parser.add_argument("--directory", type=Path, default=None, help="where to work")
    parser.add_argument("--json", type=Path, default=None, help="where to write the figures")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        bench = Bench(DataDirectory(root))
        if arguments.applies:
            bench.watch_the_file(arguments.applies, arguments.visits)
        else:
            bench.compare(arguments.days, arguments.visits, arguments.repeat)
        bench.report(arguments.json)
    finally:
        shutil.rmtree(root)


class Bench:
    """A data directory whose parsed days come and go, and what the updates cost."""

    def __init__(self, directory: DataDirectory) -> None:
        self.directory = directory
        self.aside = directory.root / "aside"
        self.aside.mkdir(parents=True)
        self.measurements: list[Measurement] = []
        self.ratios: dict[str, float] = {}

    def compare(self, days: int, visits: int, repeat: int) -> None:
        made = make_parsed_days(self.directory, days + 1, visits)
        last_days = {}
        for history in (days // 4, days // 2, days):
            self.keep(made[:history])
            self.remove_model()
            self.update(f"{history} days, built in one go")
            self.keep(made[: history + 1])
            last_days[history] = self.update(f"a new last day after {history} days", repeat)
        copy_seconds = median(self.copy() for _ in range(repeat))

        middle = made[days // 2]
        self.keep([day for day in made if day != middle])
        self.update(f"day {days // 2} of {days + 1} removed", repeat)
        self.keep(made)
        late = self.update(f"day {days // 2} comes late", repeat)
        self.replace(middle)
        replaced = self.update(f"day {days // 2} comes with other content", repeat)
        self.remove_model()
        built = self.update(f"{days + 1} days, built in one go", repeat)

        new = last_days[days]
        self.ratios = {
            "new last day / build of all days": new.seconds / built.seconds,
            "late day / build of all days": late.seconds / built.seconds,
            "replaced day / build of all days": replaced.seconds / built.seconds,
            f"new last day after {days} / after {days // 4} days, publishing apart": (
                unpublished(new) / unpublished(last_days[days // 4])
            ),
            "publishing / copying the file": new.publishing_seconds / copy_seconds,
        }

    def watch_the_file(self, applies: int, visits: int) -> None:
        made = make_parsed_days(self.directory, applies, visits)
        for count in range(1, applies + 1):
            self.keep(made[:count])
            self.update(f"day {count} applied", keep=count in {2, applies // 2, applies})
        grown = self.measurements[-1].file_bytes
        self.remove_model()
        self.update(f"{applies} days, built in one go")
        self.ratios = {
            f"file after {applies} applies / built in one go": (
                grown / self.measurements[-1].file_bytes
            )
        }

    def update(self, step: str, repeat: int = 1, *, keep: bool = True) -> Measurement:
        """The median of updates that all start from the state the model is in."""
        before = self.directory.root / "model-before"
        if repeat > 1 and self.directory.model.exists():
            shutil.copytree(self.directory.model, before)
        repeated = [self.update_once(step)]
        for _ in range(repeat - 1):
            self.remove_model()
            if before.exists():
                shutil.copytree(before, self.directory.model)
            repeated.append(self.update_once(step))
        shutil.rmtree(before, ignore_errors=True)
        repeated.sort(key=unpublished)
        measurement = repeated[len(repeated) // 2]
        if keep:
            self.measurements.append(measurement)
        return measurement

    def update_once(self, step: str) -> Measurement:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn) as pool:
            update, peak_bytes = pool.submit(update_and_weigh, self.directory).result()
        return Measurement(
            step,
            update.method,
            update.seconds,
            update.publishing_seconds,
            peak_bytes,
            self.directory.published_model.stat().st_size,
        )

    def keep(self, days: list[date]) -> None:
        """Leave exactly these of the parsed days in place."""
        names = {day.isoformat() for day in days}
        for folder in list(self.directory.parsed.iterdir()):
            if folder.name not in names:
                folder.rename(self.aside / folder.name)
        for folder in list(self.aside.iterdir()):
            if folder.name in names:
                folder.rename(self.directory.parsed / folder.name)

    def replace(self, day: date) -> None:
        """Give the day another fingerprint, as if it had been fetched with other content."""
        manifest = self.directory.parsed / day.isoformat() / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"synthetic ', '"synthetic again '))

    def remove_model(self) -> None:
        shutil.rmtree(self.directory.model, ignore_errors=True)
        self.directory.published_model.unlink(missing_ok=True)

    def copy(self) -> float:
        """Seconds for a plain copy of the published file, flushed to disk."""
        copy = self.directory.root / "copy"
        started = time.monotonic()
        shutil.copyfile(self.directory.published_model, copy)
        sync(copy)
        seconds = time.monotonic() - started
        copy.unlink()
        return seconds

    def report(self, path: Path | None) -> None:
        table = Table(box=SIMPLE)
        table.add_column("step", no_wrap=True)
        table.add_column("method")
        for heading in ("seconds", "of which publishing", "peak memory, MB", "file, MB"):
            table.add_column(heading, justify="right")
        for measurement in self.measurements:
            table.add_row(
                measurement.step,
                measurement.method,
                f"{measurement.seconds:.1f}",
                f"{measurement.publishing_seconds:.1f}",
                f"{measurement.peak_bytes / 1e6:,.0f}",
                f"{measurement.file_bytes / 1e6:,.0f}",
            )
        console = Console()
        console.width = max(console.width, WIDTH)
        console.print(table)
        for name, ratio in self.ratios.items():
            console.print(f"{name}: {ratio:.2f}")
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        console.print(f"{machine}, DuckDB {duckdb.__version__}")
        if path:
            content = {
                "machine": machine,
                "duckdb": duckdb.__version__,
                "ratios": self.ratios,
                "measurements": [asdict(measurement) for measurement in self.measurements],
            }
            path.write_text(json.dumps(content, indent=2) + "\n")


def unpublished(measurement: Measurement) -> float:
    return measurement.seconds - measurement.publishing_seconds


def update_and_weigh(directory: DataDirectory) -> tuple[ModelUpdate, int]:
    """Update the model; also return the peak memory of this process in bytes."""
    update = update_model(directory)
    return update, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
