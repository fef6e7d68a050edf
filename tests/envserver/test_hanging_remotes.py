"""Servers that hang, their connections open: noticed, said, and replaced as if they had ended."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

import envserver
from envserver.errors import EnvServerError, ResetFailed
from envserver.session import Session
from envserver.vector_env import VectorEnv

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]

LIMIT_S = 40.0
Make = Callable[..., VectorEnv]

HANGS = """
import time
from envserver.rewarder import Task

class Hangs(Task):
    fps = 10

    def {where}:
        time.sleep(1000)

    def tick(self):
        return 0.0
"""


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[VectorEnv] = []

    def one(name: str = "terminal.CreateFile-v0", **options: Any) -> VectorEnv:
        made.append(envserver.make_vec(name, 1, fps=20, screen=(160, 120), **options))
        return made[-1]

    yield one
    for envs in made:
        envs.close()


def listener(envs: VectorEnv, server: str) -> psutil.Process:
    """The process behind the remote's VNC server or rewarder."""
    wanted = cast(Session, envs.session).attach(0)[server]["port"]
    assert envs.daemon_pid is not None
    for process in psutil.Process(envs.daemon_pid).children(recursive=True):
        for each in process.net_connections("tcp"):
            if each.status == "LISTEN" and each.laddr and each.laddr[1] == wanted:
                return process
    raise AssertionError(f"nobody listens on {wanted}")


def steps_until(envs: VectorEnv, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until_s = time.monotonic() + LIMIT_S
    while time.monotonic() < until_s:
        infos = envs.step([[]])[4]
        if what(infos):
            return infos
    raise AssertionError(f"it never happened: {infos}")


def generation(envs: VectorEnv) -> int:
    return int(cast(Session, envs.session).status()["workers"][0]["generation"])


@pytest.mark.parametrize(
    ("server", "while_resetting", "spares"),
    [("rewarder", "mask", 1), ("rewarder", "wait", 0), ("vnc", "mask", 0), ("vnc", "wait", 1)],
)
def test_a_server_that_is_stopped(
    make: Make, server: str, while_resetting: str, spares: int
) -> None:
    envs = make(while_resetting=while_resetting, step_timeout_s=1.0, spares=spares)
    envs.reset(seed=0)
    hanging = listener(envs, server)
    os.kill(hanging.pid, signal.SIGSTOP)
    (fault,) = steps_until(envs, lambda infos: "fault" in infos)["fault"]
    assert fault["fault"] == {"rewarder": "REWARDER_LOST", "vnc": "CONNECTION_LOST"}[server]
    assert "said nothing for" in fault["cause"]
    steps_until(envs, lambda infos: bool(infos["valid"][0]) and not infos["late"][0])
    assert generation(envs) == 2
    gone, _ = psutil.wait_procs([hanging], timeout=LIMIT_S)
    assert gone, "the stopped server was left"


def test_a_reset_while_the_vnc_server_hangs(make: Make) -> None:
    envs = make(step_timeout_s=2.0, reset_timeout_s=1.0)
    envs.reset(seed=0)
    os.kill(listener(envs, "vnc").pid, signal.SIGSTOP)
    # The task looks at the screen before it answers.
    with pytest.raises(ResetFailed, match=r"(rewarder.*|first picture.*) within 1 s"):
        envs.reset(seed=1)


def test_a_reset_while_the_rewarder_hangs(make: Make) -> None:
    envs = make(step_timeout_s=2.0, reset_timeout_s=1.0)
    envs.reset(seed=0)
    os.kill(listener(envs, "rewarder").pid, signal.SIGSTOP)
    with pytest.raises(ResetFailed, match=r"the rewarder.* the reset .*within 1 s"):
        envs.reset(seed=1)


def test_a_setup_that_hangs_is_the_rewarders(make: Make, tmp_path: Path) -> None:
    task = tmp_path / "hangs.py"
    task.write_text(HANGS.format(where="setup(self)"))
    with pytest.raises(EnvServerError, match="the rewarder"):
        make("xvnc", task=f"{task}:Hangs", start_timeout_s=5)
