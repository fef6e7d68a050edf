"""Pictures encoded as rectangles of RFB, by a random choice of all that is allowed for them.

One `RandomEncoder` is one connection: its zlib streams go on from rectangle to rectangle.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from reference.pictures import Picture
from reference.rfb_decoders import HEXTILE, RAW, RRE, TIGHT, ZLIB, ZRLE, tiles


def tpixel(pixel: int) -> bytes:
    return int(pixel).to_bytes(3, "big")


def cpixel(pixel: int) -> bytes:
    return int(pixel).to_bytes(3, "little")


def tpixels(picture: Picture) -> bytes:
    return b"".join(tpixel(pixel) for pixel in picture.ravel().tolist())


def compact(length: int) -> bytes:
    """Encode a length as Tight does."""
    if length < 128:
        return bytes([length])
    if length < 16384:
        return bytes([length & 127 | 128, length >> 7])
    return bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14])


def pack(indices: NDArray[np.intp], each: int) -> bytes:
    """Pack rows of indices of `each` bits, every row to whole bytes."""
    packed = b""
    for row in indices.tolist():
        text = "".join(f"{index:0{each}b}" for index in row)
        text += "0" * (-len(text) % 8)
        packed += int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return packed


def run_bytes(length: int) -> bytes:
    return b"\xff" * ((length - 1) // 255) + bytes([(length - 1) % 255])


def find_runs(pixels: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (pixel, length) in reading order."""
    start = 0
    for at in range(1, len(pixels) + 1):
        if at == len(pixels) or pixels[at] != pixels[start]:
            yield pixels[start], at - start
            start = at


def subrectangles(picture: Picture, background: int) -> list[tuple[int, int, int, int, int]]:
    """List (pixel, x, y, width, height) that paint `picture` over a background."""
    found = []
    left = picture != background
    height, width = picture.shape
    for y in range(height):
        for x in range(width):
            if not left[y, x]:
                continue
            same = (picture == picture[y, x]) & left
            size_x = size_y = 1
            while x + size_x < width and same[y, x + size_x]:
                size_x += 1
            while y + size_y < height and same[y + size_y, x : x + size_x].all():
                size_y += 1
            left[y : y + size_y, x : x + size_x] = False
            found.append((int(picture[y, x]), x, y, size_x, size_y))
    return found


