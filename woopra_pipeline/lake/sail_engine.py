"""Sail as the engine of the lake: in this process, without Java and without a cluster."""

import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from woopra_pipeline.lake.engine import missing_spark
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.lake.spark_engine import SparkEngine

try:
    from pysail.spark import SparkConnectServer
except ModuleNotFoundError:
    raise missing_spark() from None


class SailEngine(SparkEngine):
    """Sail, started in this process.

    Intermediate results are on this machine's disk, below `scratch`.

    Raises `ConfigurationError` if Sail is not installed.
    """

    def __init__(self, lake: Lake, *, scratch: Path) -> None:
        self._server = start_sail()
        self._folder = tempfile.TemporaryDirectory(dir=scratch, prefix="lake-")
        _, port = self._server.listening_address
        super().__init__(lake, f"sc://127.0.0.1:{port}")
        self.name = "Sail"

    def give(self, name: str, rows: pa.Table) -> None:
        """Let `name` be these rows."""
        folder = Path(self._kept(name))
        folder.mkdir()
        pq.write_table(rows, folder / "rows.parquet")
        self._read_kept(name)

    def close(self) -> None:
        """Stop the session and the server, and remove intermediate results."""
        self._session.stop()
        self._server.stop()
        self._folder.cleanup()

    def _kept(self, name: str) -> str:
        return str(Path(self._folder.name) / name)


def start_sail() -> SparkConnectServer:
    """A server of Spark Connect in this process, on a free port of loopback."""
    # Otherwise it would log each session.
    os.environ.setdefault("RUST_LOG", "error")
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    return server
