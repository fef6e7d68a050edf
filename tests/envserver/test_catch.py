"""Catch, our own game: bare, and through VNC."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

import envserver
from envserver.errors import StartError
from envserver.runtimes.gym_core import catch
from envserver.runtimes.gym_core.catch import Catch
from envserver.runtimes.gym_core.errors import EnvironmentFailed
from envserver.runtimes.gym_core.game import Game, gym_id, may_switch_to
from envserver.runtimes_file import session_fields

NOOP, LEFT, RIGHT = range(3)
BALL, PADDLE = 255, 90
"""Of red."""


def followed(red: NDArray[np.uint8]) -> int:
    """The action that brings the paddle's middle below the ball's."""
    ball = np.flatnonzero((red == BALL).any(axis=0))
    paddle = np.flatnonzero((red == PADDLE).any(axis=0))
    if not len(ball) or not len(paddle):
        return NOOP
    off = ball.mean() - paddle.mean()
    return NOOP if abs(off) <= catch.STRIDE_PX / 2 else RIGHT if off > 0 else LEFT


def episode(env: Catch, choose: Any, delay: int = 0, seed: int | None = None) -> tuple[float, int]:
    """Points and steps of an episode in which what is seen is `delay` steps old."""
    seen, _ = env.reset(seed=seed)
    pictures = [seen] * (delay + 1)
    points, steps, is_over = 0.0, 0, False
    while not is_over:
        seen, reward, is_over, truncated, _ = env.step(choose(pictures[0]))
        assert not truncated
        pictures = [*pictures[1:], seen]
        points, steps = points + reward, steps + 1
    return points, steps


def test_it_is_an_environment() -> None:
    env = gymnasium.make("Catch-v0", render_mode="rgb_array", disable_env_checker=True)
    check_env(env.unwrapped)


def test_its_name() -> None:
    assert gym_id("gym-core.Catch-v0") == "Catch-v0"
    assert may_switch_to("gym-core.Catch-v0")
    assert "env_id" in session_fields("gym-core.Catch-v0")
    assert "envserver/gym-core.Catch-v0" in gymnasium.registry


def test_it_is_played_with_two_arrows() -> None:
    described = Game("gym-core.Catch-v0").describe(30.0)
    assert described["keys"] == [[], ["Left"], ["Right"]]
    assert described["frame"] == [84, 84]
    assert described["max_episode_steps"] == 0


def test_who_sees_a_step_late_still_catches_all() -> None:
    env = Catch()
    env.reset(seed=1)
    for delay in (0, 1):
        got = [episode(env, lambda picture: followed(picture[:, :, 0]), delay) for _ in range(40)]
        assert got == [(10.0, 120)] * 40


def test_chance_catches_a_third_and_more_is_not_to_be_had_standing_still() -> None:
    env, dice = Catch(balls=1000), np.random.default_rng(3)
    at_random, _ = episode(env, lambda _: int(dice.integers(3)), seed=3)
    still, _ = episode(env, lambda _: NOOP, seed=4)
    assert 250 < at_random < 400
    assert 250 < still < 400


def test_the_seed_decides() -> None:
    def pictures(seed: int) -> list[bytes]:
        env = Catch(balls=3)
        first, _ = env.reset(seed=seed)
        return [first.tobytes()] + [env.step(step % 3)[0].tobytes() for step in range(36)]

    assert pictures(5) == pictures(5) != pictures(6)


@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_the_paddle_stays_on_the_picture(side: int) -> None:
    env = Catch(render_mode="rgb_array")
    env.reset(seed=2)
    for _ in range(20):
        env.step(side)  # the second ball is high up by then
    picture = env.render()
    assert picture is not None
    columns = np.flatnonzero((picture[:, :, 0] == PADDLE).any(axis=0))
    assert columns.tolist() == [*(range(16) if side == LEFT else range(84 - 16, 84))]


@pytest.mark.parametrize("balls", [0, True, 2.5, "3"])
def test_balls_are_a_number(balls: Any) -> None:
    with pytest.raises(EnvironmentFailed, match=r"balls is .*, expected a whole number from 1"):
        Game("gym-core.Catch-v0", {"balls": balls})


def test_another_render_mode() -> None:
    with pytest.raises(ValueError, match="render_mode is 'human', expected None or 'rgb_array'"):
        Catch(render_mode="human")


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_through_vnc_all_are_caught() -> None:
    envs = envserver.make_vec(
        "gym-core.Catch-v0",
        2,
        clock="step",
        screen="native",
        env_kwargs={"balls": 4},
        vnc_kwargs={"encoding": "raw"},
    )
    try:
        pictures, _ = envs.reset(seed=7)
        points = np.zeros(2)
        for step in range(48):
            pictures, rewards, terminated, _, _ = envs.step(
                [followed(picture[:, :, 0]) for picture in pictures]
            )
            points += rewards
            assert terminated.tolist() == [step == 47] * 2
        assert points.tolist() == [4.0, 4.0]
    finally:
        envs.close()


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_no_balls_are_refused_with_their_name() -> None:
    with pytest.raises((ValueError, StartError), match="balls is 0, expected a whole number from"):
        envserver.make_vec("gym-core.Catch-v0", screen="native", env_kwargs={"balls": 0})
