"""One environment as Gymnasium makes it: its checker's rules, copies, ends."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from envserver.single_env import SingleEnv

pytestmark = pytest.mark.integration


@pytest.fixture
def env(home: Path) -> Iterator[gymnasium.Env[Any, Any]]:
    made = gymnasium.make(
        "envserver/gym-core.CartPole-v1",
        clock="step",
        screen="native",
        provider="process",
        render_mode="rgb_array",
    )
    yield made
    made.close()
    made.close()


def test_gymnasium_finds_nothing_to_complain_of(env: gymnasium.Env[Any, Any]) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
    assert [str(each.message) for each in said] == []


def test_an_episode(env: gymnasium.Env[Any, Any]) -> None:
    assert isinstance(env.unwrapped, SingleEnv)
    assert env.action_space == gymnasium.spaces.Discrete(2)
    first, info = env.reset(seed=3)
    assert info["valid"] is True  # Python's, not NumPy's
    assert type(info["episode_id"]) is int
    assert info["rewarder"]
    assert np.array_equal(np.asarray(env.render()), first)
    kept = first.copy()
    rewards, ended = [], False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(np.array(0))
        rewards.append(reward)
        ended = terminated or truncated
    assert rewards == [1.0] * len(rewards)
    assert 5 < len(rewards) < 20
    assert np.array_equal(first, kept), "an observation is the caller's own"
    assert not np.array_equal(observation, first)
    observation[:] = 0
    with pytest.raises(ResetNeeded):
        env.step(0)
    assert np.array_equal(env.reset(seed=3)[0], first)
