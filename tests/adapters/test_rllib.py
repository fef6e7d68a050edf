"""RLlib over our environments: what its episodes hold, the creator, a real training iteration."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import workers
from fakes.scripted_worker import picture

from envserver.adapters.rllib import RLlibVectorEnv, create
from envserver.errors import BrokerUnavailable

NOTHING = np.zeros(2, np.int64)


@pytest.fixture
def ppo(monkeypatch: pytest.MonkeyPatch) -> Any:
    """RLlib's `PPOConfig`, on one thread and without a cluster until one is asked for."""
    if find_spec("ray") is None:
        pytest.skip("make rllib")
    from ray.rllib.algorithms.ppo import PPOConfig

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    return PPOConfig


def configured(ppo: Any, creator: Any, **env_config: Any) -> Any:
    """Of two environments that this process steps."""
    return (
        ppo()
        .environment(creator, env_config=env_config)
        .env_runners(
            num_env_runners=0,
            num_envs_per_env_runner=2,
            rollout_fragment_length=8,
            gym_env_vectorize_mode="vector_entry_point",
        )
    )


@pytest.mark.parametrize("floats", [True, False])
def test_observations_are_the_caller_s_own(scripted: Any, floats: bool) -> None:
    raw = scripted(2, reset=False, slots=2)
    envs = RLlibVectorEnv(raw, floats=floats)
    first, _ = envs.reset(seed=1)
    kept = first.copy()
    for _ in range(3):
        observations = envs.step(NOTHING)[0]
        assert observations.flags.writeable
        assert observations.base is None
        assert observations in envs.observation_space
    assert (first == kept).all()
    assert first.max() == picture(raw.session.workers[0].episode, 0) / (255 if floats else 1)


def test_the_step_after_an_end_is_the_reset(scripted: Any) -> None:
    raw = scripted(2, reset=False)
    envs = RLlibVectorEnv(raw, floats=False)
    envs.reset()
    episode = raw.session.workers[0].episode
    workers(raw)[0].plan("done")
    observations, _, terminated, _, _ = envs.step(NOTHING)
    assert terminated.tolist() == [True, False]
    assert (observations[0] == picture(episode, 1)).all()
    observations, rewards, terminated, _, _ = envs.step(NOTHING)
    assert (observations[0] == picture(episode + 1, 0)).all()
    assert (rewards[0], terminated[0]) == (0.0, False)


def test_another_mode_is_refused(scripted: Any) -> None:
    with pytest.raises(ValueError, match="SAME_STEP, RLlib expects NEXT_STEP"):
        RLlibVectorEnv(scripted(2, autoreset="same_step", reset=False))


def test_the_creator_starts_no_daemon(home: Path) -> None:
    with pytest.raises(BrokerUnavailable):
        create({"name": "gym-core.CartPole-v1", "num_envs": 1})
    assert not list(home.glob("private*"))


def test_the_creator_wants_a_name() -> None:
    with pytest.raises(ValueError, match="env_config has no 'name'"):
        create({"num_envs": 1})


@pytest.mark.integration
def test_episodes_hold_the_pictures_of_their_steps(ppo: Any, numbered: Any) -> None:
    from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

    config = configured(
        ppo, lambda context: RLlibVectorEnv(numbered("next_step", context["num_envs"]), False)
    )
    runner = SingleAgentEnvRunner(config=config, worker_index=0)
    try:
        episodes = runner.sample(num_timesteps=20, random_actions=True)
    finally:
        runner.stop()
    assert len(episodes) == 2
    for episode in episodes:
        found = numbers(np.stack(list(episode.get_observations())))
        assert len(found) == 11
        assert (found == found[0] + np.arange(11)).all()


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_an_episode_ends_with_its_last_picture(ppo: Any, scripted: Any) -> None:
    from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

    raw = scripted(2, reset=False)
    config = configured(ppo, lambda context: RLlibVectorEnv(raw, floats=False))
    config.rl_module(model_config={"conv_filters": [[4, 2, 1]]})
    runner = SingleAgentEnvRunner(config=config, worker_index=0)
    runner.sample(num_timesteps=2, random_actions=True)
    number = raw.session.workers[0].episode
    workers(raw)[0].plan("step", "done")
    ended, begun, _ = runner.sample(num_timesteps=9, random_actions=True)
    assert [o.max() for o in ended.get_observations()] == [picture(number, n) for n in (1, 2, 3)]
    assert (ended.is_terminated, ended.is_truncated) == (True, False)
    shown = [o.max() for o in begun.get_observations()]
    assert shown == [picture(number + 1, n) for n in range(len(shown))]
    assert len(shown) > 1
