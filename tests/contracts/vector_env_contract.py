"""What every vector environment of ours keeps, whoever its workers are.

A subclass has a fixture `make(num_envs, **options)` that gives an environment in which action 1 is
valid and an episode lasts exactly `EPISODE_STEPS` steps.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, NoAsyncCallError, ResetNeeded
from gymnasium.vector import AutoresetMode

from envserver.vector_env import VectorEnv

Make = Callable[..., VectorEnv]
MODES = ("next_step", "same_step", "disabled")


def column(infos: dict[str, Any], key: str, num_envs: int) -> Any:
    """A column of `infos` with its mask checked."""
    assert infos[key].shape == (num_envs,)
    assert infos[f"_{key}"].shape == (num_envs,)
    assert infos[f"_{key}"].dtype == np.bool_
    return infos[key]


class VectorEnvContract:
    EPISODE_STEPS = 5

    def actions(self, envs: VectorEnv) -> Any:
        return np.ones(envs.num_envs, dtype=np.int64)

    def test_gymnasium_attributes(self, make: Make) -> None:
        envs = make(2)
        assert isinstance(envs, gymnasium.vector.VectorEnv)
        assert envs.metadata["autoreset_mode"] is envs.autoreset_mode is AutoresetMode.NEXT_STEP
        assert envs.observation_space.shape == (2, *envs.single_observation_space.shape)  # type: ignore[misc]
        assert len(envs.action_space.sample()) == 2
        assert envs.render_mode is None
        assert envs.closed is False

    def test_a_step_has_gymnasiums_shapes(self, make: Make) -> None:
        envs = make(2)
        observations, infos = envs.reset(seed=1)
        assert observations in envs.observation_space
        observations, rewards, terminated, truncated, infos = envs.step(self.actions(envs))
        assert observations in envs.observation_space
        assert rewards.shape == (2,)
        assert rewards.dtype == np.float64
        for flags in (terminated, truncated):
            assert flags.shape == (2,)
            assert flags.dtype == np.bool_
        assert column(infos, "valid", 2).all()
        assert not column(infos, "late", 2).any()
        column(infos, "episode_id", 2)

    def test_views_stay_as_they_are_until_their_slot_comes_again(self, make: Make) -> None:
        envs = make(2, slots=4)
        envs.reset(seed=1)
        envs.send(self.actions(envs))
        batch = envs.recv()
        kept = batch.copy()
        for _ in range(3):
            assert batch.is_valid()
            envs.step(self.actions(envs))
        assert (batch.observations == kept.observations).all()
        envs.step(self.actions(envs))
        assert not batch.is_valid()

    @pytest.mark.parametrize("mode", MODES)
    def test_the_end_of_an_episode(self, make: Make, mode: str) -> None:
        envs = make(2, autoreset_mode=mode)
        envs.reset(seed=1)
        episode = envs.reset(seed=1)[1]["episode_id"].copy()
        for _ in range(self.EPISODE_STEPS - 1):
            _, _, terminated, truncated, infos = envs.step(self.actions(envs))
            assert not (terminated | truncated).any()
            assert (infos["episode_id"] == episode).all()
        observations, _, terminated, truncated, infos = envs.step(self.actions(envs))
        assert (terminated | truncated).all()
        assert infos["valid"].all()
        if mode == "same_step":
            assert infos["_final_obs"].all()
            assert infos["_final_info"].all()
            assert infos["final_obs"][0].shape == observations.shape[1:]
            assert (infos["episode_id"] > episode).all()
            return
        assert "final_obs" not in infos
        assert (infos["episode_id"] == episode).all()
        if mode == "disabled":
            with pytest.raises(ResetNeeded, match="environments 0, 1 have ended"):
                envs.step(self.actions(envs))
            envs.reset(seed=1, options={"reset_mask": np.array([True, True])})
        else:
            _, rewards, terminated, truncated, infos = envs.step(self.actions(envs))
            assert not (terminated | truncated).any()
            assert rewards.tolist() == [0, 0]
            assert (infos["episode_id"] > episode).all()
        assert not envs.step(self.actions(envs))[2].any()

    def test_a_mask_resets_only_some(self, make: Make) -> None:
        envs = make(2)
        _, infos = envs.reset(seed=1)
        before = infos["episode_id"].copy()
        observations, *_ = envs.step(self.actions(envs))
        kept = observations[0].copy()
        observations, infos = envs.reset(options={"reset_mask": np.array([False, True])})
        assert (observations[0] == kept).all()
        assert infos["episode_id"][0] == before[0]
        assert infos["episode_id"][1] > before[1]

    def test_order(self, make: Make) -> None:
        envs = make(1)
        with pytest.raises(ResetNeeded):
            envs.step(self.actions(envs))
        envs.reset()
        with pytest.raises(NoAsyncCallError):
            envs.recv()
        envs.close()
        envs.close()
        with pytest.raises(ClosedEnvironmentError):
            envs.step(self.actions(envs))

    def test_some_environments_at_a_time(self, make: Make) -> None:
        envs = make(2)
        envs.reset(seed=1)
        envs.send(self.actions(envs)[:1], envs=[1])
        batch = envs.recv()
        assert batch.envs.tolist() == [1]
        assert batch.observations.shape == (1, *envs.single_observation_space.shape)  # type: ignore[misc]
        assert batch.infos["_valid"].tolist() == [False, True]
        assert envs.step(self.actions(envs))[4]["valid"].all()
