"""In step clock a vector of remotes is the bare environments, number by number."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fakes.bare import Skip, bare, same_reset, same_step, same_trajectory
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import MaxAndSkipObservation

import envserver
from envserver.vector_env import VectorEnv

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]

Make = Callable[..., VectorEnv]
BareMake = Callable[..., SyncVectorEnv]
MODES = list(AutoresetMode)


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[VectorEnv] = []

    def build(name: str, num_envs: int = 2, **options: Any) -> VectorEnv:
        options = {"vnc_kwargs": {"encoding": "raw"}, **options}
        made.append(envserver.make_vec(name, num_envs, clock="step", screen="native", **options))
        return made[-1]

    yield build
    for envs in made:
        envs.close()


@pytest.fixture
def make_bare() -> Iterator[BareMake]:
    made: list[SyncVectorEnv] = []

    def build(*arguments: Any, **options: Any) -> SyncVectorEnv:
        made.append(bare(*arguments, **options))
        return made[-1]

    yield build
    for envs in made:
        envs.close()


@pytest.mark.parametrize("mode", MODES)
def test_cartpole(make: Make, make_bare: BareMake, mode: AutoresetMode) -> None:
    ours = make("gym-core.CartPole-v1", 2, autoreset_mode=mode)
    theirs = make_bare("CartPole-v1", 2, mode)
    same_reset(ours, theirs, seed=7)
    assert same_trajectory(ours, theirs, 50) >= 3
    # Once more from a list of seeds, one of them left to the environment's own generator.
    same_reset(ours, theirs, seed=[3, None])
    assert same_trajectory(ours, theirs, 30, seed=1) >= 1
    # Only the second begins anew, in the midst of an episode of the first.
    same_reset(ours, theirs, seed=[0, 11], mask=np.array([False, True]))
    assert same_trajectory(ours, theirs, 30, seed=2) >= 1


@pytest.mark.parametrize("encoding", ["raw", "zlib", "tight"])
def test_pong(make: Make, make_bare: BareMake, encoding: str) -> None:
    lossless = {"encoding": encoding, "quality_level": -1}
    ours = make("gym-core.Pong-v0", 2, vnc_kwargs=lossless)
    theirs = make_bare("ALE/Pong-v5", 2)
    assert ours.single_observation_space.shape == (210, 160, 3)
    same_reset(ours, theirs, seed=5)
    same_trajectory(ours, theirs, 150)


@pytest.mark.parametrize("mode", MODES)
def test_breakout_whole_games(make: Make, make_bare: BareMake, mode: AutoresetMode) -> None:
    ours = make("gym-core.Breakout-v0", 1, autoreset_mode=mode, frame_skip=8)
    theirs = make_bare("ALE/Breakout-v5", 1, mode, wrap=lambda env: Skip(env, 8))
    same_reset(ours, theirs, seed=2)
    assert same_trajectory(ours, theirs, 220) >= 1


def test_frame_skip_with_max_pooling(make: Make, make_bare: BareMake) -> None:
    ours = make("gym-core.Pong-v0", 2, frame_skip=4, max_pool=True)
    theirs = make_bare("ALE/Pong-v5", 2, wrap=lambda env: MaxAndSkipObservation(env, 4))
    same_reset(ours, theirs, seed=9)
    same_trajectory(ours, theirs, 100)


def test_an_episode_that_ends_within_a_skip_shows_its_last_picture(
    make: Make, make_bare: BareMake
) -> None:
    # Gymnasium's wrapper shows there the maximum of two pictures of the step before.
    ours = make("gym-core.CartPole-v1", 1, frame_skip=4, max_pool=True)
    pooled = make_bare("CartPole-v1", 1, wrap=lambda env: MaxAndSkipObservation(env, 4))
    plain = make_bare("CartPole-v1", 1, wrap=lambda env: Skip(env, 4))
    for envs in (ours, pooled, plain):
        envs.reset(seed=1)
    early = 0
    random = np.random.default_rng(0)
    for _ in range(40):
        actions = random.integers(0, 2, 1)
        mine, of_pooled, of_plain = (envs.step(actions) for envs in (ours, pooled, plain))
        cut = 0 < plain.envs[0].get_wrapper_attr("made") < 4 and bool(of_plain[2][0])
        early += cut
        expected = of_plain if cut else of_pooled
        assert np.array_equal(mine[0], expected[0])
        same_step((of_pooled[0], *mine[1:]), of_pooled)
    assert early >= 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [1, 7])
def test_time_limit(make: Make, make_bare: BareMake, mode: AutoresetMode, limit: int) -> None:
    ours = make("gym-core.CartPole-v1", 2, autoreset_mode=mode, max_episode_steps=limit)
    theirs = make_bare("CartPole-v1", 2, mode, max_episode_steps=limit)
    same_reset(ours, theirs, seed=4)
    assert same_trajectory(ours, theirs, 30) >= 4


def test_time_limit_at_a_natural_end(make: Make, make_bare: BareMake) -> None:
    # With always the same action the pole falls after as many steps in each episode of a seed.
    theirs = make_bare("CartPole-v1", 1)
    theirs.reset(seed=0)
    length = 1
    while not theirs.step(np.ones(1, dtype=np.int64))[2][0]:
        length += 1
    ours = make("gym-core.CartPole-v1", 1, max_episode_steps=length)
    limited = make_bare("CartPole-v1", 1, max_episode_steps=length)
    for envs in (ours, limited):
        envs.reset(seed=0)
    for _ in range(length + 2):
        same_step(ours.step(np.ones(1, dtype=np.int64)), limited.step(np.ones(1, dtype=np.int64)))


def test_two_runs_of_one_seed_are_equal(make: Make) -> None:
    pictures: list[Any] = []
    for envs in (make("gym-core.Pong-v0", 2), make("gym-core.Pong-v0", 2)):
        random = np.random.default_rng(3)
        run = [envs.reset(seed=[8, 4])[0].copy()]
        run += [envs.step(random.integers(0, 6, 2))[0].copy() for _ in range(60)]
        pictures.append(np.stack(run))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0][:, 0], pictures[0][:, 1])


def test_jpeg_is_near(make: Make, make_bare: BareMake) -> None:
    ours = make("gym-core.Pong-v0", 1, vnc_kwargs={})
    theirs = make_bare("ALE/Pong-v5", 1)
    ours.reset(seed=5), theirs.reset(seed=5)
    random = np.random.default_rng(0)
    for _ in range(60):
        actions = random.integers(0, 6, 1)
        shown, rewards, *_ = ours.step(actions)
        drawn, expected, *_ = theirs.step(actions)
        assert np.array_equal(rewards, expected)
        assert np.abs(shown.astype(int) - drawn).mean() < 2


def test_a_screen_shows_the_picture_enlarged(make: Make, make_bare: BareMake) -> None:
    envs = envserver.make_vec(
        "gym-core.Pong-v0", 1, clock="step", screen=(640, 480), vnc_kwargs={"encoding": "raw"}
    )
    theirs = make_bare("ALE/Pong-v5", 1)
    try:
        envs.reset(seed=1), theirs.reset(seed=1)
        for action in (1, 2, 3, 0):
            shown = envs.step([action])[0][0]
            drawn = theirs.step([action])[0][0]
            assert any_place(shown, np.kron(drawn, np.ones((2, 2, 1), np.uint8)))
    finally:
        envs.close()


def any_place(picture: Any, part: Any) -> bool:
    """Whether `part` is somewhere in `picture`."""
    spare = picture.shape[0] - part.shape[0], picture.shape[1] - part.shape[1]
    return any(
        np.array_equal(picture[y : y + part.shape[0], x : x + part.shape[1]], part)
        for y in range(spare[0] + 1)
        for x in range(spare[1] + 1)
        if np.array_equal(picture[y, x : x + part.shape[1]], part[0])
    )
