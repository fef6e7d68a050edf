"""Rows of pixels for Python: for tests. Decoders make them in C."""

import numpy as np
from numpy.typing import NDArray

def paths() -> list[str]:
    """List the paths of this processor, the slowest first: "scalar", "sse2", "ssse3"."""

def expand_row(
    path: str,
    kind: str,
    source: bytes,
    target: NDArray[np.uint32],
    palette: bytes | None = None,
) -> int:
    """Make the pixels of one row.

    Args:
        kind: "rgb" or "bgr" (3 bytes a pixel), "index" or "gray" (1 byte), "packed4", "packed2"
            or "bits" (4, 2 and 1 bits, the leftmost highest), or "fill" (0x010203 times the
            first byte).
        source: as many bytes as the row needs.
        target: uint32, (width,), written.
        palette: R, G, B of each color.

    Returns:
        The greatest index, where a row has indices. One byte a pixel, nothing is written if it is
        beyond the palette; packed, such pixels are black.

    Raises:
        ValueError: the processor has no such path, or a size is wrong.
    """
