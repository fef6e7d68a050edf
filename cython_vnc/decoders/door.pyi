"""The decoders for Python: one rectangle at a time, outside a connection."""

import numpy as np
from numpy.typing import NDArray

class DecoderState:
    """What the decoders of one connection remember: zlib streams, JPEG decompressor, scratch."""

def measure_rectangle(
    encoding: int,
    rect: tuple[int, int, int, int],
    buffered: bytes,
    state: DecoderState | None = None,
) -> int | None:
    """Say how many of the buffered bytes are the payload of a rectangle.

    Args:
        encoding: its number in the rectangle's header, as 7 for Tight.
        rect: x, y, width, height.
        buffered: what follows the rectangle's header, as far as it came.
        state: of the connection. Hextile goes on where it stopped, if the same rectangle is
            asked about again with more bytes.

    Returns:
        The payload's size, or None if it goes on beyond `buffered`.

    Raises:
        DecodeError: no payload can begin like that.
        ValueError: the encoding is not one of pixels known here.
    """

def decode_rectangle(
    encoding: int,
    rect: tuple[int, int, int, int],
    payload: bytes,
    pixels: NDArray[np.uint32],
    state: DecoderState | None = None,
) -> None:
    """Paint one rectangle.

    Args:
        encoding: its number in the rectangle's header.
        rect: x, y, width, height, inside `pixels`.
        payload: all that belongs to the rectangle, and nothing else.
        pixels: uint32, (height, width), each R << 16 | G << 8 | B; the upper eight bits do not
            matter. Rows may be apart, pixels in a row may not.
        state: of the connection; without one, the zlib streams begin with this rectangle.

    Raises:
        DecodeError: the payload is not right. Any part of the rectangle may have been painted,
            nothing outside it has.
        ValueError: an argument is wrong.
    """
