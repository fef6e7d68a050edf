"""A screen source without a server, for benchmarks of the handover."""

from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.source import ScreenSource

PATCH_PX: int

_Counter = TypeVar("_Counter", int, NDArray[np.int64])

def patch_at(
    counter: _Counter, width: int, height: int, patch_width: int = ..., patch_height: int = ...
) -> tuple[_Counter, _Counter]:
    """Give the upper left corner, in pixels, of the patch drawn for `counter`, or for each."""

class SyntheticSource(ScreenSource):
    """Draws a patch a step, in the colour of a counter; always has a picture.

    It is a square of 64 pixels until a pointer event at x, y makes it x + 1 pixels wide and y + 1
    high.

    Raises:
        ValueError: a screen without a pixel.
    """

    def __new__(cls, width: int, height: int) -> Self: ...
