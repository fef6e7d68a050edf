"""A lease ends with its trainer's process, and with nothing else."""

import json
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envserver.broker import control
from envserver.client import Client, open_session
from envserver.errors import ForkedSession
from envserver.processes import identity
from envserver.spec import SessionSpec

pytestmark = pytest.mark.integration

SMALL: dict[str, Any] = {"source": "synthetic", "width": 64, "height": 64}
TRAINER = """
import json, os, sys
from envserver.client import Client
from envserver.spec import SessionSpec
client = Client(private={private})
session = client.open_session(SessionSpec(**{spec}))
session.wait_ready()
workers = [worker["pid"] for worker in session.status()["workers"]]
print(json.dumps({{"daemon": client.status()["pid"], "workers": workers}}))
sys.stdin.read()
"""


def trainer(private: bool, **spec: Any) -> str:
    return TRAINER.format(private=private, spec=spec)


def test_a_killed_trainers_private_daemon_goes_with_it(
    run_script: Callable[[str], Any], home: Path, ends: Any
) -> None:
    script = run_script(trainer(True, runtime="gym-core", env_id="CartPole-v1", num_envs=2))
    pids = json.loads(script.line())
    ended = ends(pids["daemon"], *pids["workers"])
    assert len(list(home.glob("private-*"))) == 1
    os.kill(script.pid, signal.SIGKILL)
    assert ended(5.0)
    assert list(home.iterdir()) == []


def test_a_killed_trainers_session_is_closed(
    daemon: Any, run_script: Callable[[str], Any], home: Path, ends: Any
) -> None:
    script = run_script(trainer(False, **SMALL, num_envs=2))
    pids = json.loads(script.line())
    assert pids["daemon"] == daemon.pid
    ended = ends(*pids["workers"])
    os.kill(script.pid, signal.SIGKILL)
    assert ended(5.0)
    with Client(private=False) as client:
        assert client.status()["sessions"] == []


def test_silence_is_no_end(daemon: Any, run_script: Callable[[str], Any], ends: Any) -> None:
    script = run_script(trainer(False, **SMALL, num_envs=1))
    pids = json.loads(script.line())
    os.kill(script.pid, signal.SIGSTOP)
    assert not ends(*pids["workers"])(1.0)
    assert len(control.status()["sessions"]) == 1


def test_a_fork_may_neither_use_nor_close(daemon: Any) -> None:
    session = open_session(SessionSpec(**SMALL, num_envs=1))
    session.wait_ready()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"nothing"
        try:
            session.status()
        except ForkedSession as error:
            said = str(error).encode()
        session.close()
        os.write(write, said)
        os._exit(0)
    os.waitpid(child, 0)
    assert f"used in its fork {child}" in os.read(read, 1000).decode()
    os.close(read)
    os.close(write)
    assert session.status()["ready"] == 1
    session.close()
    assert control.status()["sessions"] == []


def test_a_fork_does_not_keep_the_lease(
    daemon: Any, run_script: Callable[[str], Any], ends: Any
) -> None:
    code = trainer(False, **SMALL, num_envs=1).replace(
        "sys.stdin.read()", "child = os.fork()\nprint(child) if child else None\nsys.stdin.read()"
    )
    script = run_script(code)
    pids = json.loads(script.line())
    child = int(script.line())
    ended = ends(*pids["workers"])
    child_ended = ends(child)
    os.kill(script.pid, signal.SIGKILL)
    assert ended(5.0)
    assert not child_ended(0.0)
    os.kill(child, signal.SIGKILL)


def test_closing_the_client_closes_its_sessions(daemon: Any, ends: Any) -> None:
    client = Client(private=False)
    session = client.open_session(SessionSpec(**SMALL, num_envs=1))
    session.wait_ready()
    ended = ends(session.status()["workers"][0]["pid"])
    client.close()
    assert ended(5.0)
    assert not session.alive
    session.close()


def test_a_private_daemon_is_gone_when_closed(home: Path, ends: Any) -> None:
    client = Client(private=True)
    assert client.daemon_pid is not None
    session = client.open_session(SessionSpec(**SMALL, num_envs=1))
    ended = ends(client.daemon_pid, session.status()["workers"][0]["pid"] or client.daemon_pid)
    client.close()
    assert ended(0.0)
    assert list(home.iterdir()) == []
    session.close()


def test_what_was_killed_together_is_swept(
    run_script: Callable[[str], Any], home: Path, ends: Any
) -> None:
    script = run_script(trainer(True, **SMALL, num_envs=1))
    pids = json.loads(script.line())
    os.kill(pids["workers"][0], signal.SIGSTOP)  # it cannot see that its daemon ended
    worker_ended = ends(*pids["workers"])
    for pid in (pids["daemon"], script.pid):
        ended = ends(pid)
        os.kill(pid, signal.SIGSTOP)
    os.kill(script.pid, signal.SIGKILL)
    os.kill(pids["daemon"], signal.SIGKILL)
    assert ended(5.0)
    script.process.wait()
    assert len(list(home.glob("private-*"))) == 1
    assert not worker_ended(0.0)
    with Client(private=True) as client:
        assert worker_ended(5.0)
        assert client.status()["sessions"] == []
        while len(list(home.glob("private-*"))) > 1:
            select.select([], [], [], 0.01)
    assert list(home.iterdir()) == []


def test_identities_are_of_one_process() -> None:
    own = identity(os.getpid())
    assert own is not None
    assert own.startswith(f"{os.getpid()}:")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert identity(child) is None
    os.waitpid(child, 0)
