"""What Python cannot reach through `RFBProtocol`: for tests."""

from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cython_vnc.protocol import RFBProtocol

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

class Rule(IntEnum):
    """Which library goes on, wherever a stream allows a change."""

    BY_COST = 0
    ZLIB_ONLY = 1
    ISAL_ONLY = 2

class Inflater:
    """One stream, header and all (RFC 1950).

    Args:
        rule: which library to use.
    """

    def __new__(cls, rule: Rule = ...) -> Self: ...
    @property
    def library(self) -> str:
        """Which library has the stream: "zlib", "zlib-ng" or "isal"."""

    def feed(self, data: bytes, room_bytes: int) -> tuple[int, bytes]:
        """Inflate what came.

        Args:
            data: what follows what was fed before.
            room_bytes: no more than that is inflated; it has to be at least 1.

        Returns:
            0, or what is wrong as `INFLATE_` in inflate.pxd has it; and the output.
        """

    def follow(self, rule: Rule) -> None:
        """Change the rule, from the next call on."""

    def reset(self) -> None:
        """Begin a new stream."""

def isal_there(name: str | None = None) -> bool:
    """Whether ISA-L can be used; by `name`, whether a library of that name is ISA-L."""

def decode_gray(protocol: RFBProtocol) -> None:
    """Decode JPEGs that come from now on to their luma.

    That is what gray of their colors would be, but where these leave the range of R, G and B.
    In `picture` they are gray, and so may be what is within 15 pixels of them.
    """

def decode_halves(protocol: RFBProtocol) -> None:
    """Decode JPEGs that come from now on at half their size.

    Each sample, which is nearly the mean of 2x2 pixels, takes their place. What takes more than
    a bit a pixel, or is less than 16 pixels wide or high, is decoded whole.
    """

def gray_picture(protocol: RFBProtocol) -> bytes:
    """Copy the levels of gray: (height, stride), where the rows of `picture` are as far apart.

    Raises:
        ValueError: without `decode_gray`.
    """
