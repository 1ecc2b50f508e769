"""A benchmark that is run by itself: a folder to work in, and what it found."""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.records import FILE, FOLDER, Results, start
from benchmarks.tables import print_markdown


def arguments_of(description: str | None) -> argparse.ArgumentParser:
    """A parser of what every benchmark understands, to which it adds its own."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="where to work; cleared at the end")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the figures are kept")
    return parser


@contextmanager
def single(size: str, arguments: argparse.Namespace) -> Iterator[tuple[Path, Results]]:
    """An empty folder, and the results of a run of that size, which are printed at the end."""
    results = start(size, arguments.output / FILE)
    root = Path(tempfile.mkdtemp(dir=arguments.directory))
    try:
        yield root, results
    finally:
        shutil.rmtree(root)
        print_markdown(results)
