"""`make lake-demo`: the demo's days in a lake on a local S3 server, and tables by two engines.

Sail and DuckDB each compute the tables in a lake of their own, and each table is compared with the
model, row by row. It ends with an error unless all are equal. The demo is made if there is none.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.lake.location import open_lake
from woopra_pipeline_tests.lake.s3_server import serve_s3

PROGRAM = Path(sysconfig.get_path("scripts")) / "woopra-pipeline"
BUCKET = "s3://demo"
ENGINES = {"Sail": "sail", "DuckDB": ""}


def main() -> None:
    if not DataDirectory.from_environment().published_model.exists():
        run({}, "demo")
    with tempfile.TemporaryDirectory() as folder, serve_s3(Path(folder)) as server:
        os.environ.update(server.environment)
        # To write to a bucket that is not there makes it.
        open_lake(f"{BUCKET}/bucket").write("made", b"")
        for name, spark in ENGINES.items():
            print(f"\n{name}, on {server.url}", flush=True)
            variables = {"WOOPRA_LAKE": f"{BUCKET}/{name.lower()}", "WOOPRA_SPARK": spark}
            run(variables, "lake", "update")
            run(variables, "lake", "check")
            print(f"equal: what {name} computed and woopra.duckdb", flush=True)


def run(variables: Mapping[str, str], *arguments: str) -> None:
    """Run a command of the program; what it prints is seen. Exits if it fails."""
    done = subprocess.run([PROGRAM, *arguments], env={**os.environ, **variables}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
