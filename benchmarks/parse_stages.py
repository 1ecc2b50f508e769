"""What the parse of clean lines consists of: each step with those before it, in one process.

    python -m benchmarks.parse_stages                  # 48 MB, the best of 5 rounds
    python -m benchmarks.parse_stages --megabytes 128

Milliseconds of processor time a MB, beside DuckDB's bare typed `read_json`. Worker processes, and
waiting for the disk, are in `benchmarks.parse` alone.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.parse import File, columns_of_lines, make_file
from benchmarks.stages import make_table
from benchmarks.worlds import DAY, clean_lines, make_world
from woopra_pipeline.archive.days import Archive
from woopra_pipeline.garbage_collection import paused_garbage_collection
from woopra_pipeline.parse.chunks import RARE_SHARE, parse_chunk
from woopra_pipeline.parse.lines import whole_lines
from woopra_pipeline.parse.parse_day import CHUNK_BYTES
from woopra_pipeline.parse.parts import Part, make_part
from woopra_pipeline.parse.shapes import line_shapes
from woopra_pipeline.sql_text import exact_files


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder) / "sandbox", 4_000, 14)
        file = make_file(Path(folder), "clean", list(clean_lines(world)), arguments.megabytes)
        file.parsed.mkdir()
        steps = {
            "reading, decompressing, SHA-256": read,
            "and structs": decode,
            "and columns": make_columns,
            "and Parquet": write,
            "DuckDB's bare read_json": read_bare,
        }
        rounds: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(arguments.repeat):
            for name, step in steps.items():
                started = time.process_time()
                step(file)
                rounds[name].append(1000 * (time.process_time() - started) / file.megabytes)
    for name, milliseconds in rounds.items():
        print(f"{name:32} {min(milliseconds):5.1f} ms of processor a MB")


def chunks(file: File) -> Iterator[bytes]:
    archive = Archive(file.archived)
    with archive.open(archive.get(DAY)) as stream:
        yield from whole_lines(stream, CHUNK_BYTES)


def read(file: File) -> None:
    for _chunk in chunks(file):
        pass


def decode(file: File) -> None:
    """All lines as structs, half a megabyte at a time, with nothing judged besides."""
    with paused_garbage_collection():
        for chunk in chunks(file):
            decoder = line_shapes(chunk, tolerated_share=RARE_SHARE).decoder
            start = 0
            while start < len(chunk):
                end = chunk.find(b"\n", start + (1 << 19)) + 1 or len(chunk)
                decoder.decode_lines(chunk[start:end])
                start = end


def make_columns(file: File) -> None:
    for chunk in chunks(file):
        parse_chunk(chunk, DAY, 1)


def write(file: File) -> None:
    for number, chunk in enumerate(chunks(file)):
        make_part(Part(DAY, number, 1, str(file.parsed)), chunk)


def read_bare(file: File) -> None:
    make_table(
        f"from read_json({exact_files([file.plain])}, "
        f"format = 'newline_delimited', columns = {columns_of_lines()})"
    )


if __name__ == "__main__":
    main()
