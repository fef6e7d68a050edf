"""The terminal's environments: solved by keyboard through the public API; nothing for nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import envserver
from envserver.errors import EnvServerError
from envserver.remotes.init import descendants_of
from envserver.session import Session
from examples.solvers.playing import Idle, play
from examples.solvers.terminal import TASKS

pytestmark = pytest.mark.integration

NAMES = tuple(TASKS)


@pytest.fixture
def envs(home: Path) -> Iterator[envserver.VectorEnv]:
    made = TASKS[NAMES[0]].make(provider="process")
    yield made
    made.close()


def test_every_task_is_solved_in_one_kept_remote(envs: envserver.VectorEnv) -> None:
    assert isinstance(envs.session, Session)
    pid = envs.session.status()["workers"][0]["pid"]
    for name, task in TASKS.items():
        for seed in range(3):
            played = play(envs, [task.solver()], task.max_steps, seed=seed, names=[name])
            assert played.rewards.tolist() == [task.full], name
    assert envs.session.status()["workers"][0]["pid"] == pid


def test_doing_nothing_gets_nothing(home: Path) -> None:
    """Every task at once, each until its episode is cut off."""
    with TASKS[NAMES[0]].make(len(NAMES), provider="process", max_episode_steps=90) as envs:
        agents = [Idle(envs.single_action_space)] * len(NAMES)
        played = play(envs, agents, 300, seed=0, names=NAMES)
    assert played.over.all()
    assert not played.rewards.any()


def test_the_goal_is_there_at_once_and_comes_from_the_seed(envs: envserver.VectorEnv) -> None:
    goals = []
    for seed in (3, 4, 3):
        _, infos = envs.reset(seed=seed)
        goals += infos["text"][0]
    assert goals[0] == goals[2] != goals[1]
    assert goals[0].startswith("Create the file ")


def test_an_unknown_environment_is_refused_by_name(envs: envserver.VectorEnv) -> None:
    envs.reset()
    with pytest.raises(EnvServerError, match=r"terminal has no environment 'Nope-v0'"):
        envs.reset(options={"env_id": "terminal.Nope-v0"})


def test_a_rewarder_that_dies_is_a_fault_of_its_remote(envs: envserver.VectorEnv) -> None:
    assert isinstance(envs.session, Session)
    envs.reset()
    for pid in descendants_of(os.getpid()):
        if b"envserver.rewarder" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        _, _, _, truncated, infos = envs.step([[]])
        if truncated[0]:
            break
    assert "rewarder" in infos["fault"][0]["cause"]
    # The whole remote is started anew, since its program ended with the rewarder.
    while not ("text" in infos and infos["valid"][0]):
        assert time.monotonic() < deadline_s
        _, _, _, _, infos = envs.step([[]])
    assert envs.session.status()["workers"][0]["generation"] > 1
