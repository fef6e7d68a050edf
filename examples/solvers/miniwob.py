"""Solves MiniWoB++ tasks from their pictures and goals, through the mouse and the keyboard.

Each solver is a generator: it yields the events of the next step and finds the picture that
followed in `page.frame`. They know what buttons, text boxes and dots look like, and read nothing
but the goal.
"""

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from examples.solvers.miniwob_pixels import (
    ACTIVE,
    BLUE,
    GREEN,
    HEADER,
    PURPLE,
    RED,
    TAB,
    Page,
    Steps,
    middle,
)
from examples.solvers.playing import Picture, Task

COLORS = {
    **{"red": RED, "blue": BLUE, "olive": (128, 128, 0), "lime": (0, 255, 0), "black": (0, 0, 0)},
    **{
        "white": (255, 255, 255),
        "grey": (128, 128, 128),
        "purple": PURPLE,
        "orange": (255, 165, 0),
    },
    **{"yellow": (255, 255, 0), "cyan": (0, 255, 255), "pink": (255, 192, 203)},
    "magenta": (255, 0, 255),
}
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
FPS = 20
TOP, LEFT, RIGHT, BOTTOM = 54, 4, 146, 174
"""Where points may be set on pages with a drawing."""
DRAWN_OFFSET = 2


def click_button(page: Page) -> Steps:
    yield from page.submit()


def focus_text(page: Page) -> Steps:
    number = re.search(r"\d", page.goal)
    yield from page.click(page.boxes()[int(number[0]) - 1 if number else 0])


def enter_text(page: Page) -> Steps:
    """Fill the text boxes with what the goal quotes; the last quote also fills what is left."""
    quoted = re.findall(r'"(.*?)"', page.goal)
    for number, box in enumerate(page.boxes()):
        yield from page.click(box)
        yield [("Text", quoted[min(number, len(quoted) - 1)])]
    yield from page.submit()


def enter_time(page: Page) -> Steps:
    hour, minute, half = re.findall(r"(\d+):(\d+) (.)", page.goal)[0]
    left, top, _, bottom = page.boxes()[0]
    yield from page.click((left + 8, top, left + 9, bottom))
    yield [("Text", f"{int(hour):02d}{minute}{half}")]
    yield from page.submit()


def enter_date(page: Page) -> Steps:
    left, top, _, bottom = page.boxes()[0]
    yield from page.click((left + 8, top, left + 9, bottom))
    yield [("Text", "".join(re.findall(r"\d", page.goal)))]
    yield from page.submit()


def click_dialog(page: Page) -> Steps:
    yield from page.click((page.areas(ACTIVE, 10, 10) + page.areas(TAB, 10, 10))[0])


def click_color(page: Page) -> Steps:
    color = COLORS[re.findall(r"the (\w+) colored", page.goal)[0]]
    found = page.boxes() if color == (255, 255, 255) else page.areas(color, 30, 30)
    yield from page.click(found[0])


def click_shades(page: Page) -> Steps:
    wanted = ("red", "green", "blue").index(re.findall(r"shades of (\w+)", page.goal)[0])
    for patch in page.patches():
        x, y = middle(patch)
        if int(np.argmax(page.frame[y, x])) == wanted:
            yield from page.click(patch)
    yield from page.submit()


def click_tab(page: Page) -> Steps:
    tabs = sorted(page.areas(TAB, 20, 10) + page.areas(HEADER, 20, 10))
    yield from page.click(tabs[int(re.findall(r"#(\d)", page.goal)[0]) - 1])


def click_collapsible(page: Page) -> Steps:
    yield from page.click(page.areas(HEADER, 40, 5)[0])
    yield from page.wait(12)
    yield from page.submit()


def set_point(page: Page, x: float, y: float) -> Steps:
    """Click where the page draws a point at (x, y): it draws it to the right and below."""
    yield from page.click_at(x - DRAWN_OFFSET, y - DRAWN_OFFSET)


def circle_center(page: Page) -> Steps:
    left, top, right, bottom = page.drawings()[0]
    yield from set_point(page, (left + right) / 2, (top + bottom) / 2)
    yield from page.submit()


def find_midpoint(page: Page) -> Steps:
    (ax, ay), (bx, by) = page.dots()
    yield from set_point(page, (ax + bx) / 2, (ay + by) / 2)
    yield from page.submit()


