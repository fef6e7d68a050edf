"""A screen source without a server, for benchmarks of the handover."""

from typing import Self

from workers.source import ScreenSource

def square_at(counter: int, width: int, height: int, patch_px: int = 64) -> tuple[int, int]:
    """Give the upper left corner, in pixels, of the square drawn for `counter`."""

class SyntheticSource(ScreenSource):
    """Draws a `patch_px` square a step, in the colour of a counter; always has a picture.

    Raises:
        ValueError: the square does not fit.
    """

    def __new__(cls, width: int, height: int, patch_px: int = 64) -> Self: ...
