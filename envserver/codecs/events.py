"""What a person can do at a desktop, one event at a time: the layer that all vocabularies share.

An action is a list of events, done in order. Time passes only where a `Wait` says so, while a text
is typed, and where the same key or button changes twice (`envserver.codecs.hand`); or an event says
by `at_ms` when in its step it happens.

    Key("Return", True)     a key goes down, or up: a keysym's name ("ctrl", "Page_Up") or one
                            character
    Text("ls\\n")            characters, typed one after another
    Pointer(x, y)           the pointer goes to a pixel of the picture that the agent saw
    Motion(dx, dy)          the pointer moves by so many pixels of that picture
    Button(1, True)         a button goes down, or up
    Wheel(0, 3)             the wheel turns: clicks to the right, clicks downwards
    Wait(250)               milliseconds pass

They refuse what no desktop could do when they are made; what depends on the screen is refused by
`envserver.codecs.hand` before anything is sent.
"""

import dataclasses
import numbers

from envserver.actions import MAX_SPAN_MS
from workers.keysyms import keysym

LEFT, MIDDLE, RIGHT, BACK, FORWARD = 1, 2, 3, 8, 9
BUTTONS = {LEFT: "left", MIDDLE: "middle", RIGHT: "right", BACK: "back", FORWARD: "forward"}
MAX_CLICKS = 1000
"""The most that one event turns the wheel."""
MAX_MOTION_PX = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """`key` goes down or up.

    Raises:
        ValueError: no key is called so.
    """

    key: str
    down: bool
    at_ms: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise ValueError(f"key is {self.key!r:.80}, expected a keysym's name or one character")
        keysym(self.key)
        _check_bool("down", self.down)
        _check_at(self.at_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """`text` is typed, as fast as desktops read it; "\\n" is Return, "\\t" Tab.

    Raises:
        ValueError: no key types one of its characters.
    """

    text: str
    at_ms: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ValueError(f"text is {self.text!r:.80}, expected a str")
        for character in self.text:
            keysym(character)
        _check_at(self.at_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Pointer:
    """The pointer goes to column `x`, row `y`, counted from 0, of the picture the agent saw."""

    x: int
    y: int
    at_ms: float | None = None

    def __post_init__(self) -> None:
        _check_whole("x", self.x, 0, MAX_MOTION_PX)
        _check_whole("y", self.y, 0, MAX_MOTION_PX)
        _check_at(self.at_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Motion:
    """The pointer moves by pixels of that picture, and stops at the screen's borders."""

    dx: int
    dy: int
    at_ms: float | None = None

    def __post_init__(self) -> None:
        _check_whole("dx", self.dx, -MAX_MOTION_PX, MAX_MOTION_PX)
        _check_whole("dy", self.dy, -MAX_MOTION_PX, MAX_MOTION_PX)
        _check_at(self.at_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Button:
    """Button `number` (1 left, 2 middle, 3 right, 8 back, 9 forward, as in X) goes down or up."""

    number: int
    down: bool
    at_ms: float | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.number, int) and not isinstance(self.number, bool)
        if not whole or self.number not in BUTTONS:
            known = ", ".join(f"{number} ({name})" for number, name in BUTTONS.items())
            raise ValueError(f"button is {self.number!r:.80}, expected {known}")
        _check_bool("down", self.down)
        _check_at(self.at_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Wheel:
    """The wheel turns by clicks: `dx` > 0 to the right, `dy` > 0 downwards."""

    dx: int
    dy: int
    at_ms: float | None = None

    def __post_init__(self) -> None:
        _check_whole("dx", self.dx, -MAX_CLICKS, MAX_CLICKS)
        _check_whole("dy", self.dy, -MAX_CLICKS, MAX_CLICKS)
        _check_at(self.at_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """`ms` milliseconds pass before the next event."""

    ms: float
    at_ms: float | None = None

    def __post_init__(self) -> None:
        _check_ms("a wait", self.ms)
        _check_at(self.at_ms)


Event = Key | Text | Pointer | Motion | Button | Wheel | Wait


def _check_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r:.80}, expected True or False")


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"{name} is {value!r:.80}, expected an integer")
    if not low <= int(value) <= high:
        raise ValueError(f"{name} is {value!r:.80}, expected {low} to {high}")


def _check_at(at_ms: object) -> None:
    if at_ms is not None:
        _check_ms("at_ms", at_ms)


def _check_ms(name: str, value: object) -> None:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_SPAN_MS:  # type: ignore[operator]
        raise ValueError(f"{name} is {value!r:.80}, expected milliseconds from 0 to {MAX_SPAN_MS}")