def bisect_angle(page: Page) -> Steps:
    vertex = page.vertex()
    rays = [(x - vertex[0], y - vertex[1]) for x, y in page.dots()]
    unit = [(x / math.hypot(x, y), y / math.hypot(x, y)) for x, y in rays]
    middle_way = sum(x for x, _ in unit), sum(y for _, y in unit)
    yield from set_point(page, *_farthest(vertex, [middle_way]))
    yield from page.submit()


def right_angle(page: Page) -> Steps:
    vertex, (x, y) = page.vertex(), page.dots()[0]
    side = (vertex[1] - y, x - vertex[0])
    yield from set_point(page, *_farthest(vertex, [side, (-side[0], -side[1])]))
    yield from page.submit()


def _farthest(
    start: tuple[float, float], directions: list[tuple[float, float]]
) -> tuple[float, float]:
    """The point farthest from `start` in one of the directions, inside of the drawing."""
    best, best_length = start, 0.0
    for x, y in directions:
        size = math.hypot(x, y)
        for length in range(10, 150):
            point = start[0] + x / size * length, start[1] + y / size * length
            if LEFT < point[0] < RIGHT and TOP < point[1] < BOTTOM and length > best_length:
                best, best_length = point, length
    return best


def drag_box(page: Page) -> Steps:
    small, large = page.areas(RED, 12, 12)[0], page.areas(BLUE, 30, 30)[0]
    yield from page.drag([middle(small), middle(large)])
    yield from page.submit()


def drag_circle(page: Page) -> Steps:
    x, y = middle(page.drawings()[0])
    dx, dy = DIRECTIONS[re.findall(r"circle (\w+)", page.goal)[0]]
    yield from page.drag([(x, y), (x + 20 * dx, y + 20 * dy)])
    yield from page.submit()


def highlight_text(page: Page) -> Steps:
    number = re.search(r"(\d)\w\w paragraph", page.goal)
    paragraphs = page.paragraphs()
    chosen = paragraphs[int(number[1]) - 1] if number else [*paragraphs[0], *paragraphs[-1]]
    left = min(box[0] for box in chosen)
    begin = left - 1, middle(chosen[0])[1]
    yield from page.drag([begin, (158, middle(chosen[-1])[1])])
    yield from page.submit()


def resize_textarea(page: Page) -> Steps:
    dimension, direction = re.findall(r"the (\w+) is (\w+)", page.goal)[0]
    _, _, right, bottom = page.boxes()[0]
    by = 15 if direction == "larger" else -15
    x, y = right - 4, bottom - 4
    yield from page.drag([(x, y), (x + by, y) if dimension == "width" else (x, y + by)])
    yield from page.submit()


def guess_number(page: Page) -> Steps:
    """A wrong guess costs nothing."""
    box, button = page.boxes()[0], page.buttons()[0]
    for number in range(10):
        yield from page.click(box)
        yield page.control("a")
        yield [("Text", str(number))]
        yield from page.click(button)


def grid_coordinate(page: Page) -> Steps:
    wanted = [int(number) for number in re.findall(r"-?\d+", page.goal)]
    xs, ys = zip(*page.dots(BLUE), strict=True)
    x = min(xs) + (wanted[0] + 2) * (max(xs) - min(xs)) / 4
    y = max(ys) - (wanted[1] + 2) * (max(ys) - min(ys)) / 4
    yield from page.click_at(x, y)


def simon_says(page: Page) -> Steps:
    """Watch until nothing has blinked for a second; then press what did."""
    buttons = page.patches(30)
    plain = [page.mean(box) for box in buttons]
    blinked: list[int] = []
    quiet, lit = 0, None
    while quiet < FPS or not blinked:
        yield []
        means = [page.mean(box) for box in buttons]
        changes = [np.abs(new - old).max() for new, old in zip(means, plain, strict=True)]
        now = int(np.argmax(changes)) if max(changes) > 3 else None
        if now is not None and now != lit:
            blinked.append(now)
        lit, quiet = now, 0 if now is not None else quiet + 1
    for number in blinked:
        yield from page.click(buttons[number])


def draw_line(page: Page) -> Steps:
    x, y = page.dots(PURPLE)[0]
    dx, dy = (0, 1) if "vertical" in page.goal else (1, 0)
    yield from page.drag([(x + dx * by, y + dy * by) for by in range(-22, 23, 4)])
    yield from page.submit()


def draw_circle(page: Page) -> Steps:
    x, y = page.dots(GREEN)[0]
    angles = [number * math.tau / 16 for number in range(17)]
    yield from page.drag([(x + 24 * math.cos(a), y + 24 * math.sin(a)) for a in angles])
    yield from page.submit()


