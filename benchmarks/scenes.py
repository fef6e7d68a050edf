"""Small X programs to look at: `DISPLAY=:1 python -m benchmarks.scenes invert | game | video`.

`invert` turns the whole screen from black to white and back at each key, as fast as it can.
`game` moves a paddle and a ball 60 times a second, and two dozen invaders now and then, as a
light 2-D game does. `video` shows another part of a large photograph 60 times a second: every
pixel changes. They speak to the X server by themselves, so that next to no processor time is
theirs.
"""

import argparse
import struct
import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import run
from envserver.rewarder.x11 import KEY_PRESS, XDisplay

FPS = 60.0
BLACK, WHITE = 0x000000, 0xFFFFFF
BACKGROUND_PIXEL, OVERRIDE_REDIRECT, EVENT_MASK = 0x2, 0x200, 0x800
KEY_PRESS_MASK = 1
STRIP_BYTES = 200_000
MARCH_FRAMES = 16
Rectangle = tuple[int, int, int, int]
"""x, y, width, height"""


class Canvas(XDisplay):
    """A window over the whole screen that gets the keys, drawn by the server (X11, "Requests")."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.height = self.size()
        extension = self._ask(struct.pack("<BBHHxx", 98, 0, 4, 7) + b"XC-MISC\0")
        assert extension[8], "the X server has no XC-MISC extension"
        # GetXIDRange: numbers for what we make.
        reply = self._ask(struct.pack("<BBH", extension[9], 1, 1))
        self._next_id: int = struct.unpack_from("<I", reply, 8)[0]
        self.window = self._new_id()
        mask = BACKGROUND_PIXEL | OVERRIDE_REDIRECT | EVENT_MASK
        head = struct.pack("<BBHII", 1, 0, 11, self.window, self._root)
        place = struct.pack("<hhHHHHI", 0, 0, self.width, self.height, 0, 1, 0)
        self._send(head + place + struct.pack("<IIII", mask, BLACK, 1, KEY_PRESS_MASK))
        self._send(struct.pack("<BBHI", 8, 0, 2, self.window))
        self._send(struct.pack("<BBHII", 42, 1, 3, self.window, 0))
        self.pen = self._new_id()
        self._send(struct.pack("<BBHIII", 55, 0, 4, self.pen, self.window, 0))
        self._synchronise()

    def wait_key(self) -> None:
        """Sleep until a key is pressed."""
        while self._read(32)[0] & 0x7F != KEY_PRESS:
            pass

    def clear(self, colour: int) -> None:
        """Give the whole window one colour."""
        change = struct.pack("<BBHIII", 2, 0, 4, self.window, BACKGROUND_PIXEL, colour)
        self._send(change + struct.pack("<BBHIhhHH", 61, 0, 4, self.window, 0, 0, 0, 0))

    def fill(self, colour: int, rectangles: Iterable[Rectangle]) -> bytes:
        """The requests that fill rectangles; `draw` sends them."""
        packed = b"".join(struct.pack("<hhHH", *each) for each in rectangles)
        pen = struct.pack("<BBHIII", 56, 0, 4, self.pen, 0x4, colour)
        head = struct.pack("<BBHII", 70, 0, 3 + len(packed) // 4, self.window, self.pen)
        return pen + head + packed

    def draw(self, *requests: bytes) -> None:
        self._send(b"".join(requests))

    def picture(self, pixels: NDArray[np.uint8]) -> int:
        """Keep a picture, (height, width, 4), B, G, R, X, in the server; its number."""
        height, width = pixels.shape[:2]
        pixmap = self._new_id()
        self._send(struct.pack("<BBHIIHH", 53, 24, 4, pixmap, self.window, width, height))
        rows = STRIP_BYTES // (4 * width)
        for y in range(0, height, rows):
            strip = pixels[y : y + rows].tobytes()
            count = min(rows, height - y)
            head = struct.pack("<BBHII", 72, 2, 6 + len(strip) // 4, pixmap, self.pen)
            self._send(head + struct.pack("<HHhhBBxx", width, count, 0, y, 0, 24) + strip)
        self._synchronise()
        return pixmap

    def show(self, pixmap: int, x: int, y: int) -> None:
        """Show the part of a kept picture that begins at x, y."""
        head = struct.pack("<BBHIII", 62, 0, 7, pixmap, self.window, self.pen)
        self._send(head + struct.pack("<hhhhHH", x, y, 0, 0, self.width, self.height))

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id


class Clock:
    """Sleeps from frame to frame; frames that were missed are left out."""

    def __init__(self, fps: float = FPS) -> None:
        self._period_s = 1 / fps
        self._began_s = time.monotonic()
        self.frame = 0

    def tick(self) -> None:
        passed = int((time.monotonic() - self._began_s) / self._period_s)
        self.frame = max(self.frame, passed) + 1
        time.sleep(max(0.0, self._began_s + self.frame * self._period_s - time.monotonic()))


def bounce(steps: int, span: int) -> int:
    """A place that goes from 0 to span and back."""
    return span - abs(steps % (2 * span) - span)


def overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles have pixels in common."""
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def invert(canvas: Canvas) -> None:
    colour = BLACK
    while True:
        canvas.wait_key()
        colour ^= WHITE
        canvas.clear(colour)


