"""Rectangles as bytes: Raw, Zlib and Tight with fill, palette and JPEG.

One `Encoder` belongs to one viewer, because its zlib streams do. It is told what the viewer's
SetEncodings said, and uses the first real encoding there that it knows.
"""

import dataclasses
import io
import struct
import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from envserver.runtimes.gym_core.canvas import Canvas, View
from envserver.runtimes.gym_core.changes import Rect
from envserver.runtimes.gym_core.palette import Palette
from envserver.runtimes.gym_core.pixels import CANVAS_FORMAT, PixelFormat, luma, rgb

RAW, ZLIB, TIGHT = 0, 6, 7
CONTINUOUS_UPDATES, FENCE, TIMESTAMP = -313, -312, -1162760788
QUALITY_LEVELS = range(-32, -22)
COMPRESS_LEVELS = range(-256, -246)
FINE_QUALITY = range(-512, -411)
SUBSAMPLING = range(-768, -762)

HEADER = struct.Struct(">HHHHi")
TIGHT_MAX_WIDTH = 2048
TIGHT_MAX_AREA = 1 << 20
"""Pixels: three bytes of each must fit a compact length, 4 MiB, even where they do not compress."""
TIGHT_MIN_ZLIB = 12
DEFAULT_COMPRESS_LEVEL = 1
MIN_JPEG_SIDE = 8

_Kind = TypeVar("_Kind", bound=np.generic)

# Pillow's numbers: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0.
_SUBSAMPLINGS = {-768: 0, -767: 2, -766: 1, -765: None, -764: 2, -763: 2}
# Quality and subsampling of the coarse levels, as TigerVNC and TurboVNC mean them.
_LEVELS = (
    *((15, 2), (29, 2), (41, 2), (42, 1), (62, 1)),
    *((77, 1), (79, 0), (86, 0), (92, 0), (100, 0)),
)


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What a viewer's SetEncodings says."""

    encoding: int = RAW
    jpeg_quality: int | None = None
    subsampling: int = 2
    grey: bool = False
    compress_level: int = DEFAULT_COMPRESS_LEVEL
    fence: bool = False
    continuous_updates: bool = False
    timestamp: bool = False


def parse_encodings(encodings: Sequence[int]) -> Wishes:
    """Read a SetEncodings message's list; what it does not name is off."""
    encoding = next((each for each in encodings if each in (RAW, ZLIB, TIGHT)), RAW)
    quality, subsampling, grey = None, 2, False
    compress_level = DEFAULT_COMPRESS_LEVEL
    for each in encodings:
        if each in QUALITY_LEVELS:
            quality, subsampling = _LEVELS[each - QUALITY_LEVELS.start]
        elif each in COMPRESS_LEVELS:
            compress_level = each - COMPRESS_LEVELS.start
    for each in encodings:
        if each in FINE_QUALITY:
            quality = each - FINE_QUALITY.start
        elif each in SUBSAMPLING:
            wished = _SUBSAMPLINGS[each]
            grey = wished is None
            subsampling = 0 if wished is None else wished
    return Wishes(
        encoding=encoding,
        jpeg_quality=quality,
        subsampling=subsampling,
        grey=grey,
        compress_level=compress_level,
        fence=FENCE in encodings,
        continuous_updates=CONTINUOUS_UPDATES in encodings,
        timestamp=TIMESTAMP in encodings,
    )


