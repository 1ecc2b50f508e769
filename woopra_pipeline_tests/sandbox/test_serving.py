"""Serving until interrupted: it says when it answers, and leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

SERVE = """
import sys
from pathlib import Path
from woopra_pipeline.sandbox import Sandbox, SandboxSettings, serve_until_interrupted

serve_until_interrupted(
    Sandbox(Path(sys.argv[1]), SandboxSettings(people=3, days=2)),
    announce=lambda running: print(running.base_url, flush=True),
)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_to(tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        health = httpx.URL(process.stdout.readline().decode().strip()).copy_with(
            path="/sandbox/health"
        )
        assert httpx.get(health).json()["status"] == "ok"
        process.send_signal(end)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
    with pytest.raises(httpx.ConnectError):
        httpx.get(health)
