"""The numbers that pictures show."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers(pictures: Any) -> NDArray[np.int64]:
    """The counter in each picture of the synthetic screen, which is of one colour all over.

    Args:
        pictures: uint8 (..., 64, 64, 3), or channels first (..., 3, 64, 64).
    """
    pictures = np.asarray(pictures)
    if pictures.shape[-1] != 3:
        pictures = np.moveaxis(pictures, -3, -1)
    corner = pictures[..., 0, 0, :]
    assert (pictures == corner[..., None, None, :]).all(), "a picture of more than one step"
    found: NDArray[np.int64] = corner.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return found
