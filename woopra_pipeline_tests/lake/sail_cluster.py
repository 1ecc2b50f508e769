"""A Sail cluster on loopback: a server, and workers that are processes of their own.

Sail starts its workers as pods of Kubernetes. Here is just enough of its API for that: a pod
that is created becomes a process.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from woopra_pipeline_tests.lake.s3_server import free_ports
from woopra_pipeline_tests.lake.spark_cluster import wait_for

WORKERS = 2
HOST = "127.0.0.1"


class Pods(ThreadingHTTPServer):
    """The API of pods; `processes` are those that were asked for, by name."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__((HOST, 0), PodsHandler)
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, pod: dict) -> None:
        """Let a process do what the pod's container would."""
        (container,) = pod["spec"]["containers"]
        name = pod["metadata"]["name"]
        environment = dict(os.environ)
        for variable in container["env"]:
            # What has no value is the address of the pod.
            environment[variable["name"]] = variable.get("value") or HOST
        environment["SAIL_CLUSTER__WORKER_LISTEN_HOST"] = HOST
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "pysail", *container["args"]],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> None:
        """End all processes."""
        for process in self.processes.values():
            process.kill()
            process.wait()


class PodsHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Pods

    def do_POST(self) -> None:
        pod = json.loads(self.body())
        self.server.start(pod)
        pod["metadata"]["uid"] = pod["metadata"]["name"]
        self.answer(pod, 201)

    def do_GET(self) -> None:
        self.answer({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []})

    def do_DELETE(self) -> None:
        self.server.end()
        self.do_GET()

    def body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, content: object, status: int = 200) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


@contextmanager
def sail_cluster(folder: Path) -> Iterator[tuple[str, Pods]]:
    """Run a cluster of two workers; gives the address of its server, and the workers."""
    (port,) = free_ports(1)
    pods = Pods(folder)
    Thread(target=pods.serve_forever, daemon=True).start()
    settings = folder / "kubeconfig.json"
    settings.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "clusters": [
                    {"name": "here", "cluster": {"server": f"http://{HOST}:{pods.server_port}"}}
                ],
                "users": [{"name": "me", "user": {}}],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            }
        ),
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "KUBECONFIG": str(settings),
        "SAIL_MODE": "kubernetes-cluster",
        "SAIL_CLUSTER__DRIVER_LISTEN_HOST": HOST,
        "SAIL_CLUSTER__DRIVER_EXTERNAL_HOST": HOST,
        "SAIL_CLUSTER__WORKER_INITIAL_COUNT": str(WORKERS),
        "SAIL_CLUSTER__WORKER_MAX_COUNT": str(WORKERS),
        "SAIL_CLUSTER__SHUFFLE_BACKEND__TYPE": "storage",
        "SAIL_CLUSTER__SHUFFLE_BACKEND__STORAGE__PATH": f"file://{folder}/shuffle",
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "pysail", "spark", "server", "--ip", HOST, "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(port, folder / "server.log")
        yield f"sc://{HOST}:{port}", pods
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
        pods.end()
        pods.shutdown()
        pods.server_close()
