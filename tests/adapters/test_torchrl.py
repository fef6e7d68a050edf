"""TorchRL over our environments: what a rollout holds, resets, specs, refusals."""

import warnings
from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import session_of, workers
from fakes.scripted_worker import picture
from gymnasium import spaces

pytest.importorskip("torchrl", reason="make frameworks")
import torch
from tensordict.nn import TensorDictModule
from torchrl.envs import (
    CatFrames,
    Compose,
    InitTracker,
    RewardSum,
    StepCounter,
    ToTensorImage,
    TransformedEnv,
)
from torchrl.envs.utils import check_env_specs

from envserver.adapters.torchrl import TorchRLEnv, _action_spec
from envserver.errors import ResetFailed


@pytest.mark.integration
@pytest.mark.parametrize("contiguous", [True, False])
def test_a_rollout_shows_each_step(numbered: Any, contiguous: bool) -> None:
    env = TorchRLEnv(numbered("disabled", slots=2))
    taken = env.rollout(10, return_contiguous=contiguous)
    before = numbers(torch.stack([taken[:, step]["pixels"] for step in range(10)]))
    after = numbers(torch.stack([taken[:, step]["next", "pixels"] for step in range(10)]))
    assert (before == before[0] + np.arange(10)[:, None]).all()
    assert (after == before + 1).all()


@pytest.mark.integration
def test_tensors_are_its_own(numbered: Any) -> None:
    raw = numbered("disabled", slots=2)
    env = TorchRLEnv(raw)
    first = env.reset()["pixels"]
    kept = first.clone()
    for _ in range(3):
        env.rand_step()
    assert (first == kept).all()
    assert not np.shares_memory(first.numpy(), raw.memory)
    first[:] = 0  # may be written


@pytest.mark.integration
def test_the_specs_hold(numbered: Any) -> None:
    check_env_specs(TorchRLEnv(numbered("disabled")), break_when_any_done="both")


def test_what_is_done_is_reset_alone(scripted: Any) -> None:
    raw = scripted(2, autoreset="disabled", reset=False)
    env = TorchRLEnv(raw)
    workers(raw)[0].plan("step", "done")
    workers(raw)[1].plan("step", "step", "truncate")
    taken = env.rollout(4, break_when_any_done=False)
    episode = raw.session.workers[0].episode - 1
    shown = taken["pixels"][..., 0, 0, 0].tolist()
    last = taken["next", "pixels"][..., 0, 0, 0].tolist()
    assert shown[0] == [picture(episode, 0), picture(episode, 1)] + [
        picture(episode + 1, step) for step in (0, 1)
    ]
    assert last[0][1] == picture(episode, 2)
    assert shown[1] == [picture(episode, step) for step in (0, 1, 2)] + [picture(episode + 1, 0)]
    terminated, truncated = taken["next", "terminated"], taken["next", "truncated"]
    assert terminated[..., 0].int().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert truncated[..., 0].int().tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]
    assert taken["next", "reward"].shape == (2, 4, 1)


def test_a_rollout_until_all_are_done(scripted: Any) -> None:
    raw = scripted(2, autoreset="disabled", reset=False)
    env = TorchRLEnv(raw)
    workers(raw)[0].plan("done")
    workers(raw)[1].plan("step", "step", "done")
    taken = env.rollout(10, break_when_any_done=False, break_when_all_done=True)
    assert taken["next", "done"][:, -1, 0].tolist() == [True, True]
    assert taken.shape[1] == 3
    episode = raw.session.workers[0].episode
    last = taken["next", "pixels"][..., 0, 0, 0].tolist()
    assert last == [[picture(episode, 1)] * 3, [picture(episode, step) for step in (1, 2, 3)]]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3),
        spaces.MultiDiscrete([3, 2, 5]),
        spaces.MultiBinary(4),
        spaces.Box(-1.0, 1.0, (2,), np.float32),
        spaces.Box(np.zeros(2, np.int32), np.array([3, 9], np.int32), dtype=np.int32),
    ],
    ids=str,
)
def test_actions_of_every_kind_are_of_the_space(space: Any) -> None:
    spec = _action_spec(space, 2)
    for _ in range(5):
        batch = spec.rand().numpy()
        assert batch.shape == (2, *space.shape)
        assert all(row.astype(space.dtype) in space for row in batch)


def test_actions_that_count_from_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="counts actions from 0"):
        _action_spec(spaces.Discrete(3, start=1), 2)


def test_tensors_are_where_they_were_asked_for(scripted: Any) -> None:
    env = TorchRLEnv(scripted(2, autoreset="disabled", reset=False), device="cpu", key="image")
    taken = env.rollout(2)
    assert taken.device == torch.device("cpu")
    assert taken["next", "image"].shape == (2, 2, 4, 8, 3)


