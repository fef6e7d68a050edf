"""A VNC server that sends anything that is allowed."""

import io

import numpy as np
from fakes.server_bytes import cursor, desktop_size, fence, rectangle, timestamp, update
from numpy.typing import NDArray
from PIL import Image
from reference.pictures import random_picture
from reference.rfb_decoders import HEXTILE, RAW, RRE, TIGHT, ZLIB, ZRLE
from reference.rfb_encoders import RandomEncoder, compact

from cython_vnc.constants import Encoding

POINTER = b"\x00\x00\xff\x00"


def jpeg(pixels: NDArray[np.uint32], mode: str = "RGB") -> bytes:
    """Pixels as a Tight payload."""
    buffer = io.BytesIO()
    channels = np.stack([pixels >> shift & 255 for shift in (16, 8, 0)], axis=2)
    Image.fromarray(channels.astype(np.uint8)).convert(mode).save(buffer, "JPEG", quality=60)
    encoded = buffer.getvalue()
    return b"\x90" + compact(len(encoded)) + encoded


def copy(x: int, y: int, width: int, height: int, source: tuple[int, int]) -> bytes:
    place = source[0].to_bytes(2, "big") + source[1].to_bytes(2, "big")
    return rectangle(x, y, width, height, Encoding.COPYRECT, place)


class RandomServer:
    """Updates of any rectangles, often large ones that hide what came before.

    Args:
        jpegs: Pillow's mode of theirs.
    """

    def __init__(self, seed: int, width: int, height: int, jpegs: str = "RGB") -> None:
        self.rng = np.random.default_rng(seed)
        self.encoder = RandomEncoder(self.rng)
        self.width, self.height = width, height
        self.jpegs = jpegs

    def place(self) -> tuple[int, int, int, int]:
        kind = self.rng.integers(4)
        if kind == 0:
            return 0, 0, self.width, self.height
        if kind == 1:
            half = self.width // 2
            return int(self.rng.integers(2)) * half, 0, half, self.height
        x, y = int(self.rng.integers(self.width)), int(self.rng.integers(self.height))
        width = int(self.rng.integers(0, self.width - x + 1))
        return x, y, width, int(self.rng.integers(0, self.height - y + 1))

    def rectangle(self) -> bytes:
        x, y, width, height = self.place()
        kind = self.rng.choice(["copy", "jpeg", "cursor", "time", "encoded", "encoded", "encoded"])
        if kind == "copy":
            source = (
                int(self.rng.integers(self.width - width + 1)),
                int(self.rng.integers(self.height - height + 1)),
            )
            return copy(x, y, width, height, source)
        if kind == "cursor":
            return cursor(1, 1, POINTER, b"\x80", (0, 0))
        if kind == "time":
            return timestamp(int(self.rng.integers(1 << 40)))
        width, height = max(min(width, 64), 1), max(min(height, 64), 1)
        x, y = min(x, self.width - width), min(y, self.height - height)
        pixels = random_picture(self.rng, width, height)
        if kind == "jpeg":
            return rectangle(x, y, width, height, TIGHT, jpeg(pixels, self.jpegs))
        encoding = int(self.rng.choice([RAW, RRE, HEXTILE, ZLIB, TIGHT, ZRLE]))
        if self.rng.random() < 0.3:
            x, y, width, height = 0, 0, self.width, self.height
            pixels = np.full((height, width), int(self.rng.integers(1 << 24)), np.uint32)
        return rectangle(x, y, width, height, encoding, self.encoder.encode(encoding, pixels))

    def resize(self) -> bytes:
        self.width, self.height = int(self.rng.integers(70, 200)), int(self.rng.integers(70, 120))
        return desktop_size(self.width, self.height)

    def update(self) -> bytes:
        parts = [self.rectangle() for _ in range(int(self.rng.integers(0, 4)))]
        if self.rng.random() < 0.1:
            parts += [self.resize(), self.rectangle()]
            if self.rng.random() < 0.5:
                # A size that is there and gone within one update.
                parts += [self.resize(), self.rectangle()]
        said = update(*parts)
        return said + fence(1 << 31 | 1, b"between") if self.rng.random() < 0.2 else said
