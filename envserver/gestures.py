"""Clicks, drags, scrolls, key presses as `EventSpace`'s events; where they leave the pointer.

Every function checks its arguments and sends nothing: a gesture is made whole or not at all.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from workers.keysyms import parse_combination

BUTTONS = {"left": 1, "middle": 2, "right": 4}
"""Masks of PointerEvents, by name."""
WHEEL_UP, WHEEL_DOWN, WHEEL_LEFT, WHEEL_RIGHT = 8, 16, 32, 64
PRESS_MS = 30
"""How long a button or a key is down: programs that poll once a frame miss a shorter press."""
BETWEEN_MS = 40
"""Between two clicks of a double click, or two presses of one key."""
DRAG_STEPS = 10
MAX_COUNT = 100

TextEvent = tuple[Any, ...]
Keys = str | Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Pointer:
    """The pointer after a gesture: its place, None before it was put anywhere, and its buttons."""

    place: tuple[int, int] | None = None
    mask: int = 0

    def to(self, x: int, y: int, mask: int | None = None) -> TextEvent:
        """The event that puts it there."""
        return ("PointerEvent", x, y, self.mask if mask is None else mask)


Gesture = tuple[list[TextEvent], Pointer]
"""Events, and the pointer after them."""


def place_on(size: tuple[int, int], pointer: Pointer, x: Any, y: Any) -> tuple[int, int]:
    """Check a place in pixels of the screen; None and None is where the pointer is.

    Raises:
        ValueError: it is beside the screen, or the pointer was nowhere yet.
    """
    if x is None and y is None:
        if pointer.place is None:
            raise ValueError("the pointer's place is not known yet: give x and y")
        return pointer.place
    for name, value, end in (("x", x, size[0]), ("y", y, size[1])):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | np.integer)
            or not 0 <= value < end
        ):
            raise ValueError(
                f"{name} is {value!r}, expected an integer from 0 to {end - 1}: "
                f"the screen is {size[0]}x{size[1]}"
            )
    return int(x), int(y)


def click(
    pointer: Pointer, place: tuple[int, int], button: str, count: int, keys: Keys | None
) -> Gesture:
    """Press and release a button `count` times at a place, with `keys` held."""
    mask = pointer.mask | mask_of(button)
    events = [pointer.to(*place)]
    for turn in range(whole("count", count, 1, MAX_COUNT)):
        pause = [("Wait", BETWEEN_MS)] if turn else []
        events += [*pause, pointer.to(*place, mask), ("Wait", PRESS_MS), pointer.to(*place)]
    return with_keys(keys, events), Pointer(place, pointer.mask)


def drag(
    pointer: Pointer,
    start: tuple[int, int],
    end: tuple[int, int],
    button: str,
    ms: float,
    keys: Keys | None,
) -> Gesture:
    """Press at `start`, move to `end` on a straight line in `ms`, release."""
    mask = pointer.mask | mask_of(button)
    pause = ("Wait", milliseconds("ms", ms) / DRAG_STEPS)
    events = [pointer.to(*start), pointer.to(*start, mask), ("Wait", PRESS_MS)]
    for step in range(1, DRAG_STEPS + 1):
        x, y = (round(a + (b - a) * step / DRAG_STEPS) for a, b in zip(start, end, strict=True))
        events += [pointer.to(x, y, mask), pause]
    events += [("Wait", PRESS_MS), pointer.to(*end)]
    return with_keys(keys, events), Pointer(end, pointer.mask)


def scroll(
    pointer: Pointer, place: tuple[int, int], dx: int, dy: int, keys: Keys | None
) -> Gesture:
    """Turn the wheel by clicks, dy > 0 down and dx > 0 right, at a place."""
    turns = (
        (whole("dy", dy, -MAX_COUNT, MAX_COUNT), WHEEL_DOWN, WHEEL_UP),
        (whole("dx", dx, -MAX_COUNT, MAX_COUNT), WHEEL_RIGHT, WHEEL_LEFT),
    )
    if dx == dy == 0:
        raise ValueError("dx and dy are 0, expected a number of clicks in one of them")
    events = [pointer.to(*place)]
    for clicks, onward, back in turns:
        mask = pointer.mask | (onward if clicks > 0 else back)
        events += [pointer.to(*place, mask), pointer.to(*place)] * abs(clicks)
    return with_keys(keys, events), Pointer(place, pointer.mask)


def press(keys: Keys, count: int, ms: float) -> list[TextEvent]:
    """Press keys together, for `ms`, `count` times."""
    held: list[TextEvent] = [("Wait", milliseconds("ms", ms))]
    once = with_keys(keys, held)
    events: list[TextEvent] = []
    for turn in range(whole("count", count, 1, MAX_COUNT)):
        events += [("Wait", BETWEEN_MS), *once] if turn else once
    return events


def with_keys(keys: Keys | None, events: list[TextEvent]) -> list[TextEvent]:
    """The events with keys held around them.

    Raises:
        ValueError: no key is called so.
    """
    if keys is None:
        return events
    held = key_numbers(keys)
    downs = [("KeyEvent", key, True) for key in held]
    ups = [("KeyEvent", key, False) for key in reversed(held)]
    return [*downs, *events, *ups]


def key_numbers(keys: Keys) -> list[int]:
    """The keysyms of "ctrl+shift+t", or of a list of such names."""
    if isinstance(keys, str):
        return parse_combination(keys)
    if not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys) or not keys:
        raise ValueError(f"keys are {keys!r}, expected names such as 'ctrl+s' or ['ctrl', 's']")
    return [number for key in keys for number in parse_combination(key)]


def mask_of(button: Any) -> int:
    """The mask of a button's name."""
    if not isinstance(button, str) or button not in BUTTONS:
        raise ValueError(f"button is {button!r}, expected one of {', '.join(BUTTONS)}")
    return BUTTONS[button]


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Check a whole number."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or not low <= value <= high
    ):
        raise ValueError(f"{name} is {value!r}, expected an integer from {low} to {high}")
    return int(value)


def milliseconds(name: str, value: Any) -> float:
    """Check a time; that all of a gesture takes no more than a minute is `EventSpace`'s to say."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 60_000:
        raise ValueError(f"{name} is {value!r}, expected milliseconds from 0 to 60000")
    return float(value)
