"""The vocabulary of Anthropic's computer use tool, and of the toolset that came after it.

An action is the `input` of a tool_use block, {"action": "left_click", "coordinate": [x, y]}, or the
whole block; blocks of the toolset have the action's name as theirs. Keys are named as in xdotool,
and joined by "+"; several combinations are separated by blanks. Modifiers that are held during a
click, a drag or a scroll are its "text", or its "key".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from envserver.codecs.events import LEFT, MIDDLE, RIGHT, Button, Event, Text, Wait
from envserver.codecs.fields import Fields, Size, checked_point, seconds, unknown
from envserver.codecs.gestures import (
    DIRECTIONS,
    Chord,
    Click,
    Drag,
    Gesture,
    Move,
    Scroll,
    Single,
    told,
)
from envserver.codecs.keys import combination, xdotool_name
from envserver.codecs.requests import CursorPosition, Request, Screenshot, Zoom

Version = Literal["computer_20250124", "computer_20251124", "computer_toolset_20260801"]

CLICKS = {
    "left_click": (LEFT, 1),
    "double_click": (LEFT, 2),
    "triple_click": (LEFT, 3),
    "middle_click": (MIDDLE, 1),
    "right_click": (RIGHT, 1),
}
ACTIONS = (
    *("key", "hold_key", "type", "mouse_move", *CLICKS, "left_click_drag", "left_mouse_down"),
    *("left_mouse_up", "scroll", "wait", "screenshot", "cursor_position"),
)
ZOOMING = (*ACTIONS, "zoom")
VERSIONS: dict[str, tuple[str, ...]] = {
    "computer_20250124": ACTIONS,
    "computer_20251124": ZOOMING,
    "computer_toolset_20260801": ZOOMING,
}
TOOL = "computer"
MAX_REPEAT = 100


def to_events(
    action: Any, size: Size, *, version: Version = "computer_toolset_20260801"
) -> list[Event] | Request:
    """The events of one action, or the request that it is.

    Args:
        action: A tool_use block, or its input.
        size: Width and height of the picture that the agent saw.
        version: Of the tool: which actions it has. The newest has all.

    Raises:
        ValueError: it is no action of that version, or wrong; the message says why.
    """
    known = VERSIONS.get(version) if isinstance(version, str) else None
    if known is None:
        raise ValueError(f"version is {version!r:.80}, expected one of {', '.join(VERSIONS)}")
    fields = Fields(_input(action), "action")
    if fields.name not in known:
        raise unknown(fields.name, known, version)
    said = _said(fields, size)
    fields.end()
    return said


def from_events(events: Iterable[Event], size: Size) -> list[dict[str, Any]]:
    """The actions that are these events; of a drag, only the toolset knows what it holds.

    Raises:
        ValueError: no action says one of them.
    """

    def say(gesture: Gesture) -> dict[str, Any] | None:
        return _action(gesture, size)

    return told(
        events,
        say,
        "the computer tool",
        "it knows keys that go down and up together, "
        "the left button, places, and one direction of the wheel at a time",
    )


def _input(action: Any) -> Any:
    """The input of a tool_use block, with the action's name in it; all else as it is."""
    given = action.model_dump() if hasattr(action, "model_dump") else action
    if not isinstance(given, Mapping) or given.get("type") != "tool_use":
        return given
    said = given.get("input")
    if not isinstance(said, Mapping):
        raise ValueError(f"input of the tool_use block is {said!r:.80}, expected a mapping")
    return said if given.get("name") == TOOL else {**said, "action": given.get("name")}


