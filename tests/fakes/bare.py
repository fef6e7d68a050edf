"""The same environments without us: Gymnasium's own vector environment, seen through `render`."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import AddRenderObservation

from envserver.runtimes.gym_core.game import register_atari
from envserver.vector_env import VectorEnv

register_atari()

Env = gymnasium.Env[Any, Any]
Step = tuple[Any, Any, Any, Any, dict[str, Any]]


def bare(
    gym_id: str,
    num_envs: int,
    mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    wrap: Callable[[Env], Env] = lambda env: env,
    **kwargs: Any,
) -> SyncVectorEnv:
    """`num_envs` of an environment; observations are what it draws, before `wrap`."""
    if gym_id.startswith("ALE/"):
        kwargs = {"frameskip": 1, **kwargs}

    def make() -> Env:
        drawn = gymnasium.make(gym_id, render_mode="rgb_array", disable_env_checker=True, **kwargs)
        return wrap(AddRenderObservation(drawn))

    return SyncVectorEnv([make] * num_envs, autoreset_mode=mode)


class Skip(gymnasium.Wrapper[Any, Any, Any, Any]):
    """`frame_skip` without `max_pool`: the rewards' sum, and the last picture.

    Attributes:
        made: How many steps the last one was.
    """

    def __init__(self, env: Env, skip: int) -> None:
        super().__init__(env)
        self.skip = skip
        self.made = 0

    def step(self, action: Any) -> Step:
        total = 0.0
        for made in range(1, self.skip + 1):
            self.made = made
            picture, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return picture, total, terminated, truncated, info


def same_reset(ours: VectorEnv, theirs: SyncVectorEnv, seed: Any = None, mask: Any = None) -> None:
    """Reset both, and check that pictures and infos are equal."""
    mine, infos = ours.reset(seed=seed, options=None if mask is None else {"reset_mask": mask})
    other, expected = theirs.reset(
        seed=seed, options=None if mask is None else {"reset_mask": mask}
    )
    assert np.array_equal(mine, other)
    same_infos(infos, expected)


def same_step(ours: Any, theirs: Any) -> None:
    """Check that two steps are equal: pictures, rewards, flags and the environments' own infos."""
    for name, mine, other in zip(
        ("observations", "rewards", "terminated", "truncated"), ours, theirs, strict=False
    ):
        assert mine.dtype == other.dtype, name
        assert np.array_equal(mine, other), name
    same_infos(ours[4], theirs[4])


def same_infos(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Check that what the bare environments say is said by ours, for the same environments."""
    for key, column in theirs.items():
        if key.startswith("_"):
            assert np.array_equal(ours[key], column), key
        elif isinstance(column, dict):
            same_infos(ours[key], column)
        else:
            mask = theirs[f"_{key}"]
            for mine, other in zip(ours[key][mask], column[mask], strict=True):
                assert np.array_equal(mine, other), key


def same_trajectory(ours: VectorEnv, theirs: SyncVectorEnv, steps: int, seed: int = 0) -> int:
    """Step both with the same random actions; returns how many episodes ended."""
    random = np.random.default_rng(seed)
    ended = 0
    for _ in range(steps):
        actions = random.integers(0, int(ours.single_action_space.n), ours.num_envs)  # type: ignore[attr-defined]
        mine = ours.step(actions)
        same_step(mine, theirs.step(actions))
        over = mine[2] | mine[3]
        ended += int(over.sum())
        if over.any() and ours.autoreset_mode is AutoresetMode.DISABLED:
            same_reset(ours, theirs, mask=over)
    return ended