def game(canvas: Canvas) -> None:
    stars = np.random.default_rng(1).integers(0, (canvas.width, canvas.height), (300, 2))
    sky = [(int(x), int(y), 2, 2) for x, y in stars]
    canvas.draw(canvas.fill(0x404060, sky))
    clock, marched = Clock(), -1
    moved, marching, score = list[Rectangle](), list[Rectangle](), list[Rectangle]()
    while True:
        clock.tick()
        frame = clock.frame
        gone = moved
        drawn = [each for each in marching + score if overlap(each, moved[0])]
        if frame // MARCH_FRAMES != marched:
            marched = frame // MARCH_FRAMES
            left, down = bounce(8 * marched, 300), 40 + bounce(marched, 200)
            gone = gone + marching + score
            marching = [
                (60 + left + 70 * column, down + 50 * row, 32, 24)
                for row in range(3)
                for column in range(8)
            ]
            score = [(20 + 14 * bit, 10, 10, 16) for bit in range(16) if marched >> bit & 1]
            drawn = marching + score
        ball = [
            (bounce(7 * frame, canvas.width - 12), bounce(5 * frame, canvas.height - 12), 12, 12)
        ]
        paddle = [(bounce(6 * frame, canvas.width - 90), canvas.height - 40, 90, 14)]
        canvas.draw(
            canvas.fill(BLACK, gone),
            canvas.fill(0x30C050, drawn),
            canvas.fill(0xF0E040, ball),
            canvas.fill(0x4080F0, paddle),
        )
        moved = ball + paddle


def photograph(width: int, height: int) -> NDArray[np.uint8]:
    """Waves, edges and noise, uint8 (height, width, 4), B, G, R, X: as hard as a photograph."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pixels = np.zeros((height, width, 4), np.uint8)
    for channel, (a, b) in enumerate(((1, 2), (2, 1), (3, -1))):
        wave = (
            110 + 70 * np.sin((a * x + b * y) / 90) + 40 * np.sin((b * x * x - a * y * y) / 40_000)
        )
        pixels[:, :, channel] = np.clip(wave + random.normal(0, 5, (height, width)), 0, 255)
    for _ in range(120):
        left, top = random.integers(0, (width - 150, height - 150))
        across, down = random.integers(20, 150, 2)
        pixels[top : top + down, left : left + across, :3] //= 2
        pixels[top : top + down, left : left + across, :3] += random.integers(0, 128, 3, np.uint8)
    return pixels


def video(canvas: Canvas) -> None:
    margin = 512
    kept = canvas.picture(photograph(canvas.width + margin, canvas.height + margin))
    clock = Clock()
    while True:
        clock.tick()
        canvas.show(kept, bounce(3 * clock.frame, margin), bounce(2 * clock.frame, margin))


SCENES = {"invert": invert, "game": game, "video": video}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", choices=SCENES)
    asked = parser.parse_args()
    canvas = Canvas()
    print("shown", flush=True)
    SCENES[asked.scene](canvas)


if __name__ == "__main__":
    run(main)
