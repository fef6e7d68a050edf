"""Rectangles of RFB decoded slowly and obviously, as the specifications tell it.

RFC 6143 section 7.7 for Raw, CopyRect, RRE, Hextile and ZRLE; rfbproto for Zlib and Tight.
Pixels are R << 16 | G << 8 | B; on the wire a PIXEL is B, G, R, X, a CPIXEL B, G, R
and a TPIXEL R, G, B. Trusts its input.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image
from reference.pictures import Picture, join

Rect = tuple[int, int, int, int]

RAW, COPYRECT, RRE, HEXTILE, ZLIB, TIGHT, ZRLE = 0, 1, 2, 5, 6, 7, 16


class Reader:
    """Takes fields off bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        assert self.at + size <= len(self.data), "the payload is cut short"
        self.at += size
        return self.data[self.at - size : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def pixel(self) -> int:
        return int.from_bytes(self.take(4), "little") & 0xFFFFFF

    def cpixel(self) -> int:
        return int.from_bytes(self.take(3), "little")

    def tpixel(self) -> int:
        return int.from_bytes(self.take(3), "big")

    def compact(self) -> int:
        first = self.u8()
        if first < 128:
            return first
        second = self.u8()
        if second < 128:
            return first - 128 | second << 7
        return first - 128 | second - 128 << 7 | self.u8() << 14


def tiles(width: int, height: int, size: int) -> Iterator[Rect]:
    for y in range(0, height, size):
        for x in range(0, width, size):
            yield x, y, min(size, width - x), min(size, height - y)


def bits(row: bytes, width: int, each: int) -> list[int]:
    """Unpack numbers of 1, 2, 4 or 8 bits, the first in the highest bits."""
    text = "".join(f"{byte:08b}" for byte in row)
    return [int(text[i * each : (i + 1) * each], 2) for i in range(width)]


class ReferenceDecoder:
    """What one connection remembers, and a method for each encoding.

    Each method returns the picture of one rectangle.
    """

    def __init__(self) -> None:
        self.streams = {name: zlib.decompressobj() for name in (0, 1, 2, 3, ZLIB, ZRLE)}

    def decode(self, encoding: int, rect: Rect, payload: bytes, pixels: Picture) -> None:
        """Paint one rectangle into `pixels`."""
        x, y, width, height = rect
        reader = Reader(payload)
        if encoding == COPYRECT:
            source_x, source_y = reader.u16(), reader.u16()
            part = pixels[source_y : source_y + height, source_x : source_x + width].copy()
        else:
            method = {
                RAW: self.raw,
                RRE: self.rre,
                HEXTILE: self.hextile,
                ZLIB: self.zlib,
                TIGHT: self.tight,
                ZRLE: self.zrle,
            }[encoding]
            part = method(reader, width, height)
        assert reader.at == len(payload), "bytes are left over"
        pixels[y : y + height, x : x + width] = part

    def raw(self, reader: Reader, width: int, height: int) -> Picture:
        pixels = [reader.pixel() for _ in range(width * height)]
        return np.array(pixels, np.uint32).reshape(height, width)

    def rre(self, reader: Reader, width: int, height: int) -> Picture:
        count, background = reader.u32(), reader.pixel()
        part = np.full((height, width), background, np.uint32)
        for _ in range(count):
            pixel = reader.pixel()
            x, y, size_x, size_y = (reader.u16() for _ in range(4))
            part[y : y + size_y, x : x + size_x] = pixel
        return part

    def hextile(self, reader: Reader, width: int, height: int) -> Picture:
        part = np.zeros((height, width), np.uint32)
        background = foreground = 0
        for x, y, size_x, size_y in tiles(width, height, 16):
            tile = part[y : y + size_y, x : x + size_x]
            mask = reader.u8()
            if mask & 1:
                tile[:] = self.raw(reader, size_x, size_y)
                continue
            if mask & 2:
                background = reader.pixel()
            if mask & 4:
                foreground = reader.pixel()
            tile[:] = background
            for _ in range(reader.u8() if mask & 8 else 0):
                pixel = reader.pixel() if mask & 16 else foreground
                place, size = reader.u8(), reader.u8()
                left, top = place >> 4, place & 15
                tile[top : top + (size & 15) + 1, left : left + (size >> 4) + 1] = pixel
        return part

    def zlib(self, reader: Reader, width: int, height: int) -> Picture:
        inflated = Reader(self.streams[ZLIB].decompress(reader.take(reader.u32())))
        part = self.raw(inflated, width, height)
        assert inflated.at == len(inflated.data)
        return part

    def zrle(self, reader: Reader, width: int, height: int) -> Picture:
        inflated = Reader(self.streams[ZRLE].decompress(reader.take(reader.u32())))
        part = np.zeros((height, width), np.uint32)
        for x, y, size_x, size_y in tiles(width, height, 64):
            part[y : y + size_y, x : x + size_x] = self.zrle_tile(inflated, size_x, size_y)
        assert inflated.at == len(inflated.data)
        return part

    def zrle_tile(self, reader: Reader, width: int, height: int) -> Picture:
        subencoding = reader.u8()
        pixels: list[int] = []
        if subencoding == 0:
            pixels = [reader.cpixel() for _ in range(width * height)]
        elif subencoding == 1:
            pixels = [reader.cpixel()] * (width * height)
        elif 2 <= subencoding <= 16:
            palette = [reader.cpixel() for _ in range(subencoding)]
            each = 1 if subencoding == 2 else 2 if subencoding <= 4 else 4
            for _ in range(height):
                row = reader.take((width * each + 7) // 8)
                pixels += [palette[index] for index in bits(row, width, each)]
        elif subencoding == 128:
            while len(pixels) < width * height:
                pixels += [reader.cpixel()] * self.run_length(reader)
        else:
            assert subencoding >= 130
            palette = [reader.cpixel() for _ in range(subencoding - 128)]
            while len(pixels) < width * height:
                index = reader.u8()
                run = self.run_length(reader) if index >= 128 else 1
                pixels += [palette[index % 128]] * run
        return np.array(pixels, np.uint32).reshape(height, width)

    def run_length(self, reader: Reader) -> int:
        length = 1
        while (byte := reader.u8()) == 255:
            length += 255
        return length + byte

    def tight(self, reader: Reader, width: int, height: int) -> Picture:
        control = reader.u8()
        for stream in range(4):
            if control >> stream & 1:
                self.streams[stream] = zlib.decompressobj()
        if control >> 4 == 8:
            return np.full((height, width), reader.tpixel(), np.uint32)
        if control >> 4 == 9:
            image = Image.open(io.BytesIO(reader.take(reader.compact()))).convert("RGB")
            return join(*np.moveaxis(np.asarray(image), 2, 0))
        assert control < 128
        filter_id = reader.u8() if control & 64 else 0
        palette = []
        row_bytes = 3 * width
        if filter_id == 1:
            palette = [reader.tpixel() for _ in range(reader.u8() + 1)]
            row_bytes = (width + 7) // 8 if len(palette) == 2 else width
        size = row_bytes * height
        if size < 12:
            plain = reader.take(size)
        else:
            plain = self.streams[control >> 4 & 3].decompress(reader.take(reader.compact()))
        rows = Reader(plain)
        part: Picture
        if filter_id == 1:
            each = 1 if len(palette) == 2 else 8
            indices = [bits(rows.take(row_bytes), width, each) for _ in range(height)]
            colors = np.array(palette, np.uint32)
            part = colors[np.array(indices, int).reshape(height, width)]
        elif filter_id == 2:
            part = self.gradient(rows, width, height)
        else:
            pixels = [rows.tpixel() for _ in range(width * height)]
            part = np.array(pixels, np.uint32).reshape(height, width)
        assert rows.at == len(plain)
        return part

    def gradient(self, reader: Reader, width: int, height: int) -> Picture:
        # Around the rectangle everything is black.
        known = np.zeros((height + 1, width + 1, 3), int)
        for y in range(1, height + 1):
            for x in range(1, width + 1):
                guess = known[y - 1, x] + known[y, x - 1] - known[y - 1, x - 1]
                sent = struct.unpack("3B", reader.take(3))
                known[y, x] = (np.clip(guess, 0, 255) + sent) % 256
        return join(*np.moveaxis(known[1:, 1:], 2, 0))