def _said(fields: Fields, size: Size) -> list[Event] | Request:
    match fields.name:
        case "screenshot":
            return Screenshot()
        case "cursor_position":
            return CursorPosition()
        case "zoom":
            return _zoom(fields.take("region"), size)
        case "key":
            text = fields.text("text")
            parts = [text] if len(text) == 1 else text.split()
            if not parts:
                raise ValueError(f"text of key is {text!r:.80}, expected keys such as 'ctrl+s'")
            pressed = [event for part in parts for event in Chord(combination(part)).events()]
            return pressed * _repeat(fields)
        case "hold_key":
            return Chord(combination(fields.text("text")), fields.seconds("duration")).events()
        case "type":
            return [Text(fields.text("text"))]
        case "wait":
            return [Wait(fields.seconds("duration"))]
        case "mouse_move":
            return Move(fields.point("coordinate", size)).events()
        case "left_mouse_down" | "left_mouse_up":
            return [Button(LEFT, fields.name == "left_mouse_down")]
        case "left_click_drag":
            start = fields.point("start_coordinate", size) if "start_coordinate" in fields else None
            end = fields.point("coordinate", size)
            return Drag(LEFT, (end,), start, _modifiers(fields)).events()
        case "scroll":
            dx, dy = DIRECTIONS[fields.choice("scroll_direction", tuple(DIRECTIONS))]
            amount = fields.whole("scroll_amount")
            if amount < 0:
                raise ValueError(f"scroll_amount of scroll is {amount}, expected 0 or more")
            at = fields.point("coordinate", size) if "coordinate" in fields else None
            return Scroll(dx * amount, dy * amount, at, _modifiers(fields)).events()
    number, count = CLICKS[fields.name]
    at = fields.point("coordinate", size) if "coordinate" in fields else None
    return Click(number, count, at, _modifiers(fields)).events()


def _repeat(fields: Fields) -> int:
    times = fields.whole("repeat") if "repeat" in fields else 1
    if not 1 <= times <= MAX_REPEAT:
        raise ValueError(f"repeat of {fields.name} is {times}, expected 1 to {MAX_REPEAT}")
    return times


def _modifiers(fields: Fields) -> tuple[str, ...]:
    name = "key" if "key" in fields else "text"
    return combination(fields.text(name)) if name in fields else ()


def _zoom(region: Any, size: Size) -> Zoom:
    if not isinstance(region, list | tuple) or len(region) != 4:
        raise ValueError(f"region of zoom is {region!r:.80}, expected [x0, y0, x1, y1]")
    left, top = checked_point(region[0], region[1], size, "the region's start")
    wider = (size[0] + 1, size[1] + 1)
    right, bottom = checked_point(region[2], region[3], wider, "the region's end")
    if right <= left or bottom <= top:
        raise ValueError(f"region of zoom is {region!r:.80}, which holds no pixel")
    return Zoom(left, top, right, bottom)


def _action(gesture: Gesture, size: Size) -> dict[str, Any] | None:
    match gesture:
        case Single(Text(text)):
            return {"action": "type", "text": text}
        case Single(Wait(ms)):
            return {"action": "wait", "duration": seconds(ms)}
        case Single(Button(number, down)) if number == LEFT:
            return {"action": "left_mouse_down" if down else "left_mouse_up"}
        case Chord(keys, None):
            return {"action": "key", "text": _text(keys)}
        case Chord(keys, hold_ms) if hold_ms is not None:
            return {"action": "hold_key", "text": _text(keys), "duration": seconds(hold_ms)}
        case Move(at, ()):
            return {"action": "mouse_move", "coordinate": list(checked_point(*at, size))}
        case Click(number, count, at, keys):
            for name, which in CLICKS.items():
                if which == (number, count):
                    return {"action": name, **_where(at, size), **_held(keys)}
        case Drag(number, (end,), start, keys) if number == LEFT and start is not None:
            start_at, end_at = checked_point(*start, size), checked_point(*end, size)
            return {
                "action": "left_click_drag",
                "start_coordinate": list(start_at),
                "coordinate": list(end_at),
                **_held(keys),
            }
        case Scroll(dx, dy, at, keys) if dx == 0 or dy == 0:
            towards = ("up" if dy < 0 else "down") if dx == 0 else "left" if dx < 0 else "right"
            return {
                "action": "scroll",
                **_where(at, size),
                "scroll_direction": towards,
                "scroll_amount": abs(dx + dy),
                **_held(keys),
            }
    return None


def _where(at: tuple[int, int] | None, size: Size) -> dict[str, Any]:
    return {} if at is None else {"coordinate": list(checked_point(*at, size))}


def _held(keys: tuple[str, ...]) -> dict[str, Any]:
    return {"text": _text(keys)} if keys else {}


def _text(keys: tuple[str, ...]) -> str:
    return "+".join(xdotool_name(key) for key in keys)