class RandomEncoder:
    """Encodes pictures for one connection.

    Attributes:
        spoil: is given the bytes about to be deflated and returns what is deflated instead.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.streams = {name: zlib.compressobj(1) for name in (0, 1, 2, 3, ZLIB, ZRLE)}
        self.spoil: Callable[[bytes], bytes] = bytes

    def encode(self, encoding: int, picture: Picture) -> bytes:
        """Encode a picture as the payload of a rectangle."""
        method = {
            RAW: self.raw,
            RRE: self.rre,
            HEXTILE: self.hextile,
            ZLIB: self.zlib,
            TIGHT: self.tight,
            ZRLE: self.zrle,
        }[encoding]
        return method(picture)

    def deflate(self, name: int, plain: bytes) -> bytes:
        stream = self.streams[name]
        return stream.compress(self.spoil(plain)) + stream.flush(zlib.Z_SYNC_FLUSH)

    def pixel(self, pixel: int) -> bytes:
        # The fourth byte may be anything.
        return cpixel(pixel) + bytes([int(self.rng.integers(256))])

    def raw(self, picture: Picture) -> bytes:
        return b"".join(self.pixel(pixel) for pixel in picture.ravel().tolist())

    def rre(self, picture: Picture) -> bytes:
        background = int(self.rng.choice(picture.ravel())) if picture.size else 0
        parts = subrectangles(picture, background)
        if parts:
            # What is painted over does not show.
            parts.insert(0, (0xABCDEF, *parts[-1][1:]))
        encoded = [self.pixel(part[0]) + struct.pack(">4H", *part[1:]) for part in parts]
        return struct.pack(">I", len(parts)) + self.pixel(background) + b"".join(encoded)

    def hextile(self, picture: Picture) -> bytes:
        payload = b""
        known: dict[int, int] = {}
        for x, y, width, height in tiles(picture.shape[1], picture.shape[0], 16):
            payload += self.hextile_tile(picture[y : y + height, x : x + width], known)
        return payload

    def hextile_tile(self, tile: Picture, known: dict[int, int]) -> bytes:
        background = int(tile[0, 0]) if self.rng.random() < 0.5 else int(tile[-1, -1])
        parts = subrectangles(tile, background)
        if len(parts) > 255 or self.rng.random() < 0.1:
            # Beside the Raw bit, the others do not matter.
            return bytes([1 | int(self.rng.integers(128)) << 1]) + self.raw(tile)
        mask, colors = 0, b""
        if known.get(2) != background or self.rng.random() < 0.1:
            mask |= 2
            colors += self.pixel(background)
            known[2] = background
        several = len({part[0] for part in parts}) > 1 or (bool(parts) and self.rng.random() < 0.3)
        if parts and not several and (known.get(4) != parts[0][0] or self.rng.random() < 0.1):
            mask |= 4
            colors += self.pixel(parts[0][0])
            known[4] = parts[0][0]
        body = b""
        if parts:
            mask |= 8 | 16 * several
            body = bytes([len(parts)])
        for pixel, x, y, width, height in parts:
            body += self.pixel(pixel) if several else b""
            body += bytes([x << 4 | y, (width - 1) << 4 | height - 1])
        return bytes([mask]) + colors + body

    def zlib(self, picture: Picture) -> bytes:
        deflated = self.deflate(ZLIB, self.raw(picture))
        return struct.pack(">I", len(deflated)) + deflated

    def zrle(self, picture: Picture) -> bytes:
        plain = b""
        for x, y, width, height in tiles(picture.shape[1], picture.shape[0], 64):
            plain += self.zrle_tile(picture[y : y + height, x : x + width])
        deflated = self.deflate(ZRLE, plain)
        return struct.pack(">I", len(deflated)) + deflated

    def zrle_tile(self, tile: Picture) -> bytes:
        palette, indices = np.unique(tile, return_inverse=True)
        indices = indices.reshape(tile.shape)
        colors = len(palette)
        choices = [0, 128]
        if colors == 1:
            choices += [1] * 3
        if colors <= 16:
            # A palette may be larger than what is used of it.
            choices += [int(self.rng.integers(max(2, colors), 17)), max(2, colors)] * 2
        if colors <= 127:
            choices += [128 + int(self.rng.integers(max(2, colors), 128)), 128 + max(2, colors)] * 2
        subencoding = int(self.rng.choice(choices))
        head = bytes([subencoding])
        spare = subencoding % 128 - colors if subencoding not in (0, 1, 128) else 0
        entries = palette.tolist() + [0x123456] * spare
        table = b"".join(cpixel(entry) for entry in entries)
        if subencoding == 0:
            return head + b"".join(cpixel(pixel) for pixel in tile.ravel().tolist())
        if subencoding == 1:
            return head + cpixel(int(palette[0]))
        if subencoding <= 16:
            each = 1 if subencoding == 2 else 2 if subencoding <= 4 else 4
            return head + table + pack(indices, each)
        if subencoding == 128:
            pixels = tile.ravel().tolist()
            return head + b"".join(cpixel(p) + run_bytes(n) for p, n in self.split(pixels))
        body = b""
        for index, length in self.split(indices.ravel().tolist()):
            if length == 1 and self.rng.random() < 0.8:
                body += bytes([index])
            else:
                body += bytes([index | 128]) + run_bytes(length)
        return head + table + body

    def split(self, pixels: list[int]) -> Iterator[tuple[int, int]]:
        """Yield runs, now and then one in two parts."""
        for pixel, length in find_runs(pixels):
            if length > 1 and self.rng.random() < 0.1:
                first = int(self.rng.integers(1, length))
                yield pixel, first
                yield pixel, length - first
            else:
                yield pixel, length

    def tight(self, picture: Picture) -> bytes:
        palette, indices = np.unique(picture, return_inverse=True)
        choices = ["copy", "gradient"]
        if len(palette) == 1:
            choices += ["fill"] * 2
        if len(palette) <= 256:
            choices += ["palette"] * 4
        kind = str(self.rng.choice(choices))
        stream = int(self.rng.integers(4))
        control = self.tight_resets()
        if kind == "fill":
            return bytes([control | 0x80]) + tpixel(int(palette[0]))
        if kind == "palette":
            colors = max(2, len(palette))
            colors = int(self.rng.choice([colors, int(self.rng.integers(colors, 257))]))
            entries = palette.tolist() + [0x654321] * (colors - len(palette))
            indices = indices.reshape(picture.shape)
            plain = pack(indices, 1 if colors == 2 else 8)
            head = bytes([1, colors - 1]) + b"".join(tpixel(entry) for entry in entries)
        elif kind == "gradient":
            plain, head = self.gradient(picture), b"\x02"
        else:
            plain, head = tpixels(picture), b"\x00" if self.rng.random() < 0.5 else b""
        control |= stream << 4 | 0x40 * bool(head)
        if len(plain) < 12:
            return bytes([control]) + head + plain
        deflated = self.deflate(stream, plain)
        return bytes([control]) + head + compact(len(deflated)) + deflated

    def tight_resets(self) -> int:
        control = 0
        for stream in range(4):
            if self.rng.random() < 0.1:
                control |= 1 << stream
                self.streams[stream] = zlib.compressobj(1)
        return control

    def gradient(self, picture: Picture) -> bytes:
        height, width = picture.shape
        known = np.zeros((height + 1, width + 1, 3), int)
        for plane, shift in enumerate((16, 8, 0)):
            known[1:, 1:, plane] = picture >> shift & 255
        guess = known[:-1, 1:] + known[1:, :-1] - known[:-1, :-1]
        return bytes(((known[1:, 1:] - np.clip(guess, 0, 255)) % 256).ravel().tolist())
