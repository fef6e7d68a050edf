"""PufferLib's interface over our environments, driven as its trainer drives one, and by it."""

import importlib
import signal
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import workers
from fakes.scripted_worker import picture

from envserver.adapters.puffer import PufferVecEnv

NOTHING = np.zeros(2, np.int64)
HORIZON = 8


@pytest.fixture
def puffe_rl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """`puffe_rl(vecenv)`: PufferLib's trainer as it comes, but small and without a GPU."""
    if find_spec("pufferlib") is None:
        pytest.skip("make puffer")
    monkeypatch.chdir(tmp_path)  # It leaves a link where it is imported, and its checkpoints.
    monkeypatch.setattr(sys, "argv", ["pufferl"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    interrupted = signal.getsignal(signal.SIGINT)
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pufferl: Any = importlib.import_module("pufferlib.pufferl")
        models: Any = importlib.import_module("pufferlib.models")
        warnings.filterwarnings("error", message=".*NumPy array is not writable")

        def make(vecenv: PufferVecEnv) -> Any:
            config = pufferl.load_config("default")["train"]
            config.update(
                env="envserver",
                device="cpu",
                optimizer="adam",
                bptt_horizon=HORIZON,
                minibatch_size=HORIZON,
                total_timesteps=3 * HORIZON * vecenv.num_agents,
            )
            made.append(pufferl.PuffeRL(config, vecenv, models.Default(vecenv.driver_env)))
            return made[-1]

        yield make
    for trainer in made:
        trainer.utilization.stop()  # A thread.
    signal.signal(signal.SIGINT, interrupted)


@pytest.mark.integration
def test_the_trainer_s_buffers_hold_the_pictures_of_their_steps(
    puffe_rl: Any, numbered: Any
) -> None:
    raw = numbered("same_step", slots=2)
    trainer = puffe_rl(PufferVecEnv(raw))
    before = [weights.detach().clone() for weights in trainer.policy.parameters()]
    first = None
    for _ in range(3):
        trainer.evaluate()
        found = numbers(trainer.observations.numpy())
        assert found.shape == (2, HORIZON)
        expected = found[:, :1] if first is None else first + HORIZON
        assert (found == expected + np.arange(HORIZON)).all()
        first = found[:, :1]
        trainer.train()
    assert trainer.global_step == 3 * HORIZON * 2
    changed = [
        bool((weights != old).any())
        for weights, old in zip(trainer.policy.parameters(), before, strict=True)
    ]
    assert any(changed)
    assert Path(trainer.close()).exists()
    assert raw.closed


def test_the_trainer_s_buffers_at_the_end_of_an_episode(puffe_rl: Any, scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False)
    trainer = puffe_rl(PufferVecEnv(raw))
    episode = raw.session.workers[0].episode
    workers(raw)[0].plan("step", "done")
    stats = trainer.evaluate()
    shown = trainer.observations[0].amax((1, 2, 3)).tolist()
    assert shown[:2] == [picture(episode, step) for step in range(2)]
    assert shown[2:] == [picture(episode + 1, step) for step in range(HORIZON - 2)]
    assert trainer.terminals[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert trainer.terminals[1].sum() == 0
    assert stats["episode_length"] == [2]
    assert trainer.rewards[0, 1:3].tolist() == [1, 1]  # It clips them, but not their sum.
    assert stats["episode_return"][0] > 2
    trainer.close()


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
