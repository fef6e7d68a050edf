"""TorchRL over our environments: what a rollout holds, resets, specs, refusals."""

from typing import Any

import numpy as np
import pytest
from fakes.picture_numbers import numbers
from fakes.scripted_env import workers
from fakes.scripted_worker import picture
from gymnasium import spaces

pytest.importorskip("torchrl", reason="pip install 'envserver[torchrl]' torch==2.13.0")
import torch
from torchrl.envs.utils import check_env_specs

from envserver.adapters.torchrl import TorchRLEnv, _action_spec


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
    first_slot, second_slot = (raw._ring.pixels(slot) for slot in range(2))
    assert (first == kept).all()
    assert not np.shares_memory(first.numpy(), first_slot)
    assert not np.shares_memory(first.numpy(), second_slot)
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


def test_what_torchrl_cannot_use_is_refused(scripted: Any) -> None:
    with pytest.raises(ValueError, match="autoreset_mode is SAME_STEP, TorchRL expects DISABLED"):
        TorchRLEnv(scripted(2, autoreset="same_step", reset=False))
