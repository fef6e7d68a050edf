"""The screen source of a worker that is not connected; the C face is source.pxd."""

from enum import IntEnum

class Parcel(IntEnum):
    """What goes between a worker's threads by EXCHANGE letters, one at a time."""

    OFFER = 1
    TEXT = 2
    SHAPE = 3

class ScreenSource:
    """No pixels, no descriptor; input is dropped."""

    def why(self) -> str:
        """Say how the source broke."""
