"""The process of a worker before it is configured: what it says, what it imports, how it ends."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workers.messages import pack

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 30.0


def imported(*words: str) -> set[str]:
    """What a worker has imported when it says that it has started; then its broker is gone."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-P", "-X", "importtime", "-m", "workers"]
            worker = subprocess.Popen(
                [*command, "-1", "-1", str(theirs.fileno()), *words],
                pass_fds=(theirs.fileno(),),
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        ours.settimeout(TIMEOUT_S)
        said = ours.recv(4096)
    _, printed = worker.communicate(timeout=TIMEOUT_S)
    assert said == pack("started")
    assert worker.returncode == 0
    lines = printed.decode().splitlines()
    assert all(line.startswith("import time:") for line in lines)
    return {line.rpartition("|")[2].strip() for line in lines}


def test_a_worker_imports_only_what_it_needs() -> None:
    modules = imported()
    assert {"workers.worker", "workers.hot", "asyncio"} <= modules
    assert not {"numpy", "websockets", "_ssl", "argparse"} & modules


def test_with_a_rewarder_its_client_is_there_from_the_start() -> None:
    modules = imported("rewarder")
    assert {"workers.rewarder", "websockets.asyncio.client"} <= modules
    assert "numpy" not in modules
