"""The desktop's picture: the game scaled by a whole number, centred, and a strip of text below.

Pixels are uint32 0x00RRGGBB, in memory B, G, R, x. Only what changed is scaled and reported. With
`size=None` the desktop is the frame itself: no strip, no border, pixels equal to `render()`.
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from envserver.runtimes.gym_core.changes import Rect, changed_boxes
from envserver.runtimes.gym_core.errors import EnvironmentFailed

STRIP_HEIGHT = 16
CELL_WIDTH = 8
MAX_SIDE_PX = 16384
STRIP_COLOUR = 0x202020
TEXT_COLOUR = 0xE0E0E0

Pixels = NDArray[np.uint32]


class View(NamedTuple):
    """Pixels of a rectangle, `scale` times smaller than it is on the desktop."""

    pixels: Pixels
    scale: int


class Canvas:
    """The picture of one desktop.

    Args:
        size: Width and height in pixels; None for the frame's own.
        frame_shape: Of the first frame.

    Raises:
        EnvironmentFailed: the frame does not fit.
    """

    def __init__(self, size: tuple[int, int] | None, frame_shape: tuple[int, ...]) -> None:
        self._native = size is None
        self.width, self.height = (frame_shape[1], frame_shape[0]) if size is None else size
        if not (1 <= self.width <= MAX_SIDE_PX and 1 <= self.height <= MAX_SIDE_PX):
            raise EnvironmentFailed(
                f"a desktop of {self.width}x{self.height} pixels is not possible"
            )
        self.pixels: Pixels = np.zeros((self.height, self.width), np.uint32)
        self._frame: NDArray[np.uint8] | None = None
        self._text = ""
        self._place(frame_shape)

    @property
    def screen(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    def show(self, frame: NDArray[np.uint8], text: str = "") -> list[Rect]:
        """Draw a frame (height, width, 3) and the strip; return what changed."""
        if self._frame is None or frame.shape != self._frame.shape:
            self._place(frame.shape)
            self._frame = frame
            self._scale_in(frame, Rect(0, 0, frame.shape[1], frame.shape[0]))
            self._text = ""
            self._write(text)
            return [self.screen]
        changed = []
        for box in changed_boxes(self._frame, frame):
            self._scale_in(frame, box)
            x, y, width, height = (side * self._scale for side in box)
            changed.append(Rect(x, y, width, height).moved(self._game.x, self._game.y))
        self._frame = frame
        strip = self._write(text)
        if strip is not None:
            changed.append(strip)
        return changed

    def views(self, rect: Rect) -> list[tuple[Rect, View]]:
        """A rectangle in pieces, each at the smallest scale that has all of its detail."""
        game = self._game
        around = rect.covers(game) and rect != game
        pieces = [game, *rect.without(game)] if around else [rect]
        return [(piece, self._view(piece)) for piece in pieces]

    def _view(self, rect: Rect) -> View:
        scale, game = self._scale, self._game
        if scale > 1 and game.covers(rect):
            x, y = rect.x - game.x, rect.y - game.y
            if not (x % scale or y % scale or rect.width % scale or rect.height % scale):
                step = self.pixels[rect.y : rect.bottom : scale, rect.x : rect.right : scale]
                return View(step, scale)
        return View(self.pixels[rect.y : rect.bottom, rect.x : rect.right], 1)

    def check(self, frame_shape: tuple[int, ...]) -> int:
        """The scale at which frames of a shape are drawn.

        Raises:
            EnvironmentFailed: they do not fit.
        """
        height, width = frame_shape[:2]
        room = self._room()
        scale = min(self.width // width, room // height)
        if scale < 1 or (self._native and (width, height) != (self.width, self.height)):
            raise EnvironmentFailed(
                f"frame of {width}x{height} does not fit the {self.width}x{room} "
                f"that the desktop has for it: give screen=({width}, {height + STRIP_HEIGHT}) "
                "or larger, or screen='native'"
            )
        return scale

    def _room(self) -> int:
        return self.height if self._native else self.height - STRIP_HEIGHT

    def _place(self, shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        scale, room = self.check(shape), self._room()
        self._scale = scale
        width, height = width * scale, height * scale
        self._game = Rect((self.width - width) // 2, (room - height) // 2, width, height)
        if not self._native:
            self.pixels[:room] = 0
            self.pixels[room:] = STRIP_COLOUR

    def _scale_in(self, frame: NDArray[np.uint8], box: Rect) -> None:
        scale = self._scale
        native = np.zeros((box.height, box.width, 4), np.uint8)
        native[:, :, 2::-1] = frame[box.y : box.bottom, box.x : box.right]
        pixels = native.view(np.uint32)[:, :, 0]
        x, y = self._game.x + box.x * scale, self._game.y + box.y * scale
        target = self.pixels[y : y + box.height * scale, x : x + box.width * scale]
        if scale == 1:
            target[:] = pixels
            return
        rows = np.repeat(pixels, scale, axis=1)
        target.reshape(box.height, scale, box.width * scale)[:] = rows[:, None, :]

    def _write(self, text: str) -> Rect | None:
        """Put the strip's text, character by character where it differs; return what changed."""
        if self._native or text == self._text:
            return None
        columns = self.width // CELL_WIDTH
        before, after = self._text.ljust(columns)[:columns], text.ljust(columns)[:columns]
        places = [i for i in range(columns) if before[i] != after[i]]
        self._text = text
        if not places:
            return None
        top = self.height - STRIP_HEIGHT
        font = glyphs()
        for place in places:
            left = place * CELL_WIDTH
            glyph = font.get(after[place], font["?"])
            self.pixels[top:, left : left + CELL_WIDTH] = glyph
        first, last = places[0], places[-1]
        return Rect(first * CELL_WIDTH, top, (last - first + 1) * CELL_WIDTH, STRIP_HEIGHT)


@functools.cache
def glyphs() -> dict[str, Pixels]:
    """The strip's font: each printable ASCII character as uint32 (STRIP_HEIGHT, CELL_WIDTH)."""
    font = ImageFont.load_default_imagefont()
    made = {}
    for code in range(32, 127):
        cell = Image.new("1", (CELL_WIDTH, STRIP_HEIGHT))
        ImageDraw.Draw(cell).text((1, 2), chr(code), fill=1, font=font)
        made[chr(code)] = np.where(np.asarray(cell), TEXT_COLOUR, STRIP_COLOUR).astype(np.uint32)
    return made
