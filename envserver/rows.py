"""Rows as a trainer sees them: the ring's pictures, without the one channel of grey."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.errors import RingClosed, SlotOverwritten
from shm.ring import Ring


class Rows:
    """Views of a ring's pictures in the shape of observations.

    Args:
        ring: Where they are, (height, width, channels) each.
        keep_dim: Leave grey pictures their last dimension.
    """

    def __init__(self, ring: Ring, keep_dim: bool = False) -> None:
        self.ring = ring
        height, width, channels = ring.pixels(0).shape[1:]
        self._flat = channels == 1 and not keep_dim
        self.shape: tuple[int, ...] = (height, width) if self._flat else (height, width, channels)

    def pixels(self, step: int) -> NDArray[np.uint8]:
        """Every environment's observation at a step, a view."""
        return self.cut(self.ring.pixels(step))

    def window(self, step: int, k: int) -> NDArray[np.uint8]:
        """Every environment's observations of the `k` steps that end with a step, a view."""
        return self.cut(self.ring.window(step, k))

    def spare(self, env: int) -> NDArray[np.uint8]:
        """An environment's final observation, a view."""
        return self.cut(self.ring.spare(env))

    def rgb(self, step: int, env: int) -> NDArray[np.uint8]:
        """A copy of one environment's picture at a step, (height, width, 3) whatever it shows."""
        picture: NDArray[np.uint8] = self.ring.pixels(step)[env]
        return picture.repeat(3 // picture.shape[-1], axis=-1)

    def memory(self) -> NDArray[np.uint8]:
        """All memory that pictures are in, as bytes: the mapping, which has the ring twice."""
        memory: Any = self.ring.pixels(0)
        while isinstance(memory, np.ndarray) and memory.base is not None:
            memory = memory.base
        return np.frombuffer(memory, np.uint8)

    def check(self, step: int, what: str) -> None:
        """Make sure that the pictures of a step, part of a `what`, are still there.

        Raises:
            SlotOverwritten: `slots` further steps were sent.
            RingClosed: the environment was closed, and nobody tells.
        """
        mend = f"copy a {what} that has to live longer"
        try:
            self.ring.check(step)
        except SlotOverwritten:
            raise SlotOverwritten(
                f"the frames of step {step} were overwritten: {mend},"
                " or make the environment with more slots"
            ) from None
        except RingClosed:
            raise RingClosed(f"the environment is closed: {mend}") from None

    def cut(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pictures of the ring in the shape of observations."""
        return pictures[..., 0] if self._flat else pictures
