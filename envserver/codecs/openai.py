"""The vocabulary of OpenAI's computer tool in the Responses API.

An action is a mapping such as {"type": "click", "button": "left", "x": 10, "y": 20}, or the
client's object for it. A `computer_call` may have several, in "actions": take one after another.
Keys are named in upper case; `keys` of a click, drag, move or scroll are held meanwhile.

The vocabulary scrolls by pixels, and its waits have no length: a click of the wheel is taken for
`CLICK_PX`, a wait for `WAIT_MS`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envserver.codecs.events import BACK, FORWARD, LEFT, MIDDLE, RIGHT, Event, Text, Wait
from envserver.codecs.fields import Fields, Size, checked_point, unknown
from envserver.codecs.gestures import (
    Chord,
    Click,
    Drag,
    Gesture,
    Move,
    Point,
    Scroll,
    Single,
    told,
)
from envserver.codecs.keys import OPENAI, distinct
from envserver.codecs.requests import Request, Screenshot

CLICK_PX = 100
WAIT_MS = 2000.0
BUTTONS = {"left": LEFT, "wheel": MIDDLE, "right": RIGHT, "back": BACK, "forward": FORWARD}
ACTIONS = (
    *("click", "double_click", "drag", "keypress", "move", "screenshot", "scroll", "type"),
    "wait",
)


def to_events(action: Any, size: Size) -> list[Event] | Request:
    """The events of one action, or the request that it is.

    Args:
        action: One of a computer_call's actions.
        size: Width and height of the picture that the agent saw.

    Raises:
        ValueError: it is no action, or wrong; the message says why.
    """
    fields = Fields(action, "type")
    if fields.name == "computer_call":
        raise ValueError("action is a computer_call, expected what its 'actions' are, one by one")
    if fields.name not in ACTIONS:
        raise unknown(fields.name, ACTIONS, "the computer tool")
    said = _said(fields, size)
    fields.end()
    return said


def from_events(events: Iterable[Event], size: Size) -> list[dict[str, Any]]:
    """The actions that are these events.

    Raises:
        ValueError: no action says one of them.
    """
    return told(
        events,
        lambda gesture: _action(gesture, size),
        "the computer tool of OpenAI",
        "keys and buttons go down and up together, clicks and the wheel have a place, "
        f"waits take {WAIT_MS:g} ms",
    )


def _said(fields: Fields, size: Size) -> list[Event] | Request:
    match fields.name:
        case "screenshot":
            return Screenshot()
        case "wait":
            return [Wait(WAIT_MS)]
        case "type":
            return [Text(fields.text("text"))]
        case "keypress":
            return Chord(_keys(fields.take("keys"))).events()
    held = fields.optional("keys", ())
    keys = () if isinstance(held, list | tuple) and not held else _keys(held)
    match fields.name:
        case "drag":
            start, *way = _path(fields.take("path"), size)
            return Drag(LEFT, tuple(way), start, keys).events()
        case "move":
            return Move(fields.x_and_y(size), keys).events()
        case "scroll":
            dx, dy = (_clicks(fields.whole(name)) for name in ("scroll_x", "scroll_y"))
            return Scroll(dx, dy, fields.x_and_y(size), keys).events()
        case "double_click":
            return Click(LEFT, 2, fields.x_and_y(size), keys).events()
    button = fields.choice("button", tuple(BUTTONS), "left")
    return Click(BUTTONS[button], 1, fields.x_and_y(size), keys).events()


def _keys(names: Any) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ValueError(f"keys are {names!r:.80}, expected a list of names such as ['CTRL', 'L']")
    return distinct([OPENAI.read(name) for name in names])


def _path(path: Any, size: Size) -> list[Point]:
    if isinstance(path, str) or not isinstance(path, Sequence) or len(path) < 2:
        raise ValueError(f"path of drag is {path!r:.80}, expected two places or more")
    points = []
    for place in path:
        if isinstance(place, Mapping) and set(place) == {"x", "y"}:
            place = (place["x"], place["y"])
        if isinstance(place, str | Mapping) or not isinstance(place, Sequence) or len(place) != 2:
            raise ValueError(f"a place of drag is {place!r:.80}, expected {{'x': ..., 'y': ...}}")
        points.append(checked_point(place[0], place[1], size, "a place of drag"))
    return points


def _clicks(distance_px: int) -> int:
    """Clicks of the wheel, at least one where there is any distance."""
    clicks = max(1, (abs(distance_px) + CLICK_PX // 2) // CLICK_PX) if distance_px else 0
    return clicks if distance_px > 0 else -clicks


def _action(gesture: Gesture, size: Size) -> dict[str, Any] | None:
    match gesture:
        case Single(Text(text)):
            return {"type": "type", "text": text}
        case Single(Wait(ms)) if ms == WAIT_MS:
            return {"type": "wait"}
        case Chord(keys, None):
            return {"type": "keypress", "keys": [OPENAI.write(key) for key in keys]}
        case Move(at, keys):
            return {"type": "move", **_where(at, size), **_held(keys)}
        case Click(number, 1, at, keys) if at is not None:
            (button,) = (name for name, which in BUTTONS.items() if which == number)
            return {"type": "click", "button": button, **_where(at, size), **_held(keys)}
        case Click(number, 2, at, keys) if at is not None and number == LEFT:
            return {"type": "double_click", **_where(at, size), **_held(keys)}
        case Drag(number, path, start, keys) if number == LEFT and start is not None and path:
            places = [_where(point, size) for point in (start, *path)]
            return {"type": "drag", "path": places, **_held(keys)}
        case Scroll(dx, dy, at, keys) if at is not None:
            distances = {"scroll_x": dx * CLICK_PX, "scroll_y": dy * CLICK_PX}
            return {"type": "scroll", **_where(at, size), **distances, **_held(keys)}
    return None


def _where(at: Point, size: Size) -> dict[str, int]:
    x, y = checked_point(*at, size)
    return {"x": x, "y": y}


def _held(keys: tuple[str, ...]) -> dict[str, Any]:
    return {"keys": [OPENAI.write(key) for key in keys]} if keys else {}
