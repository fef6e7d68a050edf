"""The games of examples/solvers: all there is to get, from pictures; nothing for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from envserver.vector_env import VectorEnv
from examples.solvers.gym_core import TASKS
from examples.solvers.playing import Idle, Task, play

pytestmark = pytest.mark.integration

NOTHING = {"gym-core.CartPole-v1": 20.0, "gym-core.Pong-v0": -21.0}
"""The most that a game gives to who holds no key: the pole falls at once, each ball is lost."""


@pytest.fixture(params=list(TASKS))
def task(request: pytest.FixtureRequest) -> Task:
    return TASKS[request.param]


@pytest.fixture
def envs(task: Task, home: Path) -> Iterator[VectorEnv]:
    made = task.make(provider="process")
    yield made
    made.close()


def test_the_solver_gets_the_full_reward(task: Task, envs: VectorEnv) -> None:
    played = play(envs, [task.solver()], task.max_steps, seed=0)
    assert played.over.all()
    assert played.rewards.tolist() == [task.full]


def test_doing_nothing_does_not(task: Task, envs: VectorEnv) -> None:
    played = play(envs, [Idle(envs.single_action_space)], task.max_steps, seed=0)
    assert played.over.all()
    assert played.rewards[0] <= NOTHING[task.name] < task.full
