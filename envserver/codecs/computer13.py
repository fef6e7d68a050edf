"""OSWorld's action space computer_13: sixteen kinds of actions, named in upper case.

An action is {"action_type": "CLICK", "parameters": {"x": 10, "y": 20}}, the same with the
parameters beside the type, or one of the words "WAIT", "FAIL" and "DONE". Keys have pyautogui's
names; `dy` of SCROLL is positive upwards, as there. A WAIT is taken for `WAIT_MS`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envserver.codecs.events import (
    BUTTONS,
    LEFT,
    MIDDLE,
    RIGHT,
    Button,
    Event,
    Key,
    Text,
    Wait,
    Wheel,
)
from envserver.codecs.fields import Fields, Size, checked_point, pixel, unknown
from envserver.codecs.gestures import Chord, Click, Drag, Gesture, Move, Point, Single, told
from envserver.codecs.keys import PYAUTOGUI, distinct
from envserver.codecs.requests import Done, Request

WAIT_MS = 2000.0
NUMBERS = {BUTTONS[number]: number for number in (LEFT, MIDDLE, RIGHT)}
ACTIONS = (
    *("MOVE_TO", "CLICK", "MOUSE_DOWN", "MOUSE_UP", "RIGHT_CLICK", "DOUBLE_CLICK", "DRAG_TO"),
    *("SCROLL", "TYPING", "PRESS", "KEY_DOWN", "KEY_UP", "HOTKEY", "WAIT", "FAIL", "DONE"),
)


def to_events(action: Any, size: Size) -> list[Event] | Request:
    """The events of one action, or the request that it is.

    Args:
        action: A mapping, or one of the words that are an action.
        size: Width and height of the picture that the agent saw; fractions of its pixels are cut.

    Raises:
        ValueError: it is no action, or wrong; the message says why.
    """
    if isinstance(action, str):
        action = {"action_type": action}
    if isinstance(action, Mapping) and isinstance(action.get("parameters"), Mapping):
        beside = {name: value for name, value in action.items() if name != "parameters"}
        action = {**beside, **action["parameters"]}
    fields = Fields(action, "action_type")
    if fields.name not in ACTIONS:
        raise unknown(fields.name, ACTIONS, "computer_13")
    said = _said(fields, size)
    fields.end()
    return said


def from_events(events: Iterable[Event], size: Size) -> list[dict[str, Any] | str]:
    """The actions that are these events.

    Raises:
        ValueError: no action says one of them.
    """
    return told(
        events,
        lambda gesture: _action(gesture, size),
        "computer_13",
        f"it has places, three buttons, and waits of {WAIT_MS:g} ms",
    )


def _said(fields: Fields, size: Size) -> list[Event] | Request:
    match fields.name:
        case "WAIT":
            return [Wait(WAIT_MS)]
        case "DONE" | "FAIL":
            return Done(fields.name == "DONE")
        case "TYPING":
            return [Text(fields.text("text"))]
        case "PRESS":
            return Chord((PYAUTOGUI.read(fields.take("key")),)).events()
        case "KEY_DOWN" | "KEY_UP":
            return [Key(PYAUTOGUI.read(fields.take("key")), fields.name == "KEY_DOWN")]
        case "HOTKEY":
            keys = fields.take("keys")
            if isinstance(keys, str) or not isinstance(keys, Sequence):
                raise ValueError(f"keys of HOTKEY are {keys!r:.80}, expected a list of names")
            return Chord(distinct([PYAUTOGUI.read(key) for key in keys])).events()
        case "SCROLL":
            if "dx" not in fields and "dy" not in fields:
                raise ValueError("SCROLL has neither 'dx' nor 'dy', one of which it needs")
            dx, dy = (fields.whole(name) if name in fields else 0 for name in ("dx", "dy"))
            return [Wheel(dx, -dy)]
        case "MOUSE_DOWN" | "MOUSE_UP":
            number = NUMBERS[fields.choice("button", tuple(NUMBERS), "left")]
            return [Button(number, fields.name == "MOUSE_DOWN")]
        case "MOVE_TO":
            return Move(_place(fields, size)).events()
        case "DRAG_TO":
            return Drag(LEFT, (_place(fields, size),)).events()
    at = _place(fields, size) if "x" in fields or "y" in fields else None
    if fields.name != "CLICK":
        number, count = (RIGHT, 1) if fields.name == "RIGHT_CLICK" else (LEFT, 2)
        return Click(number, count, at).events()
    number = NUMBERS[fields.choice("button", tuple(NUMBERS), "left")]
    count = fields.whole("num_clicks") if "num_clicks" in fields else 1
    if not 1 <= count <= 3:
        raise ValueError(f"num_clicks of CLICK is {count}, expected 1, 2 or 3")
    return Click(number, count, at).events()


def _place(fields: Fields, size: Size) -> Point:
    x, y = fields.take("x"), fields.take("y")
    return checked_point(pixel(x), pixel(y), size, f"the place of {fields.name}")


def _action(gesture: Gesture, size: Size) -> dict[str, Any] | str | None:
    match gesture:
        case Single(Text(text)):
            return _made("TYPING", text=text)
        case Single(Wait(ms)) if ms == WAIT_MS:
            return "WAIT"
        case Single(Key(key, down)):
            return _made("KEY_DOWN" if down else "KEY_UP", key=PYAUTOGUI.write(key))
        case Single(Wheel(dx, dy)):
            return _made("SCROLL", dx=dx, dy=-dy)
        case Single(Button(number, down)) if number <= RIGHT:
            return _made("MOUSE_DOWN" if down else "MOUSE_UP", button=BUTTONS[number])
        case Chord((key,), None):
            return _made("PRESS", key=PYAUTOGUI.write(key))
        case Chord(keys, None):
            return _made("HOTKEY", keys=[PYAUTOGUI.write(key) for key in keys])
        case Move(at, ()):
            return _made("MOVE_TO", **_where(at, size))
        case Drag(number, (end,), None, ()) if number == LEFT:
            return _made("DRAG_TO", **_where(end, size))
        case Click(number, count, at, ()) if number <= RIGHT and count <= 3:
            where = {} if at is None else _where(at, size)
            if (number, count) == (RIGHT, 1):
                return _made("RIGHT_CLICK", **where)
            if (number, count) == (LEFT, 2):
                return _made("DOUBLE_CLICK", **where)
            return _made("CLICK", button=BUTTONS[number], **where, num_clicks=count)
    return None


def _made(action_type: str, **parameters: Any) -> dict[str, Any]:
    return {"action_type": action_type, "parameters": parameters}


def _where(at: Point, size: Size) -> dict[str, int]:
    x, y = checked_point(*at, size)
    return {"x": x, "y": y}
