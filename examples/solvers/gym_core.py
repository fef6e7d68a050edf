"""Plays CartPole and Pong from their pictures, in step clock: one action, one frame.

The clock makes it fast and the same each time. Pong is asked not to repeat actions at random
(`repeat_action_probability`): with that, this player wins about as many points as it loses. What
belongs to what is told by the red of its pixels.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from examples.solvers.playing import Picture, Task


class CartPole:
    """Pushes the cart to the side to which the pole leans, or is about to.

    Speeds are differences of pictures, smoothed, since what is drawn lies on whole pixels.
    """

    DARKEST_POLE, LIGHTEST_POLE, LIGHTEST_CART = 185, 220, 60
    SMOOTHING = 0.5

    def __init__(self) -> None:
        self.before: NDArray[np.float64] | None = None
        self.speeds = np.zeros(2)

    def act(self, picture: Picture, goal: str) -> int:
        seen = np.array([self.place(picture), self.lean(picture)])
        if self.before is not None:
            self.speeds += self.SMOOTHING * (seen - self.before - self.speeds)
        self.before = seen
        place, lean = seen
        place_speed, lean_speed = self.speeds
        return int(lean + 10 * lean_speed + 0.02 * place + 2 * place_speed > 0)

    def place(self, picture: Picture) -> float:
        """Of the black cart, from the middle; in units of the game, from -2.4 to 2.4."""
        columns = np.flatnonzero((picture[:, :, 0] < self.LIGHTEST_CART).sum(axis=0) > 8)
        width = picture.shape[1]
        return float(columns.mean() - width / 2) / (width / 4.8) if len(columns) else 0.0

    def lean(self, picture: Picture) -> float:
        """How far the pole goes to the right for each pixel upwards."""
        red = picture[:, :, 0]
        ys, xs = np.nonzero((red > self.DARKEST_POLE) & (red < self.LIGHTEST_POLE))
        if len(ys) < 2:
            return 0.0
        up = ys.mean() - ys
        return float((xs * up).mean() / (up * up).mean())


class Pong:
    """Takes the ball with the upper half of the paddle: that sends it up, and the end steeply.

    The paddle runs on after its key is released; how far shows in how fast it is.
    """

    BALL, PADDLE = 236, 92
    TOP, BOTTOM = 34, 194
    COURT_LEFT, COURT_RIGHT = 20, 140
    BALL_TOP, BALL_BOTTOM = 1.5, 157.5
    """Between which the ball's middle flies, from TOP."""
    BELOW = 9.0
    """How far the paddle's middle is to be below the ball."""
    NEAR = 3.0
    STEP = 5.7
    """How far one step of holding a key moves it in the end."""
    MIDDLE = 80.0
    STAY, UP, DOWN = 0, 2, 3

    def __init__(self) -> None:
        self.wanted = self.MIDDLE
        self.ball: tuple[float, float] | None = None
        self.paddles: deque[float] = deque(maxlen=3)
        self.sent = deque([0, 0], maxlen=2)

    def act(self, picture: Picture, goal: str) -> int:
        court = picture[self.TOP : self.BOTTOM, :, 0]
        rows = np.flatnonzero(court[:, self.COURT_RIGHT] == self.PADDLE)
        self.follow(court)
        if not len(rows):
            return self.STAY
        self.paddles.append(float(rows[0] + rows[-1]) / 2)
        rest = 2 * self.paddles[-1] - self.paddles[0] + self.STEP * sum(self.sent)
        off = self.wanted - rest
        direction = 0 if abs(off) < self.NEAR else 1 if off > 0 else -1
        self.sent.append(direction)
        return (self.STAY, self.DOWN, self.UP)[direction]

    def follow(self, court: Picture) -> None:
        """Look for the ball; `wanted` is where the paddle is to be when it comes."""
        before, self.ball = self.ball, None
        ys, xs = np.nonzero(court[:, self.COURT_LEFT : self.COURT_RIGHT] == self.BALL)
        if not len(ys):
            self.wanted = self.MIDDLE
            return
        x, y = self.ball = float(xs.mean()) + self.COURT_LEFT, float(ys.mean())
        if before is None or x < before[0]:
            self.wanted = self.MIDDLE
        elif x > before[0] and self.BALL_TOP < y < self.BALL_BOTTOM:
            arrives = y + (y - before[1]) * (self.COURT_RIGHT - x) / (x - before[0])
            self.wanted = self.mirrored(arrives) + self.BELOW

    def mirrored(self, y: float) -> float:
        """Where the ball is that would be at `y` if there were no walls."""
        span = self.BALL_BOTTOM - self.BALL_TOP
        folded = (y - self.BALL_TOP) % (2 * span)
        return min(folded, 2 * span - folded) + self.BALL_TOP


STEP_CLOCK = {"clock": "step", "screen": "native", "vnc_kwargs": {"encoding": "raw"}}
"""Pictures as they are drawn: of their own size, without losses."""
TASKS = {
    "gym-core.CartPole-v1": Task(
        "gym-core.CartPole-v1", CartPole, full=500.0, max_steps=500, options=STEP_CLOCK
    ),
    "gym-core.Pong-v0": Task(
        "gym-core.Pong-v0",
        Pong,
        full=21.0,
        max_steps=20_000,
        options={**STEP_CLOCK, "env_kwargs": {"repeat_action_probability": 0.0}},
    ),
}
