"""Paints rows from a framebuffer as the hot thread does: for tests and benchmarks."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

class Painter:
    """What a session's rows show, without a session.

    Args:
        width, height, channels: of a row.
        screen: Width and height of the session's screen; (): of the crop.
        crop: The part of it that is shown, (x, y, width, height); (): all.
        vectors: False: average by the path that any processor has.
        streams: Write long runs of RGB past the cache.

    Raises:
        ValueError: no such row can be made.
    """

    def __new__(
        cls,
        width: int,
        height: int,
        channels: int,
        screen: Sequence[int] = (),
        crop: Sequence[int] = (),
        vectors: bool = True,
        streams: bool = False,
    ) -> Self: ...
    def publish(
        self,
        pixels: NDArray[np.uint32],
        changed_at: NDArray[np.uint64],
        since: int,
        row: NDArray[np.uint8],
        width: int = 0,
        painted: Sequence[tuple[int, tuple[int, int, int, int]]] | None = None,
        levels: NDArray[np.uint8] | None = None,
    ) -> None:
        """Bring a row that shows frame `since` up to date.

        Args:
            pixels: (height, stride), R << 16 | G << 8 | B.
            changed_at: the newest frame that touched each tile of 16x16 pixels.
            since: what the row shows; 0: nothing.
            row: its bytes.
            width: of the framebuffer; 0: its stride.
            painted: Frame and rectangle (x, y, width, height) of all that was painted, in that
                order; `changed_at` is stamped with them too. None: `changed_at` alone knows.
            levels: (height, stride), what grey rows are made of instead of the pixels.

        Raises:
            ValueError: the sizes do not fit, levels are for a row in colour, or a rectangle leaves
                the picture.
        """
