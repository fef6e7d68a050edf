"""The wrappers that Universe called experimental, and an agent that acts at random."""

from typing import Any

from envserver.universe import vectorized
from envserver.universe.wrappers.acting import CropObservations, SafeActionSpace, SoftmaxClickMouse

__all__ = ["CropObservations", "RandomEnv", "SafeActionSpace", "SoftmaxClickMouse"]


class RandomEnv(vectorized.Wrapper):
    """Ignores the actions that it gets, and samples its own."""

    def _step(self, action: Any) -> Any:
        return self.env.step([self.action_space.sample() for _ in action])