class Encoder:
    """Encodes a canvas's rectangles for one viewer."""

    def __init__(self) -> None:
        self.wishes = Wishes()
        self.format: PixelFormat = CANVAS_FORMAT
        self._palette = Palette()
        self._zlib = _Deflater()
        self._tight = (_Deflater(), _Deflater(), _Deflater())

    def encode(self, canvas: Canvas, rect: Rect) -> list[bytes]:
        """One rectangle as one or more rectangles of the wire, each with its header."""
        if self.wishes.encoding == TIGHT:
            return [
                _header(piece, TIGHT) + self._tight_rect(view)
                for part in _parts(rect)
                for piece, view in canvas.views(part)
            ]
        pixels = canvas.pixels[rect.y : rect.bottom, rect.x : rect.right]
        raw = self.format.pixels(pixels)
        if self.wishes.encoding == ZLIB:
            packed = self._zlib.deflate(raw, self.wishes.compress_level)
            return [_header(rect, ZLIB) + struct.pack(">I", len(packed)) + packed]
        return [_header(rect, RAW) + raw]

    def _tight_rect(self, view: View) -> bytes:
        """(rfbproto, "Tight Encoding"): fill, palette, JPEG or all pixels."""
        indexed = self._palette.index(view.pixels)
        if indexed is not None:
            colours = luma(indexed.colours) if self.wishes.grey else indexed.colours
            if len(colours) == 1:
                return b"\x80" + self.format.tpixels(colours)
            indices = _enlarge(indexed.indices, view.scale)
            palette = bytes((1, len(colours) - 1)) + self.format.tpixels(colours)
            if len(colours) == 2:
                return b"\x50" + palette + self._basic(1, np.packbits(indices, axis=1).tobytes())
            return b"\x60" + palette + self._basic(2, indices.tobytes())
        pixels = _enlarge(view.pixels, view.scale)
        quality = self.wishes.jpeg_quality
        if quality is not None and self.format.bits >= 16 and min(pixels.shape) >= MIN_JPEG_SIDE:
            picture = self._jpeg(pixels, quality)
            return b"\x90" + _compact(len(picture)) + picture
        colours = luma(pixels) if self.wishes.grey else pixels
        return b"\x00" + self._basic(0, self.format.tpixels(colours))

    def _basic(self, stream: int, raw: bytes) -> bytes:
        if len(raw) < TIGHT_MIN_ZLIB:
            return raw
        packed = self._tight[stream].deflate(raw, self.wishes.compress_level)
        return _compact(len(packed)) + packed

    def _jpeg(self, pixels: NDArray[np.uint32], quality: int) -> bytes:
        image = Image.fromarray(np.ascontiguousarray(rgb(pixels)))
        made = io.BytesIO()
        if self.wishes.grey:
            image.convert("L").save(made, "JPEG", quality=quality)
        else:
            image.save(made, "JPEG", quality=quality, subsampling=self.wishes.subsampling)
        return made.getvalue()


class _Deflater:
    """One zlib stream of a connection, at the level of its first use: `zlib` cannot change it."""

    def __init__(self) -> None:
        self._stream: zlib._Compress | None = None

    def deflate(self, raw: bytes, level: int) -> bytes:
        if self._stream is None:
            self._stream = zlib.compressobj(level)
        return self._stream.compress(raw) + self._stream.flush(zlib.Z_SYNC_FLUSH)


def timestamp_rect(time_ns: int) -> bytes:
    """When the update was handed to the kernel, as a rectangle (ARCHITECTURE, "Time stamps")."""
    return struct.pack(">Qi", time_ns, TIMESTAMP)


def _header(rect: Rect, encoding: int) -> bytes:
    return HEADER.pack(*rect, encoding)


def _parts(rect: Rect) -> list[Rect]:
    if rect.width <= TIGHT_MAX_WIDTH and rect.width * rect.height <= TIGHT_MAX_AREA:
        return [rect]
    rows = TIGHT_MAX_AREA // TIGHT_MAX_WIDTH
    return [
        rect.intersection(Rect(x, y, TIGHT_MAX_WIDTH, rows))
        for y in range(rect.y, rect.bottom, rows)
        for x in range(rect.x, rect.right, TIGHT_MAX_WIDTH)
    ]


def _enlarge(pixels: NDArray[_Kind], scale: int) -> NDArray[_Kind]:
    if scale == 1:
        return pixels
    return np.repeat(np.repeat(pixels, scale, axis=1), scale, axis=0)


def _compact(length: int) -> bytes:
    if length < 1 << 7:
        return bytes((length,))
    if length < 1 << 14:
        return bytes((length & 127 | 128, length >> 7))
    return bytes((length & 127 | 128, length >> 7 & 127 | 128, length >> 14))
