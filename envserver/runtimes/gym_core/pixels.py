"""Pixel formats: canvas pixels (0x00RRGGBB) as a viewer wants them (RFC 6143 section 7.4)."""

import dataclasses
import struct

import numpy as np
from numpy.typing import NDArray

from envserver.runtimes.gym_core.errors import RfbError

FORMAT = struct.Struct(">BBBBHHHBBB3x")


@dataclasses.dataclass(frozen=True)
class PixelFormat:
    """A true-colour PIXEL_FORMAT.

    Raises:
        RfbError: bits a pixel, maxima or shifts that no pixel can have.
    """

    bits: int = 32
    depth: int = 24
    big_endian: bool = False
    maxima: tuple[int, int, int] = (255, 255, 255)
    shifts: tuple[int, int, int] = (16, 8, 0)

    def __post_init__(self) -> None:
        if self.bits not in (8, 16, 32):
            raise RfbError(f"pixel format of {self.bits} bits a pixel, expected 8, 16 or 32")
        for maximum, shift in zip(self.maxima, self.shifts, strict=True):
            if not maximum or maximum << shift >= 1 << self.bits:
                raise RfbError(f"colour of maximum {maximum} shifted by {shift} leaves the pixel")
        colours = [np.arange(256, dtype=np.uint32) * maximum for maximum in self.maxima]
        tables = [
            ((colour + 127) // 255 << np.uint32(shift)).astype(np.uint32)
            for colour, shift in zip(colours, self.shifts, strict=True)
        ]
        object.__setattr__(self, "_tables", tables)
        little = not self.big_endian
        native = little and (self.bits, self.maxima) == (32, (255, 255, 255))
        object.__setattr__(self, "_is_canvas", native and self.shifts == (16, 8, 0))
        order = "<" if little else ">"
        object.__setattr__(self, "_dtype", np.dtype(f"{order}u{self.bits // 8}"))

    @property
    def bytes_per_pixel(self) -> int:
        return self.bits // 8

    @property
    def has_tpixel(self) -> bool:
        """Tight sends three bytes R, G, B a pixel (rfbproto, "Tight Encoding", TPIXEL)."""
        return self.bits == 32 and self.depth == 24 and self.maxima == (255, 255, 255)

    def pack(self) -> bytes:
        """The 16 bytes of ServerInit."""
        return FORMAT.pack(self.bits, self.depth, self.big_endian, 1, *self.maxima, *self.shifts)

    def pixels(self, colours: NDArray[np.uint32]) -> bytes:
        """Canvas pixels as PIXELs, row by row."""
        if self._is_canvas:  # type: ignore[attr-defined]
            return colours.tobytes()
        red, green, blue = self._tables  # type: ignore[attr-defined]
        made = red[colours >> 16 & 255] | green[colours >> 8 & 255] | blue[colours & 255]
        return bytes(made.astype(self._dtype).tobytes())  # type: ignore[attr-defined]

    def tpixels(self, colours: NDArray[np.uint32]) -> bytes:
        """Canvas pixels as TPIXELs, row by row."""
        if not self.has_tpixel:
            return self.pixels(colours)
        return rgb(colours).tobytes()


CANVAS_FORMAT = PixelFormat()


def parse_pixel_format(data: bytes) -> PixelFormat:
    """The format that a SetPixelFormat asks for.

    Raises:
        RfbError: colour map, or an impossible format.
    """
    bits, depth, big_endian, true_colour, *rest = FORMAT.unpack(data)
    if not true_colour:
        raise RfbError("pixel format with a colour map, expected true colour")
    return PixelFormat(bits, depth, bool(big_endian), tuple(rest[:3]), tuple(rest[3:]))


def rgb(colours: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Canvas pixels as uint8 (..., 3)."""
    in_memory = np.ascontiguousarray(colours, dtype="<u4").view(np.uint8)
    channels: NDArray[np.uint8] = in_memory.reshape(*colours.shape, 4)
    return channels[..., 2::-1]


def luma(colours: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Canvas pixels as the grey that JPEG would make of them (JFIF)."""
    red, green, blue = colours >> 16 & 255, colours >> 8 & 255, colours & 255
    grey: NDArray[np.uint32] = (red * 299 + green * 587 + blue * 114 + 500) // 1000
    return grey * np.uint32(0x010101)
