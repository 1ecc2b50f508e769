"""Spark Connect as the engine of the lake: a cluster of Spark or of Sail."""

import re
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from woopra_pipeline.errors import ConfigurationError, LakeError
from woopra_pipeline.lake import spark_json
from woopra_pipeline.lake.engine import (
    MONTH,
    SCRATCH,
    SPARK_VARIABLE,
    Engine,
    Layout,
    missing_spark,
)
from woopra_pipeline.lake.location import Lake
from woopra_pipeline.tables import ColumnType, Table


@contextmanager
def _a_file_of_main() -> Iterator[None]:
    """Give the main module a file for the time of the block.

    The client stops a program without one, such as `python -c …`, because it takes it for a test of
    its own documentation.
    """
    main: Any = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = __file__
    try:
        yield
    finally:
        del main.__file__


try:
    with _a_file_of_main():
        from pyspark.errors import PySparkException
        from pyspark.sql import DataFrame
        from pyspark.sql.connect.session import SparkSession
except ModuleNotFoundError:
    raise missing_spark() from None


DEFAULT_PORT = 15002
LONGEST_CONNECT_SECONDS = 10

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}


class SparkEngine(Engine):
    """A session of a Spark Connect server at `remote` (`sc://host:port`).

    Intermediate results are written to the lake, which all workers can reach, below a folder that
    is removed at the end. Raises `LakeError` if the server cannot be reached, and
    `ConfigurationError` if the client is not installed.
    """

    errors = (PySparkException,)
    phrases: ClassVar[Mapping[str, str]] = {
        # Not listagg(…) within group (order by key): it takes Sail thirty times as long.
        "members": (
            "array_join(transform(sort_array(collect_list(named_struct("
            f"'key', key, 'member', {spark_json.json_string('key')} || ':' || value"
            "))), each -> each.member), ',')"
        )
    }
    types: ClassVar[Mapping[ColumnType, str]] = {
        ColumnType.BIGINT: "bigint",
        ColumnType.BOOLEAN: "boolean",
        ColumnType.DATE: "date",
        ColumnType.DOUBLE: "double",
        ColumnType.INTEGER: "int",
        ColumnType.JSON: "string",
        ColumnType.TIMESTAMPTZ: "timestamp",
        ColumnType.VARCHAR: "string",
    }

    def __init__(self, lake: Lake, remote: str) -> None:
        self.name = f"Spark Connect at {_named(remote)}"
        self._lake = lake
        self._scratch = f"{SCRATCH}/{uuid.uuid4().hex}"
        self._session = _session(remote)

    def read(self, name: str, uris: Sequence[str], table: Table) -> None:
        """Let `name` be the rows of these Parquet files."""
        schema = ", ".join(f"{column.name} {self.types[column.type]}" for column in table.columns)
        frame = self._session.read.schema(schema).parquet(*uris)
        frame.createOrReplaceTempView(name)

    def give(self, name: str, rows: pa.Table) -> None:
        """Let `name` be these rows."""
        with tempfile.TemporaryDirectory(prefix="lake-") as folder:
            path = Path(folder) / "rows.parquet"
            pq.write_table(rows, path)
            self._lake.upload(f"{self._scratch}/{name}/rows.parquet", path)
        self._read_kept(name)

    def define(self, name: str, query: str) -> None:
        """Let `name` be whatever the query returns when it is asked for."""
        self._run(query).createOrReplaceTempView(name)

    def keep(self, name: str, query: str) -> None:
        """Run the query now, and let `name` be the rows that it returned."""
        frame = self._run(query)
        frame.write.mode("overwrite").parquet(self._kept(name))
        # Without rows there may be no file, and so no columns to read.
        kept = self._session.read.schema(frame.schema).parquet(self._kept(name))
        kept.createOrReplaceTempView(name)

    def fetch(self, query: str) -> pa.Table:
        """The rows of a query, in this process's memory."""
        return self._run(query).toArrow()

    def write(self, query: str, folder: str, layout: Layout) -> None:
        """Write the rows of a query as Parquet files below a folder of the lake.

        With a layout by month, all rows of a log day are in one file, and each file has some of the
        days. Otherwise all rows with the same value in the first column of the order are in one
        file.
        """
        frame = self._run(query)
        if layout.by_month:
            frame = frame.repartition("log_day").sortWithinPartitions(MONTH, *layout.order)
        elif layout.order:
            frame = frame.repartition(layout.order[0]).sortWithinPartitions(*layout.order)
        writer = frame.write.mode("overwrite")
        if layout.by_month:
            writer = writer.partitionBy(MONTH)
        writer.parquet(self._lake.uri(folder))

    def close(self) -> None:
        """Stop the session, and remove intermediate results."""
        self._session.stop()
        self._lake.remove([entry.name for entry in self._lake.entries(self._scratch)])

    def quoted(self, name: str) -> str:
        """A name as SQL."""
        return "`" + name.replace("`", "``") + "`"

    def literal(self, text: str) -> str:
        """A text as SQL."""
        # Spark gives some characters a special meaning, even between quotes.
        if re.fullmatch("[A-Za-z0-9_ .:/@+-]*", text):
            return f"'{text}'"
        return f"decode(unhex('{text.encode().hex()}'), 'UTF-8')"

    def tagged_members(self, properties: str) -> str:
        """A map from the keys of a JSON object to its tagged values."""
        return spark_json.tagged_members(properties)

    def json_string(self, text: str) -> str:
        """A text as a JSON string."""
        return spark_json.json_string(text)

    def _run(self, query: str) -> DataFrame:
        return self._session.sql(query)

    def _kept(self, name: str) -> str:
        return self._lake.uri(f"{self._scratch}/{name}")

    def _read_kept(self, name: str) -> None:
        self._session.read.parquet(self._kept(name)).createOrReplaceTempView(name)


def _session(remote: str) -> SparkSession:
    """A session of the server at `remote`, with the settings that the tables need."""
    address = _address(remote)
    try:
        # The client would try for minutes.
        socket.create_connection(address, timeout=LONGEST_CONNECT_SECONDS).close()
        session = SparkSession.builder.remote(remote).create()
        for name, value in SETTINGS.items():
            session.conf.set(name, value)
    except (PySparkException, OSError) as error:
        raise LakeError(
            f"The Spark Connect server {_named(remote)} cannot be reached: "
            f"{str(error).splitlines()[0]}"
        ) from None
    return session


def _address(remote: str) -> tuple[str, int]:
    """The host and the port of a server; `ConfigurationError` if it is none."""
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host = None
    if not host or not remote.startswith("sc://"):
        raise ConfigurationError(
            f"{SPARK_VARIABLE} is not the address of a server: set it to sail, or to a Spark "
            "Connect server as sc://host:port, or unset it to let DuckDB compute the tables of the "
            "lake"
        )
    return host, port


def _named(remote: str) -> str:
    """The server without the text after its address, which can contain a token."""
    host, port = _address(remote)
    return f"{host}:{port}"
