"""Calls of pyautogui as code, as OSWorld's agents write them; read as text and never executed.

    pyautogui.click(100, 200); pyautogui.write("ls"); time.sleep(0.5)

Arguments are plain values, in their places or by pyautogui's names. Movements take no time:
durations, tweens, intervals and pauses are read and dropped. The words "WAIT", "DONE" and "FAIL"
are actions of OSWorld.
"""

import ast
from collections.abc import Callable, Iterable
from typing import Any

from envserver.codecs.events import (
    BUTTONS,
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
from envserver.codecs.fields import (
    Fields,
    Size,
    checked_point,
    milliseconds,
    pixel,
    seconds,
    whole,
)
from envserver.codecs.gestures import Chord, Click, Drag, Gesture, Move, Point, Scroll, Single, told
from envserver.codecs.keys import PYAUTOGUI, distinct
from envserver.codecs.requests import CursorPosition, Done, Request, Screenshot, joined

WAIT_MS = 2000.0
MAX_REPEATS = 100
MODULES = ("pyautogui", "time")
SETTINGS = ("FAILSAFE", "PAUSE", "MINIMUM_DURATION", "MINIMUM_SLEEP", "DARWIN_CATCH_UP_TIME")
WORDS: dict[str, Callable[[], list[Event] | Request]] = {
    "WAIT": lambda: [Wait(WAIT_MS)],
    "DONE": lambda: Done(True),
    "FAIL": lambda: Done(False),
}
NUMBERS = {"left": LEFT, "primary": LEFT, "middle": MIDDLE, "right": RIGHT, "secondary": RIGHT}
ONE_BUTTON = {"leftClick": LEFT, "middleClick": MIDDLE, "rightClick": RIGHT}
FIXED_COUNT = {**dict.fromkeys(ONE_BUTTON, 1), "doubleClick": 2, "tripleClick": 3}

_LAST = "pause logScreenshot _pause"
_TIMED = f"duration tween {_LAST}"
_DRAG = f"duration tween button {_LAST} mouseDownUp"
PARAMETERS = {
    name: tuple(parameters.split())
    for names, parameters in {
        "moveTo": f"x y {_TIMED}",
        "move moveRel": f"xOffset yOffset {_TIMED}",
        "dragTo": f"x y {_DRAG}",
        "drag dragRel": f"xOffset yOffset {_DRAG}",
        "click": f"x y clicks interval button {_TIMED}",
        "leftClick middleClick rightClick": f"x y interval {_TIMED}",
        "doubleClick tripleClick": f"x y interval button {_TIMED}",
        "mouseDown mouseUp": f"x y button {_TIMED}",
        "scroll vscroll hscroll": f"clicks x y {_LAST}",
        "keyDown keyUp": f"key {_LAST}",
        "press": f"keys presses interval {_LAST}",
        "hold": "keys logScreenshot _pause",
        "hotkey shortcut": f"keys interval {_LAST}",
        "write typewrite": f"message interval {_LAST}",
        "sleep": "seconds",
        "screenshot position": "",
    }.items()
    for name in names.split()
}
"""The functions that make events here, and their parameters in their order."""


def to_events(action: str, size: Size) -> list[Event] | Request:
    """The events of some code, or the request that it is.

    Args:
        action: Python statements that are calls of pyautogui or time.sleep.
        size: Width and height of the picture that the agent saw; fractions of its pixels are cut.

    Raises:
        ValueError: the code is no such statements; the message names the line and says why.
    """
    if not isinstance(action, str):
        raise ValueError(f"action is {action!r:.80}, expected code such as 'pyautogui.click(1, 2)'")
    if (word := action.strip()) in WORDS:
        return WORDS[word]()
    try:
        tree = ast.parse(action)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{action!r:.120} is no Python code: {error}") from error
    try:
        return joined(_block(tree.body, size))
    except RecursionError as error:  # in ast.unparse: parsers go deeper
        raise ValueError(f"{action!r:.120} is nested too deeply") from error


def from_events(events: Iterable[Event], size: Size) -> list[str]:
    """The calls that are these events, one each.

    Raises:
        ValueError: no call says one of them.
    """
    return told(
        events,
        lambda gesture: _call(gesture, size),
        "pyautogui",
        "it has three buttons and turns one wheel at a time",
    )


def _block(statements: list[ast.stmt], size: Size) -> list[list[Event] | Request]:
    said: list[list[Event] | Request] = []
    for statement in statements:
        try:
            said += _statement(statement, size)
        except ValueError as error:
            if str(error).startswith("line "):
                raise
            code = ast.unparse(statement)
            raise ValueError(f"line {statement.lineno}, {code[:120]}: {error}") from error
    return said


def _statement(statement: ast.stmt, size: Size) -> list[list[Event] | Request]:
    match statement:
        case ast.Import(names) if all(n.name in MODULES and n.asname is None for n in names):
            return []
        case ast.Pass() | ast.Expr(ast.Constant(str())):
            return []
        case ast.Assign([ast.Attribute(ast.Name("pyautogui"), name)], ast.Constant()):
            if name in SETTINGS:
                return []
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("time"), "sleep"), [value], [])):
            return [[Wait(milliseconds("sleep", _value(value)))]]
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("pyautogui"), name)) as call):
            return [_said(_arguments(name, call), size)]
        case ast.With([ast.withitem(ast.Call() as call, None)], body):
            match call.func:
                case ast.Attribute(ast.Name("pyautogui"), "hold"):
                    keys = distinct(_keys(_arguments("hold", call).take("keys")))
                    downs: list[Event] = [Key(key, True) for key in keys]
                    ups: list[Event] = [Key(key, False) for key in keys]
                    return [downs, *_block(body, size), ups]
    raise ValueError("expected calls of pyautogui with plain values, and time.sleep")