def test_a_seed_holds_for_one_reset(scripted: Any, monkeypatch: Any) -> None:
    raw = scripted(2, autoreset="disabled", reset=False)
    asked: list[Any] = []
    reset = raw.reset

    def noted(**options: Any) -> Any:
        asked.append(options["seed"])
        return reset(**options)

    monkeypatch.setattr(raw, "reset", noted)
    env = TorchRLEnv(raw)
    env.set_seed(7)
    env.reset()
    env.reset()
    assert asked == [7, None]


class Noughts(torch.nn.Module):  # type: ignore[misc]
    """A policy that always chooses action 0."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.zeros(pixels.shape[:-3], dtype=torch.int64)


def policy() -> Any:
    return TensorDictModule(Noughts(), in_keys=["pixels"], out_keys=["action"])


@pytest.mark.integration
def test_a_collector_takes_each_step_once_and_closes_at_its_end(numbered: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of one part of TorchRL to another
        from torchrl.collectors import Collector

    raw = numbered("disabled", slots=2)
    env = TransformedEnv(TorchRLEnv(raw), InitTracker())
    collector = Collector(env, policy(), frames_per_batch=12, total_frames=36)
    taken = torch.cat([batch.clone() for batch in collector], 1)
    assert taken.shape == (2, 18)
    before = numbers(taken["pixels"].transpose(0, 1))
    assert (before == before[0] + np.arange(18)[:, None]).all()
    assert (numbers(taken["next", "pixels"].transpose(0, 1)) == before + 1).all()
    assert (taken["action"] == 0).all()
    assert raw.closed


def test_transforms_see_where_episodes_begin(scripted: Any) -> None:
    raw = scripted(2, autoreset="disabled", reset=False)
    workers(raw)[0].plan("step", "done")
    env = TransformedEnv(
        TorchRLEnv(raw),
        Compose(
            InitTracker(),
            StepCounter(),
            RewardSum(),
            ToTensorImage(),
            CatFrames(3, dim=-3, in_keys=["pixels"]),
        ),
    )
    check_env_specs(env)
    taken = env.rollout(4, policy(), break_when_any_done=False)
    assert taken["pixels"].shape == (2, 4, 9, 4, 8)
    assert taken["is_init"][..., 0].int().tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]


def test_a_reset_of_some_leaves_the_others_as_they_were(scripted: Any) -> None:
    raw = scripted(3, autoreset="disabled", reset=False)
    env = TorchRLEnv(raw)
    workers(raw)[0].plan("done")
    workers(raw)[1].plan("truncate")
    began = env.rand_step(env.reset())
    episode = raw.session.workers[2].episode
    after = began["next"].clone()
    after["_reset"] = torch.tensor([[True], [False], [False]])
    again = env.reset(after)
    assert again["pixels"][:, 0, 0, 0].tolist() == [
        picture(episode + 1, 0),
        picture(episode, 1),
        picture(episode, 1),
    ]
    assert again["done"][:, 0].tolist() == [False, True, False]
    assert again["terminated"][:, 0].tolist() == [False, False, False]
    assert again["truncated"][:, 0].tolist() == [False, True, False]


def test_what_it_is_to_torchrl(scripted: Any) -> None:
    env = TorchRLEnv(scripted(2, autoreset="disabled", reset=False))
    assert env.batch_locked
    assert env.batch_size == (2,)
    assert env.device is None
    assert not env.is_closed
    moved = env.to("cpu")
    assert moved.device == torch.device("cpu")
    assert moved.rollout(2, policy()).device == torch.device("cpu")
    env.close()
    env.close()
    assert env.is_closed


def test_a_reset_that_fails_for_one_is_one_clear_error(scripted: Any) -> None:
    raw = scripted(2, autoreset="disabled", reset=False, reset_timeout_s=0.1)
    workers(raw)[1].slow_resets = True
    env = TorchRLEnv(raw)
    with pytest.raises(ResetFailed, match="environment 1 began no new episode: "):
        env.reset()
    workers(raw)[1].slow_resets = False
    assert env.rollout(2, policy()).shape == (2, 2)


def test_a_step_without_an_action_is_refused(scripted: Any) -> None:
    env = TorchRLEnv(scripted(2, autoreset="disabled", reset=False))
    with pytest.raises(KeyError, match="action"):
        env.step(env.reset())


def test_words_that_a_reset_does_not_know_are_refused(scripted: Any) -> None:
    raw = scripted(2, autoreset="disabled", reset=False)
    env = TorchRLEnv(raw)
    with pytest.raises(TypeError, match="level"):
        env.reset(level=3)
    env.reset(seed=3, options={"level": 3})
    told = session_of(raw).sent_resets[-1][1]
    assert [each["seed"] for each in told.values()] == [3, 4]
    assert all(each["options"] == {"level": 3} for each in told.values())


def test_what_torchrl_cannot_use_is_refused(scripted: Any) -> None:
    with pytest.raises(ValueError, match="autoreset_mode is SAME_STEP, TorchRL expects DISABLED"):
        TorchRLEnv(scripted(2, autoreset="same_step", reset=False))
