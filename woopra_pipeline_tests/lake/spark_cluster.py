"""A Spark cluster on loopback: a master, two workers with an executor each, and Spark Connect."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from woopra_pipeline.data_directory import checkout
from woopra_pipeline_tests.lake.s3_server import free_ports

LONGEST_START_SECONDS = 180
CONNECT_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.executor.cores": "1",
    "spark.executor.memory": "1g",
    # The logs of tests are so small that more would only be more tasks.
    "spark.sql.shuffle.partitions": "2",
}


def spark_home() -> Path | None:
    """Where `make test-spark` has put Spark, apart from the client, whose files it would share."""
    packages = (checkout() / ".venv" / "spark").glob("lib/python*/site-packages/pyspark")
    return next(packages, None)


@contextmanager
def spark_cluster(folder: Path, settings: Mapping[str, str] = {}) -> Iterator[str]:
    """Run a cluster, with its logs and files in `folder`, and give the address of its server."""
    home = spark_home()
    assert home is not None, "run `make test-spark`"
    port, master_ui, server, *worker_uis = free_ports(5)
    master = f"spark://127.0.0.1:{port}"
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    of_class = [home / "bin" / "spark-class"]
    with ExitStack() as processes:

        def start(name: str, *arguments: object) -> None:
            with (folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    [str(argument) for argument in arguments],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=folder,
                )
            processes.callback(process.wait)
            processes.callback(process.terminate)

        ports = ("--host", "127.0.0.1", "--port", port, "--webui-port", master_ui)
        start("master", *of_class, "org.apache.spark.deploy.master.Master", *ports)
        wait_for(port, folder / "master.log")
        for number, worker_ui in enumerate(worker_uis):
            start(
                f"worker-{number}",
                *(*of_class, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1"),
                *("--cores", 1, "--memory", "1g", "--webui-port", worker_ui),
                *("--work-dir", folder / f"worker-{number}", master),
            )
        options = {**SETTINGS, **settings, "spark.connect.grpc.binding.port": str(server)}
        start(
            "connect",
            *(home / "bin" / "spark-submit", "--master", master, "--class", CONNECT_SERVER),
            *(part for name, value in options.items() for part in ("--conf", f"{name}={value}")),
            "spark-internal",
        )
        wait_for(server, folder / "connect.log")
        yield f"sc://127.0.0.1:{server}"


def wait_for(port: int, log: Path) -> None:
    """Wait until a port is open; fail with what the log says if that takes too long."""
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-4000:])
