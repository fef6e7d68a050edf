"""The space of many pictures."""

import gymnasium
import numpy as np


class PictureSpace(gymnasium.spaces.Box):
    """`Box(0, 255, shape, np.uint8)` whose bounds take no memory.

    A Box has four arrays of its shape: 3.2 GB for 256 screens of 1024x768, and seconds to fill.
    Here they are read-only views of one value each.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(0, 255, (1,) * len(shape), np.uint8)
        self._shape = shape
        self.low = np.broadcast_to(np.uint8(0), shape)
        self.high = np.broadcast_to(np.uint8(255), shape)
        self.bounded_below = self.bounded_above = np.broadcast_to(np.True_, shape)
        self.low_repr, self.high_repr = "0", "255"
