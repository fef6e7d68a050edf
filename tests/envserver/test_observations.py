"""Cropped, resized and grey observations, as a trainer sees them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import cv2
import gymnasium
import numpy as np
import pytest
from fakes.bare import bare
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import MaxAndSkipObservation, ResizeObservation, TransformObservation

import envserver
from envserver.due import CHANGED
from envserver.vector_env import VectorEnv
from shm.layout import segment_bytes

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]
CROP = (0, 34, 160, 160)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def pong(opened: ExitStack, num_envs: int, **options: Any) -> VectorEnv:
    options = {"screen": "native", "clock": "step", **options}
    envs = envserver.make_vec("gym-core.Pong-v0", num_envs, **options)
    return opened.enter_context(envs)


def preprocessed(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """Gymnasium's wrappers for the same: grey and cut, the larger of two frames, smaller."""
    space = gymnasium.spaces.Box(0, 255, (160, 160), np.uint8)
    x, y, width, height = CROP

    def grey(picture: Any) -> Any:
        return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[y : y + height, x : x + width]

    return ResizeObservation(
        MaxAndSkipObservation(TransformObservation(env, grey, space)), (84, 60)
    )


def test_pong_as_atari_preprocessing_has_it(opened: ExitStack) -> None:
    ours = pong(
        opened, 2, frame_skip=4, max_pool=True, crop=CROP, size=(84, 60), color="gray", slots=3
    )
    theirs = bare("ALE/Pong-v5", 2, wrap=preprocessed)
    assert ours.observation_space == theirs.observation_space
    assert ours.single_observation_space.shape == (84, 60)
    mine, others = ours.reset(seed=3)[0], theirs.reset(seed=3)[0]
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        assert mine.shape == (2, 84, 60)
        assert mine.dtype == np.uint8
        assert np.abs(mine.astype(int) - others.astype(int)).max() <= 1
        seen.add(mine.tobytes())
        actions = random.integers(0, 6, 2)
        mine, rewards, *_ = ours.step(actions)
        others, expected, *_ = theirs.step(actions)
        assert np.array_equal(rewards, expected)
    assert len(seen) > 30
    theirs.close()


def test_memory_and_views_follow(opened: ExitStack) -> None:
    envs = pong(opened, 2, color="gray", size=(84, 84), slots=3, render_mode="rgb_array")
    assert os.fstat(envs.session.segment_fd).st_size == segment_bytes(2, 84, 84, 1, 3, 4096)
    envs.reset(seed=0)
    envs.send([0, 0])
    batch = envs.recv()
    kept = batch.copy()
    assert batch.observations.shape == kept.observations.shape == (2, 84, 84)
    assert not batch.observations.flags.writeable
    rendered = envs.render()
    assert rendered is not None
    assert [picture.shape for picture in rendered] == [(84, 84, 3)] * 2
    assert (rendered[1] == batch.observations[1][..., None]).all()
    for _ in range(2):
        assert batch.is_valid()
        envs.step([0, 0])
    envs.send([0, 0])
    assert not batch.is_valid()
    some = envs.recv(min_envs=1)
    assert some.observations.shape[1:] == (84, 84)
    if len(some.envs) < 2:
        envs.recv()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_final_observations_are_grey_too(opened: ExitStack, mode: AutoresetMode) -> None:
    envs = pong(
        opened, 1, color="gray", keep_dim=True, size=(30, 40), autoreset_mode=mode,
        max_episode_steps=3,
    )  # fmt: skip
    assert envs.observation_space.shape == (1, 30, 40, 1)
    envs.reset(seed=0)
    for _ in range(3):
        observations, _, _, truncated, infos = envs.step([0])
        assert observations.shape == (1, 30, 40, 1)
    assert truncated[0]
    if mode is AutoresetMode.SAME_STEP:
        assert infos["final_obs"][0].shape == (30, 40, 1)
        assert infos["final_obs"][0].any()


def test_changed_looks_at_what_is_shown(opened: ExitStack) -> None:
    """At the bottom of Pong's picture nothing ever moves."""
    envs = pong(opened, 1, clock="real", fps=None, crop=(0, 208, 160, 2), size=(1, 16))
    envs.reset(seed=0)
    envs.send([2], due=CHANGED(max_ms=5000, region=(0, 34, 160, 160)))
    envs.recv()
    envs.send([2], due=CHANGED(max_ms=300))
    batch = envs.recv()
    assert batch.records["published_ns"][0] >= batch.records["due_ns"][0]
    envs.send([2], due=CHANGED(max_ms=5000, region=(0, 34, 160, 160)))
    batch = envs.recv()
    assert batch.records["published_ns"][0] < batch.records["due_ns"][0]
