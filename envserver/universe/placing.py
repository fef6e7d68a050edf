"""Where a program's picture is on the script's screen: where Universe had it.

Our gym-core and MiniWoB++ draw nothing but the game, which lies in the middle of an observation
that is larger. Universe showed an Atari game at its own size in the upper left corner, and a page
of World of Bits below the bars of a browser; scripts cut it out there, and click there.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envserver.universe.compiling import Events

Size = tuple[int, int]

CORNERS: Mapping[str, tuple[int, int]] = {"gym-core": (0, 0), "wob": (10, 75)}
"""Of Universe's families: x and y of the picture's upper left corner."""


class Placement:
    """One program's picture on the script's screen.

    Args:
        corner: x and y of its upper left corner there.
        size: Its width and height; in the session's rows it is in the middle.
        screen: Width and height of the rows, and of the script's screen.
    """

    def __init__(self, corner: tuple[int, int], size: Size, screen: Size) -> None:
        self._left, self._top = corner
        self._width = min(size[0], screen[0] - corner[0])
        self._height = min(size[1], screen[1] - corner[1])
        self._x = max(0, screen[0] - size[0]) // 2
        self._y = max(0, screen[1] - size[1]) // 2

    def picture(self, row: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the script sees; all around is black."""
        seen = np.zeros(row.shape, np.uint8)
        width, height = self._width, self._height
        seen[self._top : self._top + height, self._left : self._left + width] = row[
            self._y : self._y + height, self._x : self._x + width
        ]
        return seen

    def events(self, events: Events) -> Events:
        """The script's events as the session takes them."""
        right, down = self._x - self._left, self._y - self._top
        return [
            ("PointerEvent", event[1] + right, event[2] + down, event[3])
            if event[0] == "PointerEvent"
            else event
            for event in events
        ]


def placement(corner: tuple[int, int] | None, session: Any, screen: Size) -> Placement | None:
    """How to show what a session that is ready runs; None: as it comes."""
    if corner is None:
        return None
    if "frame" in session.describe:
        height, width = session.describe["frame"]
    elif isinstance(session.spec.screen, str | None):
        return None
    else:
        width, height = session.spec.screen
    return Placement(corner, (width, height), screen)
