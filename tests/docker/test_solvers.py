"""The solvers of examples/solvers on the real images: one or two tasks of each family."""

import pytest

from examples.solvers.__main__ import TASKS
from examples.solvers.playing import Idle, play

pytestmark = pytest.mark.docker

IDLE_STEPS = 60
BOTH = {
    "terminal": ["terminal.CreateFile-v0", "terminal.KillProcess-v0"],
    "miniwob": ["miniwob.ClickTest-v0", "miniwob.EnterText-v0"],
}


@pytest.mark.parametrize("family", list(BOTH))
def test_a_desktop_is_solved(family: str) -> None:
    """Two tasks, one a container; who does nothing gets nothing."""
    names = BOTH[family]
    task = TASKS[names[0]]
    with task.make(len(names), provider="docker") as envs:
        idle = play(envs, [Idle(envs.single_action_space)] * 2, IDLE_STEPS, seed=0, names=names)
        assert idle.rewards.tolist() == [0.0, 0.0]
        solvers = [TASKS[name].solver() for name in names]
        solved = play(envs, solvers, task.max_steps, seed=1, names=names)
        assert solved.rewards.tolist() == [1.0, 1.0]
        assert solved.over.all()


def test_a_game_is_solved() -> None:
    task = TASKS["gym-core.CartPole-v1"]
    with task.make(provider="docker") as envs:
        idle = play(envs, [Idle(envs.single_action_space)], task.max_steps, seed=0)
        assert idle.rewards[0] < 20.0
        solved = play(envs, [task.solver()], task.max_steps, seed=0)
        assert solved.rewards.tolist() == [task.full]
