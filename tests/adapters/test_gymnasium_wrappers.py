"""Gymnasium's vector wrappers around our environments: they keep the contract, and copy or do not.

Those of observations refuse SAME_STEP, and NormalizeObservation every mode but NEXT_STEP.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from fakes.scripted_env import session_of, workers
from fakes.scripted_worker import picture
from gymnasium.wrappers import vector

from envserver.testing import ContractBroken, check_vector_env

Wrap = Callable[[Any], Any]

VIEWS: dict[str, Wrap] = {
    "RecordEpisodeStatistics": vector.RecordEpisodeStatistics,
    "NormalizeReward": vector.NormalizeReward,
    "ClipReward": lambda envs: vector.ClipReward(envs, -1, 1),
    "TransformAction": lambda envs: vector.TransformAction(envs, lambda actions: actions),
}
COPIES: dict[str, Wrap] = {
    "FlattenObservation": vector.FlattenObservation,
    "GrayscaleObservation": vector.GrayscaleObservation,
    "ResizeObservation": lambda envs: vector.ResizeObservation(envs, (2, 4)),
    "ReshapeObservation": lambda envs: vector.ReshapeObservation(envs, (4, 24)),
    "RescaleObservation": lambda envs: vector.RescaleObservation(envs, 0, 1),
    "DtypeObservation": lambda envs: vector.DtypeObservation(envs, np.float32),
    "TransformObservation": lambda envs: vector.TransformObservation(envs, np.copy),
}


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
@pytest.mark.parametrize("name", VIEWS)
def test_what_leaves_observations_alone_gives_views(scripted: Any, name: str, mode: str) -> None:
    envs = scripted(2, autoreset=mode, reset=False)
    session_of(envs).episode_steps = 5
    report = check_vector_env(VIEWS[name](envs), deterministic=False)
    assert report.lives == 3
    assert report.read_only
    assert report.ends >= 2


@pytest.mark.parametrize("mode", ["next_step", "disabled"])
@pytest.mark.parametrize("name", COPIES)
def test_what_makes_observations_gives_its_own(scripted: Any, name: str, mode: str) -> None:
    envs = scripted(2, autoreset=mode, reset=False)
    session_of(envs).episode_steps = 5
    report = check_vector_env(COPIES[name](envs), deterministic=False)
    assert report.lives is None
    assert report.ends >= 2


def test_what_writes_to_observations_needs_a_copy(scripted: Any) -> None:
    envs = scripted(2, reset=False)
    halves: dict[str, Any] = {
        "wrapper": gymnasium.wrappers.TransformObservation,
        "func": lambda observation: observation // 2,
        "observation_space": envs.single_observation_space,
    }
    copied = vector.TransformObservation(envs, np.copy)
    observations, _ = vector.VectorizeTransformObservation(copied, **halves).reset()
    assert (observations == picture(1, 0) // 2).all()
    with pytest.raises(ContractBroken, match=r"reset\(\) raised .*read-only"):
        check_vector_env(vector.VectorizeTransformObservation(envs, **halves))


def test_observations_are_normalized(scripted: Any) -> None:
    envs = vector.NormalizeObservation(scripted(2, reset=False))
    for observations in (envs.reset()[0], *(envs.step(np.zeros(2, int))[0] for _ in range(5))):
        assert observations.dtype == np.float32
        assert np.isfinite(observations).all()
    assert abs(float(envs.obs_rms.mean.mean()) - picture(1, 2) - 0.5) < 0.6


def test_infos_as_a_list(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False)
    workers(raw)[1].plan("done")
    envs = vector.DictInfoToList(vector.RecordEpisodeStatistics(raw))
    _, infos = envs.reset()
    assert [info["valid"] for info in infos] == [True, True]
    infos = envs.step(np.zeros(2, int))[4]
    assert "episode" not in infos[0]
    assert infos[1]["episode"]["r"] == 10
    assert (infos[1]["final_obs"] == picture(1, 1)).all()


def test_a_class_of_its_own_that_takes_neither_lists_of_seeds_nor_masks() -> None:
    def make() -> Any:
        return gymnasium.make_vec("CartPole-v1", 3, vectorization_mode="vector_entry_point")

    with pytest.raises(ContractBroken, match=r"reset\(seed=\[0, 1, 2\]\) raised"):
        check_vector_env(make())
    # It closes without saying so: the only rule that it breaks.
    with pytest.raises(ContractBroken, match="`closed` is False"):
        check_vector_env(make(), seed_lists=False, masks=False)
