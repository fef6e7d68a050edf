"""`configure(client_id=...)`: the same remotes again where a daemon lasts, a warning elsewhere."""

import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.universe_envs import TalkingRemote

from envserver import universe

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def daemon(home: Path) -> Iterator[None]:
    """A daemon at the default address of `home`; a byte says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import os, envserver.broker.main as m; m.run(ready_fd=os.dup(1))"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0]
        assert os.read(process.stdout.fileno(), 1) == b"\1"
        yield
        process.terminate()


def runs_at(client_id: str, **arguments: Any) -> Any:
    """Where the remote of a script is that runs from its first picture to its end."""
    with universe.make("gym-core.Pong-v0") as env:
        env.configure(client_id=client_id, **arguments)
        observation_n = env.reset()
        while observation_n[0] is None:
            observation_n, *_ = env.step([[]])
        return env._remotes()[0]._session.attach(0)["vnc"]


@pytest.mark.usefixtures("daemon")
def test_a_lasting_daemon_gives_the_same_remote_again(caplog: pytest.LogCaptureFixture) -> None:
    first = runs_at("me", remotes=1)
    assert runs_at("me", remotes=1) == first
    assert runs_at("another", remotes=1) != first
    assert "client_id" not in caplog.text


def test_remotes_at_addresses_are_attached_to_all_the_same(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remote = TalkingRemote()
    try:
        with caplog.at_level(logging.WARNING, "universe"):
            for _ in range(2):
                runs_at("me", remotes=f"vnc://{remote.address}")
    finally:
        remote.close()
    assert [said for said in caplog.messages if "client_id" in said] == [
        "configure(client_id='me') is ignored: remotes at addresses are not ours to keep"
    ]
