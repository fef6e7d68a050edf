"""What a MiniWoB++ page looks like: finds buttons, text boxes, dots and lines of text by colour."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""Left, top, right, bottom; the last two are outside."""
Color = tuple[int, int, int]
Steps = Iterator[list[Any]]

WHITE = (255, 255, 255)
BUTTON = (239, 239, 239)
ACTIVE = (237, 237, 237)
TAB = (246, 246, 246)
HEADER = (0, 127, 255)
RED, GREEN, BLUE, PURPLE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (128, 0, 128)
SIDES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
CORNERS = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
QUERY_BOTTOM = 50
"""Above stands the goal."""


class Page:
    """The newest picture of a page, and the steps that act on it.

    Attributes:
        frame: uint8, (height, width, 3); whoever runs a solver replaces it after each step.
        goal: the text.
    """

    def __init__(self, frame: NDArray[np.uint8], goal: str) -> None:
        self.frame = frame
        self.goal = goal

    # What is done.

    def rest(self) -> Steps:
        """Move the pointer out of the way, so that it hides nothing."""
        yield [("PointerEvent", 1, 1, 0)]
        yield from self.wait(3)

    def wait(self, steps: int) -> Steps:
        for _ in range(steps):
            yield []

    def click(self, box: Box) -> Steps:
        yield from self.click_at(*middle(box))

    def click_at(self, x: float, y: float) -> Steps:
        point = round(x), round(y)
        yield [("PointerEvent", *point, 0), ("PointerEvent", *point, 1)]
        yield [("PointerEvent", *point, 0)]

    def drag(self, points: Sequence[tuple[float, float]]) -> Steps:
        path = [(round(x), round(y)) for x, y in points]
        if len(path) == 2:  # programs take a drag for one only when it takes its way
            (ax, ay), (bx, by) = path
            path = [(ax + (bx - ax) * part // 6, ay + (by - ay) * part // 6) for part in range(7)]
        yield [("PointerEvent", *path[0], 0), ("PointerEvent", *path[0], 1)]
        for point in path[1:]:
            yield [("PointerEvent", *point, 1)]
        yield [("PointerEvent", *path[-1], 1)]
        yield [("PointerEvent", *path[-1], 0)]

    def submit(self) -> Steps:
        """Click the largest button."""
        yield from self.wait(1)
        yield from self.click(self.buttons()[0])

    @staticmethod
    def control(key: str) -> list[Any]:
        """The events of Control and a key."""
        return [("KeyEvent", "Control_L", True), ("Tap", key), ("KeyEvent", "Control_L", False)]

    # What is seen.

    def buttons(self) -> list[Box]:
        """The largest first."""
        return self.areas(BUTTON, 15, 10)

    def boxes(self) -> list[Box]:
        """White areas with a border, from top to bottom: text boxes."""
        found = [box for box in self._found(self._is(WHITE)) if _is_larger(box, 15, 10)]
        found = [box for box in found if box[2] - box[0] < 155 and box[3] - box[1] < 140]
        return sorted(found, key=lambda box: (box[1], box[0]))

    def areas(self, color: Color, width: int, height: int) -> list[Box]:
        """Areas of one colour that are at least so large, the largest first."""
        found = [box for box in self._found(self._is(color)) if _is_larger(box, width, height)]
        return sorted(found, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))

    def patches(self, size: int = 6) -> list[Box]:
        """Coloured squares, from top to bottom."""
        frame = self.frame.astype(np.int16)
        colored = (frame.max(axis=2) - frame.min(axis=2)) > 15
        colored[:QUERY_BOTTOM] = False
        found = [box for box in self._found(colored) if _is_larger(box, size, size)]
        return sorted(found, key=lambda box: (box[1], box[0]))

    def drawings(self) -> list[Box]:
        """Whatever is neither white nor a button, the largest first."""
        drawn = self.frame.min(axis=2) < 160
        drawn[:QUERY_BOTTOM] = False
        self._hide_buttons(drawn)
        found = [box for box in self._found(drawn, corners=True) if _is_larger(box, 10, 10)]
        return sorted(found, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))

    def dots(self, color: Color = (0, 0, 0)) -> list[tuple[float, float]]:
        """The centres of filled circles; lines and letters are too thin to be any."""
        near = np.abs(self.frame.astype(np.int16) - np.array(color)).max(axis=2) < 60
        near[:QUERY_BOTTOM] = False
        self._hide_buttons(near)
        solid = near.copy()
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                if abs(dx) + abs(dy) < 4:
                    solid &= np.roll(near, (dy, dx), (0, 1))
        found = []
        for left, top, right, bottom in self._found(solid):
            found.append(((left + right) / 2, (top + bottom) / 2))
        return found

    def vertex(self) -> tuple[float, float]:
        """The centre of the only blue dot, though lines are drawn over it."""
        frame = self.frame.astype(np.int16)
        ys, xs = np.nonzero(frame[QUERY_BOTTOM:, :, 2] - frame[QUERY_BOTTOM:, :, 0] > 100)
        return (xs.min() + xs.max() + 1) / 2, (ys.min() + ys.max() + 1) / 2 + QUERY_BOTTOM

    def paragraphs(self) -> list[list[Box]]:
        """Lines of text beside the buttons, in groups with more space between them."""
        ink = self.frame.min(axis=2) < 160
        ink[:QUERY_BOTTOM] = False
        self._hide_buttons(ink)
        lines: list[Box] = []
        for top, bottom in _runs(ink.any(axis=1)):
            columns = np.flatnonzero(ink[top:bottom].any(axis=0))
            lines.append((int(columns[0]), top, int(columns[-1]) + 1, bottom))
        groups: list[list[Box]] = []
        for line in lines:
            if groups and line[1] - groups[-1][-1][3] < 8:
                groups[-1].append(line)
            else:
                groups.append([line])
        return groups

    def mean(self, box: Box) -> NDArray[np.float64]:
        """The mean colour of an area."""
        left, top, right, bottom = box
        mean: NDArray[np.float64] = self.frame[top:bottom, left:right].mean(axis=(0, 1))
        return mean

    def _is(self, color: Color) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = (self.frame == np.array(color, np.uint8)).all(axis=2)
        same[:QUERY_BOTTOM] = False
        return same

    def _hide_buttons(self, mask: NDArray[np.bool_]) -> None:
        for left, top, right, bottom in self.buttons():
            mask[top - 2 : bottom + 2, left - 2 : right + 2] = False

    @staticmethod
    def _found(mask: NDArray[np.bool_], corners: bool = False) -> list[Box]:
        """The bounds of each group of neighbouring pixels, also of those that touch at corners."""
        neighbours = SIDES + CORNERS if corners else SIDES
        left_over = set(zip(*(part.tolist() for part in np.nonzero(mask)), strict=True))
        found = []
        while left_over:
            todo = [left_over.pop()]
            rows, columns = [], []
            while todo:
                y, x = todo.pop()
                rows.append(y)
                columns.append(x)
                for dy, dx in neighbours:
                    near = y + dy, x + dx
                    if near in left_over:
                        left_over.remove(near)
                        todo.append(near)
            found.append((min(columns), min(rows), max(columns) + 1, max(rows) + 1))
        return found


def middle(box: Box) -> tuple[int, int]:
    """The point in the middle of an area."""
    left, top, right, bottom = box
    return (left + right) // 2, (top + bottom) // 2


def _is_larger(box: Box, width: int, height: int) -> bool:
    return box[2] - box[0] >= width and box[3] - box[1] >= height


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where the True ones begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
