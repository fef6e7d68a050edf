"""One real rewarder of two misbehaves: a fault with its cause and log; the other goes on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.gym_core_host import GymCoreHost

import envserver
from envserver.vector_env import VectorEnv

pytestmark = pytest.mark.integration

STEP_TIMEOUT_S = 1.0
TASK = '''
"""Rewards every tick; does what its folder's files say, one for each remote."""

import logging
import os
from pathlib import Path

from envserver.rewarder import Task, server

FOLDER = Path({folder!r})
write = server.Client.write


def misbehave(client, text):
    kind = (FOLDER / "kind").read_text() if (FOLDER / OWN).exists() else ""
    if kind == "junk":
        write(client, "this is no message")
    elif kind == "hang up":
        client.connection.transport.abort()
    elif kind != "silence":
        write(client, text)


server.Client.write = misbehave
OWN = os.environ["DISPLAY"]


class Bad(Task):
    def reset(self, seed, options):
        logging.getLogger(__name__).warning("%s begins an episode", OWN)

    def tick(self):
        return 1.0
'''
CAUSES = {
    "junk": "message is not JSON",
    "hang up": "no close frame received or sent",
    "silence": f"it has said nothing for {2 * STEP_TIMEOUT_S:g} s",
}


def until(envs: VectorEnv, what: Callable[[Any], bool], seconds: float = 20.0) -> Any:
    """Step until `what` holds of what a step returned."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        stepped = envs.step([[], []])
        if what(stepped):
            return stepped
    raise AssertionError("it never happened")


def goes_on_and_comes_back(envs: VectorEnv, cause: str, mend: Callable[[], None]) -> dict[str, Any]:
    """Environment 1 misbehaves from now on; its fault."""
    episodes: set[int] = set()

    def other_is_well(stepped: Any) -> bool:
        _, _, terminated, truncated, infos = stepped
        assert infos["valid"][0]
        assert not infos.get("_fault", [False])[0]
        assert not terminated[0] | truncated[0]
        episodes.add(int(infos["episode_id"][0]))
        return True

    lost = until(envs, lambda stepped: other_is_well(stepped) and "fault" in stepped[4])
    _, rewards, terminated, truncated, infos = lost
    assert list(infos["_fault"]) == [False, True]
    assert (bool(terminated[1]), bool(truncated[1])) == (False, True)
    assert np.isfinite(rewards).all()
    fault: dict[str, Any] = infos["fault"][1]
    assert fault["fault"] == "REWARDER_LOST"
    assert cause in fault["cause"]
    assert fault["name"] in fault["cause"]
    # Masked, it holds nobody up; the other is rewarded meanwhile.
    until(envs, lambda stepped: other_is_well(stepped) and stepped[1][0] > 0)
    mend()
    back = until(envs, lambda stepped: other_is_well(stepped) and stepped[4]["valid"].all())
    assert "fault" not in back[4]
    until(envs, lambda stepped: other_is_well(stepped) and stepped[1][1] > 0)
    assert len(episodes) == 1
    return fault


@pytest.mark.parametrize("kind", list(CAUSES))
def test_of_a_desktop(home: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "bad_task.py").write_text(TASK.format(folder=str(tmp_path)))
    (tmp_path / "kind").write_text(kind)
    envs = envserver.make_vec(
        "xvnc",
        num_envs=2,
        task=f"{tmp_path}/bad_task.py:Bad",
        screen=(160, 120),
        fps=30,
        while_resetting="mask",
        step_timeout_s=STEP_TIMEOUT_S,
        late_after_ms=2000,
    )
    try:
        envs.reset()
        until(envs, lambda stepped: bool((stepped[1] > 0).all()))
        display = envs.session.names[1].rpartition(" ")[2]
        assert display.startswith(":")
        (tmp_path / display).touch()
        fault = goes_on_and_comes_back(envs, CAUSES[kind], (tmp_path / display).unlink)
        # The remote's own log, not the worker's.
        assert any(f"{display} begins an episode" in line for line in fault["log"])
    finally:
        envs.close()


@pytest.fixture
def host() -> Iterator[GymCoreHost]:
    made = GymCoreHost()
    yield made
    made.close()


def test_of_a_remote_that_was_attached_to(home: Path, host: GymCoreHost) -> None:
    kwargs = {"max_episode_steps": 1 << 30}
    addresses = [host.start(name, "gym-core.MountainCar-v0", env_kwargs=kwargs) for name in "ab"]
    envs = envserver.make_vec(
        remotes="vnc://" + ",".join(addresses),
        fps=30,
        while_resetting="mask",
        step_timeout_s=STEP_TIMEOUT_S,
        late_after_ms=2000,
    )
    try:
        envs.reset()
        host.misbehave("b", rewarder="junk")
        infos = until(envs, lambda stepped: "fault" in stepped[4])[4]
        fault = infos["fault"][1]
        assert list(infos["_fault"]) == [False, True]
        assert CAUSES["junk"] in fault["cause"]
        assert fault["name"] in fault["cause"]
        assert fault["log"]  # a remote of others has no log here: it is the worker's
        host.misbehave("b")
        until(envs, lambda stepped: stepped[4]["valid"].all())
    finally:
        envs.close()
