"""Infos of Gymnasium 0.29 over our environments, read as CleanRL's scripts do."""

import time
from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import workers
from fakes.scripted_worker import picture

from envserver.adapters.legacy import LegacyVectorEnv

NOTHING = np.zeros(2, np.int64)


def test_the_end_of_an_episode_as_ppo_reads_it(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = LegacyVectorEnv(raw)
    began_s = time.monotonic()
    envs.reset(seed=1)
    episode = raw.session.workers[0].episode
    workers(raw)[1].plan("step", "done")
    first = envs.step(NOTHING)
    assert "final_info" not in first[4]
    observations, rewards, terminated, _, infos = envs.step(NOTHING)
    assert terminated.tolist() == [False, True]
    told = [info for info in infos["final_info"] if info and "episode" in info]
    assert len(told) == 1
    assert float(told[0]["episode"]["r"][0]) == first[1][1] + rewards[1]
    assert int(told[0]["episode"]["l"][0]) == 2
    assert 0 < told[0]["episode"]["t"][0] < time.monotonic() - began_s
    assert infos["_final_info"].tolist() == [False, True]
    assert infos["final_info"][0] is None
    assert (observations[1] == picture(episode + 1, 0)).all()
    workers(raw)[1].plan("done")
    infos = envs.step(NOTHING)[4]
    again = infos["final_info"][1]["episode"]
    assert int(again["l"][0]) == 1
    assert again["t"][0] < time.monotonic() - began_s - told[0]["episode"]["t"][0]


def test_a_truncated_episode_as_dqn_reads_it(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = LegacyVectorEnv(raw)
    observations, _ = envs.reset(seed=1)
    episode = raw.session.workers[0].episode
    workers(raw)[0].plan("truncate")
    next_observations, _, _, truncated, infos = envs.step(NOTHING)
    real_next = next_observations.copy()
    for env in np.flatnonzero(truncated):
        real_next[env] = infos["final_observation"][env]
    assert observations[:, 0, 0, 0].tolist() == [picture(episode, 0)] * 2
    assert real_next[:, 0, 0, 0].tolist() == [picture(episode, 1)] * 2
    assert "final_obs" not in infos
    assert infos["_final_observation"].tolist() == [True, False]


def test_a_reset_mask_counts_anew_what_it_resets(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = LegacyVectorEnv(raw)
    envs.reset()
    envs.step(NOTHING)
    envs.reset(options={"reset_mask": np.array([True, False])})
    for worker in workers(raw):
        worker.plan("done")
    infos = envs.step(NOTHING)[4]
    assert [int(info["episode"]["l"][0]) for info in infos["final_info"]] == [1, 2]


@pytest.mark.integration
def test_two_steps_are_held_at_a_time(numbered: Any) -> None:
    envs = LegacyVectorEnv(numbered("same_step", slots=2))
    observations, _ = envs.reset(seed=1)
    stored = []
    for _ in range(8):
        following, *_ = envs.step(NOTHING)
        stored.append((numbers(observations), numbers(following)))
        observations = following
    before, after = np.array(stored).swapaxes(0, 1)
    assert (before == before[0] + np.arange(8)[:, None]).all()
    assert (after == before + 1).all()


def test_another_mode_is_refused(scripted: Any) -> None:
    with pytest.raises(ValueError, match=r"autoreset_mode is NEXT_STEP, .* expects SAME_STEP"):
        LegacyVectorEnv(scripted(2, reset=False))
