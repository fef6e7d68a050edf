"""The solvers of examples/solvers on the real images: one or two tasks of each family."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from examples.solvers import picture
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


def test_one_batch_has_three_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {family: (names[:1], 5) for family, (names, _) in picture.FAMILIES.items()}
    monkeypatch.setattr(picture, "FAMILIES", few)
    file = tmp_path / "three.png"
    done = CliRunner().invoke(picture.main, [str(file), "--provider", "docker"])
    assert done.exit_code == 0, done.output
    assert "one batch, (3, 768, 1024, 3) uint8" in done.output
    sheet = np.asarray(Image.open(file).convert("RGB"))
    parts = [sheet[:, left : left + 520].reshape(-1, 3).tolist() for left in (4, 524, 1044)]
    game, terminal, page = ({tuple(color) for color in part} for part in parts)
    assert (144, 72, 17) in game  # Pong's court
    assert (255, 255, 255) in terminal
    assert (255, 255, 0) in page  # what a goal stands on
