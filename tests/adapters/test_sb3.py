"""Stable-Baselines3 over our environments: what its buffers hold, ends, resets, refusals."""

from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import session_of, workers
from fakes.scripted_worker import picture
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

import envserver
from envserver.codecs.policies import Combinations, HeldKeys
from envserver.vector_env import VectorEnv

stable_baselines3 = pytest.importorskip("stable_baselines3", reason="make frameworks")
from stable_baselines3.common.callbacks import BaseCallback  # noqa: E402
from stable_baselines3.common.vec_env import (  # noqa: E402
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
)

from envserver.adapters.sb3 import SB3VecEnv  # noqa: E402

TINY: dict[str, Any] = {"policy": "MlpPolicy", "device": "cpu", "policy_kwargs": {"net_arch": []}}
NOTHING = np.zeros(2, np.int64)


class Kept(BaseCallback):  # type: ignore[misc]
    """Copies what the rollout buffer holds when it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.rollouts: list[NDArray[np.uint8]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.rollouts.append(self.model.rollout_buffer.observations.astype(np.uint8))


class OneArray(VecEnvWrapper):  # type: ignore[misc]
    """An environment that returns the same array each step: a ring of one."""

    def reset(self) -> Any:
        self.array = self.venv.reset().copy()
        return self.array

    def step_wait(self) -> Any:
        observations, *others = self.venv.step_wait()
        self.array[:] = observations
        return self.array, *others


def rollouts(envs: Any, steps: int = 8, times: int = 2) -> NDArray[np.int64]:
    """The numbers that PPO collects: (times * steps, environments)."""
    kept = Kept()
    model = stable_baselines3.PPO(env=envs, n_steps=steps, batch_size=steps, n_epochs=1, **TINY)
    model.learn(times * steps * envs.num_envs, callback=kept)
    return numbers(np.concatenate(kept.rollouts))


def transitions(envs: Any, steps: int = 12) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers that DQN stores, before and after each step: (steps, environments)."""
    model = stable_baselines3.DQN(env=envs, buffer_size=64, learning_starts=1000, **TINY)
    model.learn(steps * envs.num_envs)
    stored = model.replay_buffer
    return numbers(stored.observations[:steps]), numbers(stored.next_observations[:steps])


def in_order(found: NDArray[np.int64]) -> bool:
    """Whether each environment's pictures count on from the first."""
    steps = np.arange(len(found))[:, None]
    return bool((found == found[0] + steps).all())


@pytest.mark.integration
def test_ppo_stores_the_pictures_it_acted_on(numbered: Any) -> None:
    assert in_order(rollouts(SB3VecEnv(numbered("same_step", slots=2))))


@pytest.mark.integration
def test_dqn_stores_the_pictures_before_and_after_each_step(numbered: Any) -> None:
    before, after = transitions(SB3VecEnv(numbered("same_step", slots=2)))
    assert in_order(before)
    assert (after == before + 1).all()


@pytest.mark.integration
def test_one_generation_is_too_few_for_both(numbered: Any) -> None:
    envs = SB3VecEnv(numbered("same_step", slots=2))
    first = rollouts(OneArray(envs), times=1)
    assert (first[1:] - first[:-1] == 1).all()
    before, after = transitions(OneArray(envs))
    assert (before == after).all()  # what came of a step stands for what it was done on


@pytest.mark.integration
def test_frame_stacks_hold_what_came_before(numbered: Any) -> None:
    stacks = VecFrameStack(SB3VecEnv(numbered("same_step", slots=2)), n_stack=3)
    stacks.reset()
    for _ in range(4):
        stack = stacks.step(NOTHING)[0]
    newest = numbers(stack[..., 6:])
    assert numbers(stack[..., :3]).tolist() == (newest - 2).tolist()


