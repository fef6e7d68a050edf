"""Calls of pyautogui as code, as OSWorld's agents write them; read as text and never executed.

    pyautogui.click(100, 200); pyautogui.write("ls"); time.sleep(0.5)

Arguments are plain values. Movements take no time: durations, tweens and intervals are read and
dropped. The words "WAIT", "DONE" and "FAIL" are actions of OSWorld.
"""

import ast
import inspect
from collections.abc import Callable, Iterable
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
from envserver.codecs.fields import Size, checked_point, seconds
from envserver.codecs.gestures import Chord, Click, Drag, Gesture, Move, Scroll, Single, told
from envserver.codecs.keys import PYAUTOGUI
from envserver.codecs.pyautogui_calls import MAX_REPEATS, Calls
from envserver.codecs.requests import Done, Request, joined

WAIT_MS = 2000.0
MODULES = ("pyautogui", "time")
SETTINGS = ("FAILSAFE", "PAUSE", "MINIMUM_DURATION", "MINIMUM_SLEEP", "DARWIN_CATCH_UP_TIME")
WORDS: dict[str, Callable[[], list[Event] | Request]] = {
    "WAIT": lambda: [Wait(WAIT_MS)],
    "DONE": lambda: Done(True),
    "FAIL": lambda: Done(False),
}


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
    return joined(_block(tree.body, Calls(size)))


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


def _block(statements: list[ast.stmt], calls: Calls) -> list[list[Event] | Request]:
    said: list[list[Event] | Request] = []
    for statement in statements:
        try:
            said += _statement(statement, calls)
        except ValueError as error:
            if str(error).startswith("line "):
                raise
            code = ast.unparse(statement)
            raise ValueError(f"line {statement.lineno}, {code[:120]}: {error}") from error
    return said


def _statement(statement: ast.stmt, calls: Calls) -> list[list[Event] | Request]:
    match statement:
        case ast.Import(names) if all(n.name in MODULES and n.asname is None for n in names):
            return []
        case ast.Pass() | ast.Expr(ast.Constant(str())):
            return []
        case ast.Assign([ast.Attribute(ast.Name("pyautogui"), name)], ast.Constant()):
            if name in SETTINGS:
                return []
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("time"), "sleep"), [value], [])):
            return [calls.sleep(_value(value))]
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("pyautogui"), name)) as call):
            return [_called(_method(calls, name), call)]
        case ast.With([ast.withitem(ast.Call() as call, None)], body):
            match call.func:
                case ast.Attribute(ast.Name("pyautogui"), "hold"):
                    keys = _called(calls.held, call)
                    downs: list[Event] = [Key(key, True) for key in keys]
                    ups: list[Event] = [Key(key, False) for key in keys]
                    return [downs, *_block(body, calls), ups]
    raise ValueError("expected calls of pyautogui with plain values, and time.sleep")


def _method(calls: Calls, name: str) -> Callable[..., list[Event] | Request]:
    method = None if name.startswith("_") or name == "held" else getattr(calls, name, None)
    if not callable(method):
        raise ValueError(f"pyautogui.{name} is no call that makes events here")
    return method  # type: ignore[no-any-return]


def _called(function: Callable[..., Any], call: ast.Call) -> Any:
    arguments = [_value(argument) for argument in call.args]
    if any(keyword.arg is None for keyword in call.keywords):
        raise ValueError("** is no plain value")
    named = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as error:
        raise ValueError(str(error)) from error
    return function(*arguments, **named)


def _value(node: ast.expr) -> Any:
    """A literal, or the name of one of pyautogui's constants and tweens."""
    match node:
        case ast.Attribute(ast.Name("pyautogui"), name):
            return name.lower()
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{ast.unparse(node)[:80]} is no plain value") from error


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
        case Single(Button(number, down)) if (name := _name(number)) is not None:
            return _code("mouseDown" if down else "mouseUp", button=name)
        case Chord((key,), None):
            return _code("press", PYAUTOGUI.write(key))
        case Chord(keys, None):
            return _code("hotkey", *(PYAUTOGUI.write(key) for key in keys))
        case Move(at, ()):
            return _code("moveTo", *checked_point(*at, size))
        case Drag(number, (end,), None, ()) if (name := _name(number)) is not None:
            return _code("dragTo", *checked_point(*end, size), button=name)
        case Click(number, count, at, ()) if (
            name := _name(number)
        ) is not None and count <= MAX_REPEATS:
            counted = {} if count == 1 else {"clicks": count}
            return _code("click", *_where(at, size), **counted, button=name)
        case Scroll(0, dy, at, ()):
            return _code("scroll", -dy, *_where(at, size))
        case Scroll(dx, 0, at, ()):
            return _code("hscroll", dx, *_where(at, size))
    return None


def _code(call: str, *arguments: Any, **named: Any) -> str:
    said = [repr(argument) for argument in arguments]
    said += [f"{name}={value!r}" for name, value in named.items()]
    return f"pyautogui.{call}({', '.join(said)})"


def _name(number: int) -> str | None:
    return {LEFT: "left", MIDDLE: "middle", RIGHT: "right"}.get(number)


def _where(at: tuple[int, int] | None, size: Size) -> tuple[int, ...]:
    return () if at is None else checked_point(*at, size)