def scroll_text(page: Page) -> Steps:
    yield from page.click(max(page.boxes(), key=lambda box: box[3] - box[1]))
    yield page.control("End" if "bottom" in page.goal else "Home")
    yield from page.wait(4)
    yield from page.submit()


def use_spinner(page: Page) -> Steps:
    wanted = int(re.findall(r"-?\d+", page.goal)[0])
    parts = page.areas(TAB, 2, 2)
    left, right = min(box[0] for box in parts), max(box[2] for box in parts)
    top, bottom = min(box[1] for box in parts), max(box[3] for box in parts)
    arrow = (left, top, right, top + 6) if wanted > 0 else (left, bottom - 6, right, bottom)
    for _ in range(abs(wanted)):
        yield from page.click(arrow)
    yield from page.submit()


def copy_paste(page: Page) -> Steps:
    line, area = sorted(page.boxes(), key=lambda box: box[3] - box[1])[-2:]
    yield from page.click(area)
    yield page.control("a")
    yield page.control("c")
    yield from page.click(line)
    yield page.control("v")
    yield from page.submit()


def visual_addition(page: Page) -> Steps:
    blocks = len(page.patches(5))
    yield from page.click(page.boxes()[0])
    yield [("Text", str(blocks))]
    yield from page.submit()


SOLVERS: dict[str, Callable[[Page], Steps]] = {
    "ClickTest-v0": click_button,
    "FocusText-v0": focus_text,
    "FocusText2-v0": focus_text,
    "EnterText-v0": enter_text,
    "EnterTextDynamic-v0": enter_text,
    "EnterPassword-v0": enter_text,
    "LoginUser-v0": enter_text,
    "EnterTime-v0": enter_time,
    "EnterDate-v0": enter_date,
    "ClickDialog-v0": click_dialog,
    "ClickColor-v0": click_color,
    "ClickShades-v0": click_shades,
    "ClickTab-v0": click_tab,
    "ClickCollapsible-v0": click_collapsible,
    "ClickCollapsibleNodelay-v0": click_collapsible,
    "CircleCenter-v0": circle_center,
    "FindMidpoint-v0": find_midpoint,
    "BisectAngle-v0": bisect_angle,
    "RightAngle-v0": right_angle,
    "DragBox-v0": drag_box,
    "DragCircle-v0": drag_circle,
    "HighlightText-v0": highlight_text,
    "HighlightText2-v0": highlight_text,
    "ResizeTextarea-v0": resize_textarea,
    "GuessNumber-v0": guess_number,
    "GridCoordinate-v0": grid_coordinate,
    "SimonSays-v0": simon_says,
    "DrawLine-v0": draw_line,
    "DrawCircle-v0": draw_circle,
    "ScrollText2-v0": scroll_text,
    "UseSpinner-v0": use_spinner,
    "CopyPaste-v0": copy_paste,
    "VisualAddition-v0": visual_addition,
}


NEAR = ("BisectAngle-v0", "CircleCenter-v0", "FindMidpoint-v0", "RightAngle-v0")
"""They pay for nearness to a point that may lie between pixels: up to 1, and seldom all of it."""


class MiniWoBSolver:
    """Does what a solver yields; after its end, nothing."""

    def __init__(self, solver: Callable[[Page], Steps]) -> None:
        self.solver = solver
        self.page: Page | None = None

    def act(self, picture: Picture, goal: str) -> list[Any]:
        if self.page is None:
            self.page = Page(picture, goal)
            self.steps = self.begin(self.page)
        self.page.frame = picture
        return next(self.steps, [])

    def begin(self, page: Page) -> Steps:
        yield from page.rest()
        yield from self.solver(page)


class RandomClicks:
    """Clicks anywhere."""

    def __init__(self, space: gymnasium.Space[Any], seed: int) -> None:
        self.size = space.width, space.height  # type: ignore[attr-defined]
        self.chance = np.random.default_rng(seed)

    def act(self, picture: Picture, goal: str) -> list[Any]:
        x, y = (int(self.chance.integers(side)) for side in self.size)
        return [("PointerEvent", x, y, mask) for mask in (0, 1, 0)]


TASKS = {
    f"miniwob.{name}": Task(
        f"miniwob.{name}",
        partial(MiniWoBSolver, solver),
        full=1.0,
        max_steps=20 * FPS,
        random=RandomClicks,
        options={"fps": FPS, "screen": (160, 210)},
    )
    for name, solver in SOLVERS.items()
}
