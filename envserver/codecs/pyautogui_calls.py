"""The functions of pyautogui, by their names and arguments, as what gives their events.

A method is called with what the code says; arguments that only take time are there and dropped.
"""

from collections.abc import Sequence
from typing import Any

from envserver.codecs.events import (
    LEFT,
    MIDDLE,
    RIGHT,
    Button,
    Event,
    Key,
    Motion,
    Text,
    Wait,
)
from envserver.codecs.fields import Size, checked_point, milliseconds, pixel, whole
from envserver.codecs.gestures import Chord, Click, Drag, Move, Point, Scroll
from envserver.codecs.keys import PYAUTOGUI, distinct
from envserver.codecs.requests import CursorPosition, Screenshot

BUTTONS = {
    "left": LEFT,
    "primary": LEFT,
    "middle": MIDDLE,
    "right": RIGHT,
    "secondary": RIGHT,
}
MAX_REPEATS = 100


class Calls:
    """The functions, for a picture of `size`; each gives events or is a request.

    Raises:
        ValueError: an argument is wrong.
    """

    def __init__(self, size: Size) -> None:
        self._size = size

    def moveTo(self, x: Any = None, y: Any = None, *_: Any, **__: Any) -> list[Event]:
        at = self._at(x, y)
        return [] if at is None else Move(at).events()

    def moveRel(self, xOffset: Any = 0, yOffset: Any = 0, *_: Any, **__: Any) -> list[Event]:
        return [_motion(xOffset, yOffset)]

    move = moveRel

    def dragTo(
        self,
        x: Any = None,
        y: Any = None,
        duration: Any = 0.0,
        tween: Any = None,
        button: Any = "primary",
        **_: Any,
    ) -> list[Event]:
        at = self._at(x, y)
        return Drag(_button(button), () if at is None else (at,)).events()

    def dragRel(
        self,
        xOffset: Any = 0,
        yOffset: Any = 0,
        duration: Any = 0.0,
        tween: Any = None,
        button: Any = "primary",
        **_: Any,
    ) -> list[Event]:
        number = _button(button)
        return [Button(number, True), _motion(xOffset, yOffset), Button(number, False)]

    drag = dragRel

    def click(
        self,
        x: Any = None,
        y: Any = None,
        clicks: Any = 1,
        interval: Any = 0.0,
        button: Any = "primary",
        *_: Any,
        **__: Any,
    ) -> list[Event]:
        at, count = self._at(x, y), _repeats("clicks", clicks)
        return Click(_button(button), count, at).events()

    def leftClick(self, x: Any = None, y: Any = None, *_: Any, **__: Any) -> list[Event]:
        return self.click(x, y)

    def rightClick(self, x: Any = None, y: Any = None, *_: Any, **__: Any) -> list[Event]:
        return self.click(x, y, button="right")

    def middleClick(self, x: Any = None, y: Any = None, *_: Any, **__: Any) -> list[Event]:
        return self.click(x, y, button="middle")

    def doubleClick(
        self,
        x: Any = None,
        y: Any = None,
        interval: Any = 0.0,
        button: Any = "left",
        *_: Any,
        **__: Any,
    ) -> list[Event]:
        return self.click(x, y, 2, button=button)

    def tripleClick(
        self,
        x: Any = None,
        y: Any = None,
        interval: Any = 0.0,
        button: Any = "left",
        *_: Any,
        **__: Any,
    ) -> list[Event]:
        return self.click(x, y, 3, button=button)

    def mouseDown(
        self, x: Any = None, y: Any = None, button: Any = "primary", *_: Any, **__: Any
    ) -> list[Event]:
        return [*self.moveTo(x, y), Button(_button(button), True)]

    def mouseUp(
        self, x: Any = None, y: Any = None, button: Any = "primary", *_: Any, **__: Any
    ) -> list[Event]:
        return [*self.moveTo(x, y), Button(_button(button), False)]

    def scroll(self, clicks: Any, x: Any = None, y: Any = None, *_: Any, **__: Any) -> list[Event]:
        return Scroll(0, -_clicks(clicks), self._at(x, y)).events()

    vscroll = scroll

    def hscroll(self, clicks: Any, x: Any = None, y: Any = None, *_: Any, **__: Any) -> list[Event]:
        return Scroll(_clicks(clicks), 0, self._at(x, y)).events()

    def keyDown(self, key: Any, *_: Any, **__: Any) -> list[Event]:
        return [Key(PYAUTOGUI.read(key), True)]

    def keyUp(self, key: Any, *_: Any, **__: Any) -> list[Event]:
        return [Key(PYAUTOGUI.read(key), False)]

    def press(self, keys: Any, presses: Any = 1, *_: Any, **__: Any) -> list[Event]:
        once = [event for key in _keys(keys) for event in Chord((key,)).events()]
        return once * _repeats("presses", presses)

    def hotkey(self, *keys: Any, interval: Any = 0.0, **_: Any) -> list[Event]:
        named = keys[0] if len(keys) == 1 else keys
        return Chord(distinct(_keys(named))).events()

    shortcut = hotkey

    def held(self, keys: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        """The keys of `with pyautogui.hold(keys)`."""
        return distinct(_keys(keys))

    def write(self, message: Any, *_: Any, **__: Any) -> list[Event]:
        return [Text(message)] if isinstance(message, str) else self.press(message)

    typewrite = write

    def sleep(self, seconds: Any) -> list[Event]:
        return [Wait(milliseconds("sleep", seconds))]

    def screenshot(self) -> Screenshot:
        return Screenshot()

    def position(self) -> CursorPosition:
        return CursorPosition()

    def _at(self, x: Any, y: Any) -> Point | None:
        if isinstance(x, Sequence) and not isinstance(x, str) and len(x) == 2 and y is None:
            x, y = x
        if x is None and y is None:
            return None
        return checked_point(pixel(x), pixel(y), self._size)


def _motion(dx: Any, dy: Any) -> Motion:
    if isinstance(dx, Sequence) and not isinstance(dx, str) and len(dx) == 2 and dy in (0, None):
        dx, dy = dx
    return Motion(whole("xOffset", pixel(dx or 0)), whole("yOffset", pixel(dy or 0)))


def _button(name: Any) -> int:
    known = BUTTONS.get(name.lower()) if isinstance(name, str) else None
    if known is None and not isinstance(name, bool) and name in (LEFT, MIDDLE, RIGHT):
        known = int(name)
    if known is None:
        raise ValueError(f"button is {name!r}, expected one of {', '.join(BUTTONS)}")
    return known


def _clicks(clicks: Any) -> int:
    return whole("clicks", int(clicks) if isinstance(clicks, float) else clicks)


def _repeats(name: str, value: Any) -> int:
    count = whole(name, value)
    if not 1 <= count <= MAX_REPEATS:
        raise ValueError(f"{name} is {count}, expected 1 to {MAX_REPEATS}")
    return count


def _keys(names: Any) -> list[str]:
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list | tuple):
        raise ValueError(f"keys are {names!r}, expected a name or a list of names")
    return [PYAUTOGUI.read(name) for name in names]
