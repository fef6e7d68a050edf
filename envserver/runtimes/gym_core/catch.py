"""Catch: balls fall one after the other, and a paddle at the bottom catches them, or does not.

A game that is learned in minutes. A ball falls for 12 steps, in which the paddle gets from either
side to the other with two steps to spare: who sees a step late can still catch them all.
"""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 84
BALL_PX = 8
FALL_PX = 6
PADDLE_PX = (16, 6)
"""Width and height."""
STRIDE_PX = 8
BALL_COLOUR = (255, 255, 255)
PADDLE_COLOUR = (90, 200, 250)

_PADDLE_TOP = SIDE_PX - PADDLE_PX[1]
_MIDDLE = (SIDE_PX - PADDLE_PX[0]) // 2

Picture = NDArray[np.uint8]


class Catch(gymnasium.Env[Picture, int]):
    """Catch as many of `balls` as possible: 1 point each; the episode ends with the last one.

    Observations are the picture, uint8 (84, 84, 3). Actions: 0 nothing, 1 to the left, 2 to the
    right. All is decided by the seed and the actions.

    Args:
        render_mode: None or "rgb_array".
        balls: Of an episode.

    Raises:
        ValueError: there is another mode, or no ball.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, balls: int = 10) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is {render_mode!r}, expected None or 'rgb_array'")
        if isinstance(balls, bool) or not isinstance(balls, int) or balls < 1:
            raise ValueError(f"balls is {balls!r}, expected a whole number from 1")
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(3)  # type: ignore[assignment]
        self._balls = balls
        self._left = 0
        self._ball_x = self._ball_y = 0
        self._paddle_x = _MIDDLE

    def get_action_meanings(self) -> list[str]:
        """The actions' names, as Atari's: LEFT and RIGHT are those arrows."""
        return ["NOOP", "LEFT", "RIGHT"]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        """Begin with the paddle in the middle and a ball at the top."""
        super().reset(seed=seed)
        self._left = self._balls
        self._paddle_x = _MIDDLE
        self._drop()
        return self._picture(), {}

    def step(self, action: int) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        """Move the paddle, then the ball; what is caught or not makes way for the next ball."""
        stride = (0, -STRIDE_PX, STRIDE_PX)[action]
        self._paddle_x = min(max(self._paddle_x + stride, 0), SIDE_PX - PADDLE_PX[0])
        self._ball_y += FALL_PX
        if self._ball_y + BALL_PX < _PADDLE_TOP:
            return self._picture(), 0.0, False, False, {}
        caught = -BALL_PX < self._ball_x - self._paddle_x < PADDLE_PX[0]
        self._left -= 1
        if self._left:
            self._drop()
        return self._picture(), float(caught), not self._left, False, {}

    def render(self) -> Picture | None:
        """The picture, uint8 (84, 84, 3); None without a render_mode."""
        return None if self.render_mode is None else self._picture()

    def _drop(self) -> None:
        self._ball_x = int(self.np_random.integers(SIDE_PX - BALL_PX + 1))
        self._ball_y = 0

    def _picture(self) -> Picture:
        picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
        picture[_PADDLE_TOP:, self._paddle_x : self._paddle_x + PADDLE_PX[0]] = PADDLE_COLOUR
        x, y = self._ball_x, self._ball_y
        picture[y : y + BALL_PX, x : x + BALL_PX] = BALL_COLOUR
        return picture