def _arguments(name: str, call: ast.Call) -> Fields:
    """What a function is called with, by its parameters' names."""
    if name not in PARAMETERS:
        raise ValueError(f"pyautogui.{name} is no call that makes events here")
    parameters = PARAMETERS[name]
    values = [_value(argument) for argument in call.args]
    if name in ("hotkey", "shortcut"):  # which takes any number of keys, or a list
        values = [values[0] if len(values) == 1 and isinstance(values[0], list) else values]
    if len(values) > len(parameters):
        raise ValueError(f"{name} takes {len(parameters)} arguments at most, not {len(values)}")
    given = dict(zip(parameters, values, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None:
            raise ValueError("** is no plain value")
        if keyword.arg not in parameters:
            wanted = ", ".join(each for each in parameters if each[0] != "_")
            raise ValueError(f"{name} takes no {keyword.arg!r}, expected {wanted or 'nothing'}")
        if keyword.arg in given:
            raise ValueError(f"{name} is given {keyword.arg!r} twice")
        given[keyword.arg] = _value(keyword.value)
    return Fields({**given, "": name}, "")  # no parameter is called ""


def _value(node: ast.expr) -> Any:
    """A literal, or the name of one of pyautogui's constants and tweens."""
    match node:
        case ast.Attribute(ast.Name("pyautogui"), name):
            return name.lower()
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{ast.unparse(node)[:80]} is no plain value") from error


def _said(fields: Fields, size: Size) -> list[Event] | Request:
    match fields.name:
        case "screenshot":
            return Screenshot()
        case "position":
            return CursorPosition()
        case "sleep":
            return [Wait(fields.seconds("seconds"))]
        case "hold":
            raise ValueError("expected `with pyautogui.hold(...):` and what is done meanwhile")
        case "keyDown" | "keyUp":
            return [Key(PYAUTOGUI.read(fields.take("key")), fields.name == "keyDown")]
        case "hotkey" | "shortcut":
            return Chord(distinct(_keys(fields.take("keys")))).events()
        case "press":
            return _pressed(fields.take("keys")) * _repeats(fields, "presses")
        case "write" | "typewrite":
            message = fields.take("message")
            return [Text(message)] if isinstance(message, str) else _pressed(message)
        case "move" | "moveRel":
            return [_motion(fields)]
        case "drag" | "dragRel":
            motion = _motion(fields)
            return _dragged(fields, [motion]) if motion.dx or motion.dy else []
    at = _place(fields, size)
    moved = [] if at is None else Move(at).events()
    match fields.name:
        case "moveTo":
            return moved
        case "dragTo":
            return _dragged(fields, moved)
        case "mouseDown" | "mouseUp":
            return [*moved, Button(_button(fields), fields.name == "mouseDown")]
        case "scroll" | "vscroll":
            return Scroll(0, -whole("clicks", pixel(fields.take("clicks"))), at).events()
        case "hscroll":
            return Scroll(whole("clicks", pixel(fields.take("clicks"))), 0, at).events()
    number = ONE_BUTTON.get(fields.name) or _button(fields)
    count = FIXED_COUNT.get(fields.name) or _repeats(fields, "clicks")
    return Click(number, count, at).events()


def _place(fields: Fields, size: Size) -> Point | None:
    x, y = fields.optional("x"), fields.optional("y")
    if isinstance(x, list | tuple) and len(x) == 2 and y is None:
        x, y = x
    return None if x is None and y is None else checked_point(pixel(x), pixel(y), size)


def _motion(fields: Fields) -> Motion:
    dx, dy = fields.optional("xOffset", 0), fields.optional("yOffset", 0)
    if isinstance(dx, list | tuple) and len(dx) == 2:
        dx, dy = dx
    return Motion(whole("xOffset", pixel(dx)), whole("yOffset", pixel(dy)))


def _dragged(fields: Fields, moved: list[Event]) -> list[Event]:
    """A movement while a button is held; without `mouseDownUp` others hold it."""
    number = _button(fields)
    if not fields.optional("mouseDownUp", True):
        return moved
    return [Button(number, True), *moved, Button(number, False)]


def _button(fields: Fields) -> int:
    name = fields.optional("button", "left")
    number = NUMBERS.get(name.lower()) if isinstance(name, str) else None
    if number is None and not isinstance(name, bool) and name in (LEFT, MIDDLE, RIGHT):
        number = int(name)
    if number is None:
        raise ValueError(f"button is {name!r:.80}, expected one of {', '.join(NUMBERS)}")
    return number


def _repeats(fields: Fields, name: str) -> int:
    count = whole(name, fields.optional(name, 1))
    if not 1 <= count <= MAX_REPEATS:
        raise ValueError(f"{name} is {count}, expected 1 to {MAX_REPEATS}")
    return count


def _pressed(names: Any) -> list[Event]:
    return [event for key in _keys(names) for event in Chord((key,)).events()]


def _keys(names: Any) -> list[str]:
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list | tuple):
        raise ValueError(f"keys are {names!r:.80}, expected a name or a list of names")
    return [PYAUTOGUI.read(name) for name in names]


def _call(gesture: Gesture, size: Size) -> str | None:
    match gesture:
        case Single(Text(text)):
            return _code("write", text)
        case Single(Wait(ms)):
            return f"time.sleep({seconds(ms)!r})"
        case Single(Motion(dx, dy)):
            return _code("move", dx, dy)
        case Single(Key(key, down)):
            return _code("keyDown" if down else "keyUp", PYAUTOGUI.write(key))
        case Single(Button(number, down)) if number <= RIGHT:
            return _code("mouseDown" if down else "mouseUp", button=BUTTONS[number])
        case Chord((key,), None):
            return _code("press", PYAUTOGUI.write(key))
        case Chord(keys, None):
            return _code("hotkey", *(PYAUTOGUI.write(key) for key in keys))
        case Move(at, ()):
            return _code("moveTo", *checked_point(*at, size))
        case Drag(number, (end,), None, ()) if number <= RIGHT:
            return _code("dragTo", *checked_point(*end, size), button=BUTTONS[number])
        case Click(number, count, at, ()) if number <= RIGHT and count <= MAX_REPEATS:
            counted = {} if count == 1 else {"clicks": count}
            return _code("click", *_where(at, size), **counted, button=BUTTONS[number])
        case Scroll(0, dy, at, ()):
            return _code("scroll", -dy, *_where(at, size))
        case Scroll(dx, 0, at, ()):
            return _code("hscroll", dx, *_where(at, size))
    return None


def _code(call: str, *arguments: Any, **named: Any) -> str:
    said = [repr(argument) for argument in arguments]
    said += [f"{name}={value!r}" for name, value in named.items()]
    return f"pyautogui.{call}({', '.join(said)})"


def _where(at: Point | None, size: Size) -> tuple[int, ...]:
    return () if at is None else checked_point(*at, size)
