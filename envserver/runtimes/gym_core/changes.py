"""Where two frames differ, as a few boxes; and rectangles."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROW_GAP = 8
"""Rows without a change that separate two bands; fewer cost less as pixels than as a rectangle."""
COLUMN_GAP = 16
MAX_BOXES = 16


class Rect(NamedTuple):
    """A rectangle; half open, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def intersection(self, other: "Rect") -> "Rect":
        """What both cover; one of no area where they do not meet."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = max(0, min(self.right, other.right) - x)
        height = max(0, min(self.bottom, other.bottom) - y)
        return Rect(x, y, width, height)

    def union(self, other: "Rect") -> "Rect":
        """The smallest that covers both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def covers(self, other: "Rect") -> bool:
        return self.intersection(other) == other

    def moved(self, x: int, y: int) -> "Rect":
        return Rect(self.x + x, self.y + y, self.width, self.height)

    def without(self, hole: "Rect") -> list["Rect"]:
        """The up to four pieces around a hole."""
        hole = self.intersection(hole)
        if not hole.width or not hole.height:
            return [self]
        pieces = (
            Rect(self.x, self.y, self.width, hole.y - self.y),
            Rect(self.x, hole.bottom, self.width, self.bottom - hole.bottom),
            Rect(self.x, hole.y, hole.x - self.x, hole.height),
            Rect(hole.right, hole.y, self.right - hole.right, hole.height),
        )
        return [piece for piece in pieces if piece.width and piece.height]


def bounding(rects: list[Rect]) -> Rect:
    """The smallest that covers all of at least one."""
    whole = rects[0]
    for rect in rects[1:]:
        whole = whole.union(rect)
    return whole


def changed_boxes(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> list[Rect]:
    """Boxes that together hold every pixel in which two frames (height, width, 3) differ."""
    height, width, _ = before.shape
    differs = before.reshape(height, -1) != after.reshape(height, -1)
    boxes: list[Rect] = []
    for top, bottom in _runs(differs.any(axis=1), ROW_GAP):
        pixels = differs[top:bottom].reshape(bottom - top, width, 3).any(axis=2)
        for left, right in _runs(pixels.any(axis=0), COLUMN_GAP):
            rows = np.flatnonzero(pixels[:, left:right].any(axis=1))
            first, last = int(rows[0]), int(rows[-1])
            boxes.append(Rect(left, top + first, right - left, last - first + 1))
    return boxes if len(boxes) <= MAX_BOXES else [bounding(boxes)]


def _runs(changed: NDArray[Any], gap: int) -> list[tuple[int, int]]:
    """Half-open runs of the true places, joined over gaps of fewer than `gap` places."""
    places = np.flatnonzero(changed)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > gap)
    starts = [int(places[0]), *(int(places[i + 1]) for i in breaks)]
    ends = [*(int(places[i]) + 1 for i in breaks), int(places[-1]) + 1]
    return list(zip(starts, ends, strict=True))
