"""The action space of UI-TARS, for computers.

An action is the model's answer, or only what follows "Action:" in it, such as

    click(point='<point>200 300</point>')

Points are also read as "(200,300)", "[200,300]" and boxes of four numbers, which mean their middle.
Coordinates count thousandths of the picture (`grid=1000`), or the pixels of what the model's
processor made of it (`grid=(1932, 1092)`: UI-TARS 1.5 sees sides that are multiples of 28). A
scroll is `CLICKS` of the wheel, a wait `WAIT_MS`.
"""

import ast
import re
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from envserver.codecs.events import LEFT, RIGHT, Event, Key, Text, Wait
from envserver.codecs.fields import Fields, Size, checked_point, unknown
from envserver.codecs.gestures import (
    DIRECTIONS,
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
from envserver.codecs.hand import checked_size
from envserver.codecs.keys import UITARS, distinct
from envserver.codecs.requests import CallUser, Done, Request, joined

Grid = int | tuple[int, int]
"""Into how many parts coordinates divide the picture: each way, or (columns, rows)."""

CLICKS = 5
WAIT_MS = 5000.0
BUTTONS = {"click": (LEFT, 1), "left_double": (LEFT, 2), "right_single": (RIGHT, 1)}
ACTIONS = (
    *(*BUTTONS, "left_single", "hover", "drag", "select", "hotkey", "press", "keydown", "release"),
    *("keyup", "type", "scroll", "wait", "finished", "call_user"),
)
_MARK = re.compile(r"Action[:\uff1a]\s*(?=[a-z_]+\()")
"""What stands before the action; what is typed may say so too, but later."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CONTENT = re.compile(r"(type|finished)\(\s*content\s*=\s*(['\"])(.*)\2\s*\)\s*", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "'": "'", '"': '"', "\\": "\\"}


def to_events(action: str, size: Size, *, grid: Grid = 1000) -> list[Event] | Request:
    """The events of an answer, or the request that it is.

    Args:
        action: With or without the model's thoughts before "Action:".
        size: Width and height of the picture that the agent saw.
        grid: What the model's coordinates count; the same as `size` if pixels of that picture.

    Raises:
        ValueError: it is no action, or wrong; the message says why.
    """
    if not isinstance(action, str):
        raise ValueError(f'action is {action!r:.80}, expected text such as "wait()"')
    text = action.strip()
    if re.match(r"[a-z_]+\(", text) is None and (mark := _MARK.search(text)) is not None:
        text = text[mark.end() :]
    return joined([_said(fields, size, grid) for fields in _calls(text)])


def from_events(events: Iterable[Event], size: Size, *, grid: Grid = 1000) -> list[str]:
    """The actions that are these events.

    A picture that is wider or higher than the grid has places that no action says; the next one
    does.

    Raises:
        ValueError: no action says one of them.
    """
    return told(
        events,
        lambda gesture: _action(gesture, size, grid),
        "UI-TARS",
        "it has no buttons that stay down, clicks have a place, a scroll is "
        f"{CLICKS} clicks, a wait {WAIT_MS:g} ms",
    )


def _calls(text: str) -> list[Fields]:
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        match = _CONTENT.fullmatch(text)  # quotes and line ends in it may be bare
        if match is None:
            raise ValueError(f"{text!r:.120} is no action: {error}") from error
        content = re.sub(r"\\(.)", _unescaped, match[3], flags=re.DOTALL)
        return [Fields({"action": match[1], "content": content}, "action")]
    try:
        found = [_read(statement) for statement in statements]
    except RecursionError as error:  # in ast.unparse: parsers go deeper
        raise ValueError(f"{text!r:.120} is nested too deeply") from error
    if not found:
        raise ValueError(f"there is no action in {text!r:.120}")
    return found


def _read(statement: ast.stmt) -> Fields:
    match statement:
        case ast.Expr(ast.Call(ast.Name(name), [], keywords)):
            fields: dict[str, Any] = {"action": name}
            for keyword in keywords:
                if keyword.arg is None or not isinstance(keyword.value, ast.Constant):
                    raise ValueError(f"{ast.unparse(statement)[:120]} has no plain values")
                fields[keyword.arg] = keyword.value.value
            return Fields(fields, "action")
    raise ValueError(f"{ast.unparse(statement)[:120]} is no action, expected click(point='...')")


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])


def _said(fields: Fields, size: Size, grid: Grid) -> list[Event] | Request:
    said = _one(fields, size, grid)
    fields.end()
    return said


def _one(fields: Fields, size: Size, grid: Grid) -> list[Event] | Request:
    match fields.name:
        case "wait":
            return [Wait(WAIT_MS)]
        case "call_user":
            return CallUser()
        case "finished":
            return Done(True, fields.text("content") if "content" in fields else "")
        case "type":
            return [Text(fields.text("content"))]
        case "hotkey":
            names = fields.text("key").split()
            return Chord(distinct([UITARS.read(name) for name in names])).events()
        case "press" | "keydown" | "release" | "keyup":
            down = fields.name in ("press", "keydown")
            return [Key(UITARS.read(fields.take("key")), down)]
        case "drag" | "select":
            start = _point(fields, ("start_point", "start_box"), size, grid)
            end = _point(fields, ("end_point", "end_box"), size, grid)
            return Drag(LEFT, (end,), start).events()
        case "scroll":
            dx, dy = DIRECTIONS[fields.choice("direction", tuple(DIRECTIONS))]
            there = "point" in fields or "start_box" in fields
            at = _point(fields, ("point", "start_box"), size, grid) if there else None
            return Scroll(dx * CLICKS, dy * CLICKS, at).events()
    if fields.name not in ACTIONS:
        raise unknown(fields.name, ACTIONS, "UI-TARS")
    at = _point(fields, ("point", "start_box"), size, grid)
    if fields.name == "hover":
        return Move(at).events()
    number, count = BUTTONS.get(fields.name, (LEFT, 1))
    return Click(number, count, at).events()


def _point(fields: Fields, names: tuple[str, str], size: Size, grid: Grid) -> Point:
    name = names[1] if names[1] in fields else names[0]
    text = fields.text(name)
    numbers = [float(number) for number in _NUMBER.findall(re.sub(r"<[^>]*>", " ", text))]
    if len(numbers) not in (2, 4):
        raise ValueError(
            f"{name} of {fields.name} is {text!r:.80}, expected '<point>x y</point>' or '(x,y)'"
        )
    x, y = (sum(numbers[axis::2]) * 2 / len(numbers) for axis in (0, 1))
    where = f"{name} of {fields.name}"
    columns, rows = _parts(grid)
    if not (0 <= x <= columns and 0 <= y <= rows):
        raise ValueError(f"{where} is {text!r:.80}, outside of the grid of {columns}x{rows}")
    width, height = checked_size(size)
    return min(int(x * width // columns), width - 1), min(int(y * height // rows), height - 1)


def _parts(grid: Grid) -> tuple[int, int]:
    both = (grid, grid) if isinstance(grid, Integral) else grid
    return checked_size(both, "grid", "the parts each way, as 1000, or (columns, rows)")


def _action(gesture: Gesture, size: Size, grid: Grid) -> str | None:
    def point(at: Point) -> str:
        x, y = checked_point(*at, size)
        columns, rows = _parts(grid)
        return f"'<point>{-(-x * columns // size[0])} {-(-y * rows // size[1])}</point>'"

    match gesture:
        case Single(Text(text)):
            return f"type(content={text!r})"
        case Single(Wait(ms)) if ms == WAIT_MS:
            return "wait()"
        case Single(Key(key, down)):
            return f"{'press' if down else 'release'}(key={UITARS.write(key)!r})"
        case Chord(keys, None):
            return f"hotkey(key={' '.join(UITARS.write(key) for key in keys)!r})"
        case Click(number, count, at, ()) if at is not None:
            for name, which in BUTTONS.items():
                if which == (number, count):
                    return f"{name}(point={point(at)})"
        case Drag(number, (end,), start, ()) if number == LEFT and start is not None:
            return f"drag(start_point={point(start)}, end_point={point(end)})"
        case Move(at, ()):
            return f"hover(point={point(at)})"
        case Scroll(dx, dy, at, ()):
            for name, (x, y) in DIRECTIONS.items():
                if (dx, dy) == (x * CLICKS, y * CLICKS):
                    where = "" if at is None else f"point={point(at)}, "
                    return f"scroll({where}direction={name!r})"
    return None
