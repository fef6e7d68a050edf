"""PIXEL_FORMAT (RFC 6143 section 7.4)."""

import struct
from typing import NamedTuple

LAYOUT = struct.Struct(">BBBBHHHBBB3x")
PIXEL_FORMAT_BYTES = LAYOUT.size


class PixelFormat(NamedTuple):
    """How a server would send pixels. We ask for `BGRX`, so nothing here is computed with."""

    bits_per_pixel: int
    depth: int
    big_endian: bool
    true_colour: bool
    red_max: int
    green_max: int
    blue_max: int
    red_shift: int
    green_shift: int
    blue_shift: int

    @classmethod
    def unpack(cls, data: bytes) -> "PixelFormat":
        """From the 16 bytes on the wire. Any non-zero boolean is true: some servers send 0xff."""
        bits, depth, big, true, *rest = LAYOUT.unpack(data)
        return cls(bits, depth, bool(big), bool(true), *rest)

    def pack(self) -> bytes:
        return LAYOUT.pack(*self)


BGRX = PixelFormat(32, 24, False, True, 255, 255, 255, 16, 8, 0)
"""What the decoders expect; in memory B, G, R, and a byte of no meaning."""