@pytest.mark.integration
def test_observations_are_the_session_s_memory(numbered: Any) -> None:
    raw: VectorEnv = numbered("same_step", slots=2)
    envs = SB3VecEnv(raw)
    envs.reset()
    for _ in range(3):
        observations = envs.step(NOTHING)[0]
        assert np.shares_memory(observations, raw.memory)
        assert not observations.flags.writeable


def test_the_end_of_an_episode(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = SB3VecEnv(raw)
    first = envs.reset()
    episode = raw.session.workers[0].episode
    assert first[0, 0, 0, 0] == picture(episode, 0)
    workers(raw)[0].plan("step", "done")
    workers(raw)[1].plan("step", "truncate")
    _, _, ends, infos = envs.step(NOTHING)
    assert ends.tolist() == [False, False]
    assert [info["TimeLimit.truncated"] for info in infos] == [False, False]
    assert not any("terminal_observation" in info for info in infos)
    running = infos[0].keys()
    observations, rewards, ends, infos = envs.step(NOTHING)
    assert ends.tolist() == [True, True]
    assert rewards.shape == (2,)
    assert [info["TimeLimit.truncated"] for info in infos] == [False, True]
    for env, info in enumerate(infos):
        assert info.keys() == {*running, "terminal_observation"}
        assert info["episode_id"] == episode
        assert (info["terminal_observation"] == picture(episode, 2)).all()
        assert (observations[env] == picture(episode + 1, 0)).all()
        assert "final_obs" not in info
        assert envs.reset_infos[env]["episode_id"] == episode + 1


def test_a_lost_episode_is_a_truncated_one(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = SB3VecEnv(raw)
    envs.reset()
    workers(raw)[1].plan("lost")
    _, _, ends, infos = envs.step(NOTHING)
    assert ends.tolist() == [False, True]
    assert infos[1]["TimeLimit.truncated"]
    assert infos[1]["fault"]["fault"] == "CONNECTION_LOST"


def test_dqn_stores_the_last_picture_of_an_episode(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    workers(raw)[0].plan("step", "step", "done")
    model = stable_baselines3.DQN(env=SB3VecEnv(raw), buffer_size=64, learning_starts=1000, **TINY)
    model.learn(12)
    episode = workers(raw)[0].episode - 1
    stored = model.replay_buffer
    assert stored.dones[:6, 0].tolist() == [0, 0, 1, 0, 0, 0]
    before = [picture(episode, step) for step in (0, 1, 2)]
    assert stored.observations[:3, 0, 0, 0, 0].tolist() == before
    assert stored.next_observations[:3, 0, 0, 0, 0].tolist() == [*before[1:], picture(episode, 3)]
    assert stored.observations[3, 0, 0, 0, 0] == picture(episode + 1, 0)


def test_the_monitor_counts_episodes(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = VecMonitor(SB3VecEnv(raw))
    envs.reset()
    workers(raw)[0].plan("step", "done")
    points = envs.step(NOTHING)[1]
    _, rewards, _, infos = envs.step(NOTHING)
    assert infos[0]["episode"]["l"] == 2
    assert infos[0]["episode"]["r"] == points[0] + rewards[0]
    assert "episode" not in infos[1]


def test_seeds_and_options_hold_for_one_reset(scripted: Any, monkeypatch: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    envs = SB3VecEnv(raw)
    asked: list[Any] = []
    reset = raw.reset

    def noted(**options: Any) -> Any:
        asked.append(options)
        return reset(**options)

    monkeypatch.setattr(raw, "reset", noted)
    envs.seed(7)
    envs.set_options([{"level": 1}, {}])
    envs.reset()
    envs.reset()
    assert asked[0] == {"seed": [7, 8], "options": {"per_env": [{"level": 1}, {}]}}
    assert asked[1] == {"seed": None, "options": None}
    assert [info["valid"] for info in envs.reset_infos] == [True, True]


def test_another_environment_has_other_actions(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2)
    session_of(raw).others["second"] = {"keysyms": [[], [0x20]]}
    envs = SB3VecEnv(raw)
    assert envs.action_space == Discrete(3)
    envs.set_options({"env_id": "second"})
    envs.reset()
    assert envs.action_space == Discrete(2)


def test_a_reset_drops_the_step_under_way(scripted: Any) -> None:
    envs = SB3VecEnv(scripted(2, autoreset="same_step", reset=False, slots=2))
    envs.reset()
    envs.step_async(NOTHING)
    assert envs.reset().shape == (2, 4, 8, 3)
    assert envs.step(NOTHING)[0].shape == (2, 4, 8, 3)


def test_attributes_methods_and_pictures(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, slots=2, render_mode="rgb_array")
    envs = SB3VecEnv(raw)
    assert envs.get_attr("render_mode") == ["rgb_array", "rgb_array"]
    assert envs.get_attr("action_space", indices=1) == [raw.single_action_space]
    assert not envs.has_attr("no_such_thing")
    with pytest.raises(AttributeError, match="programs"):
        envs.set_attr("level", 3)
    with pytest.raises(AttributeError, match="no method 'jump': the remotes are programs"):
        envs.env_method("jump")
    assert envs.env_is_wrapped(VecMonitor) == [False, False]
    observations = envs.reset()
    images = envs.get_images()
    assert (np.stack([image for image in images if image is not None]) == observations).all()
    assert len(envs.env_method("render", indices=[0])) == 1
    assert envs.render().shape == (4 * 2, 8, 3)


def test_a_video_is_as_fast_as_the_session(scripted: Any) -> None:
    raw = scripted(2, autoreset="same_step", reset=False, fps=30, render_mode="rgb_array")
    metadata = SB3VecEnv(raw).metadata
    assert metadata == {"render_modes": ["human", "rgb_array"], "render_fps": 30}


def test_no_pictures_without_a_render_mode(scripted: Any) -> None:
    envs = SB3VecEnv(scripted(2, autoreset="same_step", reset=False))
    assert list(envs.get_images()) == [None, None]


def test_what_sb3_cannot_use_is_refused(scripted: Any) -> None:
    with pytest.raises(ValueError, match=r"autoreset_mode is NEXT_STEP, .* expects SAME_STEP"):
        SB3VecEnv(scripted(2, reset=False))
    masked = scripted(2, autoreset="same_step", while_resetting="mask", reset=False)
    with pytest.raises(ValueError, match="while_resetting='wait'"):
        SB3VecEnv(masked)
    envs = scripted(2, autoreset="same_step", reset=False, slots=2)
    with pytest.raises(ValueError, match=r"has 2 slots, .* holds 5 .*slots=5"):
        SB3VecEnv(envs, generations=5)


@pytest.mark.integration
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        (Combinations({"noop": "", "left": "Left", "capital": "Shift_L+a"}), "Discrete"),
        (HeldKeys(["Left", "space"]), "MultiBinary"),
    ],
    ids=["combinations", "held keys"],
)
def test_ppo_acts_on_any_program_by_a_space_for_policies(policy: Any, kind: str) -> None:
    raw = envserver.make_vec(
        "xvnc.Desktop-v0",
        2,
        autoreset_mode="same_step",
        screen=(64, 48),
        fps=None,
        actions=policy,
    )
    envs = SB3VecEnv(raw)
    try:
        assert type(envs.action_space).__name__ == kind
        model = stable_baselines3.PPO(env=envs, n_steps=4, batch_size=4, n_epochs=1, **TINY)
        model.learn(16)
        assert model.num_timesteps == 16
    finally:
        envs.close()


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_a_list_of_events_is_no_action_of_sb3() -> None:
    options: dict[str, Any] = {"autoreset_mode": "same_step", "screen": (64, 48), "fps": None}
    with (
        envserver.make_vec("xvnc.Desktop-v0", 1, **options) as raw,
        pytest.raises(ValueError, match=r"EventSpace.*, Stable-Baselines3 knows Discrete, .*Combi"),
    ):
        SB3VecEnv(raw)
