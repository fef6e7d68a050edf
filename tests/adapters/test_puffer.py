"""PufferLib's interface over our environments, driven as its trainer drives one."""

from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import workers
from fakes.scripted_worker import picture

from envserver.adapters.puffer import PufferVecEnv

NOTHING = np.zeros(2, np.int64)


@pytest.mark.integration
def test_a_rollout_as_the_trainer_collects_it(numbered: Any) -> None:
    raw = numbered("same_step", slots=2)
    vecenv = PufferVecEnv(raw)
    vecenv.async_reset(3)
    horizon = 10
    rows = np.zeros((vecenv.num_agents, horizon, 64, 64, 3), np.uint8)
    ring = [raw._ring.pixels(slot).ctypes.data for slot in range(2)]
    for at in range(horizon):
        o, r, d, t, infos, env_id, mask = vecenv.recv()
        assert o.ctypes.data in ring  # nobody copied it
        assert mask.all()
        assert not (d + t).any()
        assert r.dtype == np.float32
        assert infos == []
        rows[slice(env_id[0], env_id[-1] + 1), at] = o
        vecenv.send(NOTHING)
    found = numbers(rows)
    assert (found == found[:, :1] + np.arange(horizon)).all()


def test_the_end_of_an_episode(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False)
    vecenv = PufferVecEnv(raw)
    observations, infos = vecenv.reset(seed=1)
    assert infos == []
    episode = raw.session.workers[0].episode
    assert (observations == picture(episode, 0)).all()
    workers(raw)[0].plan("step", "done")
    workers(raw)[1].plan("step", "truncate")
    first = vecenv.step(NOTHING)
    observations, rewards, terminals, truncations, infos = vecenv.step(NOTHING)
    assert terminals.tolist() == [True, False]
    assert truncations.tolist() == [False, True]
    assert (observations == picture(episode + 1, 0)).all()
    returns = first[1] + rewards
    assert infos == [
        {"episode_return": float(points), "episode_length": 2} for points in returns.tolist()
    ]
    assert vecenv.step(NOTHING)[4] == []


def test_a_reset_drops_the_step_under_way(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False)
    vecenv = PufferVecEnv(raw)
    vecenv.reset()
    vecenv.send(NOTHING)
    vecenv.async_reset(5)
    assert (vecenv.recv()[0] == picture(raw.session.workers[0].episode, 0)).all()


def test_what_policies_and_dashboards_read(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, render_mode="rgb_array")
    vecenv = PufferVecEnv(raw)
    assert vecenv.driver_env.single_action_space == raw.single_action_space
    assert (vecenv.num_agents, vecenv.agents_per_batch, vecenv.emulated) == (2, 2, False)
    observations, _ = vecenv.reset()
    assert vecenv.driver_env.render_mode == "rgb_array"
    assert (vecenv.driver_env.render() == observations[0]).all()


def test_another_mode_is_refused(scripted: Any) -> None:
    with pytest.raises(ValueError, match="NEXT_STEP, PufferLib expects SAME_STEP"):
        PufferVecEnv(scripted(2, reset=False))
