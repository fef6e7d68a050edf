"""Actions as each vocabulary's documentation writes them, and the events they are."""

import types
from collections.abc import Callable
from typing import Any

import pytest

from envserver.codecs import anthropic, computer13, openai, pyautogui, uitars, universe
from envserver.codecs.events import Button, Event, Key, Motion, Pointer, Text, Wait, Wheel
from envserver.codecs.requests import (
    CallUser,
    CursorPosition,
    Done,
    Request,
    Screenshot,
    Zoom,
)

SIZE = (1024, 768)


def chord(*keys: str, hold_ms: float | None = None) -> list[Event]:
    held = [] if hold_ms is None else [Wait(hold_ms)]
    return [*(Key(key, True) for key in keys), *held, *(Key(key, False) for key in keys[::-1])]


def click(number: int = 1, count: int = 1) -> list[Event]:
    return [Button(number, True), Button(number, False)] * count


def drag(end: tuple[int, int], number: int = 1) -> list[Event]:
    return [Button(number, True), Pointer(*end), Button(number, False)]


ANTHROPIC: list[tuple[dict[str, Any], list[Event] | Request]] = [
    ({"action": "screenshot"}, Screenshot()),
    ({"action": "cursor_position"}, CursorPosition()),
    ({"action": "zoom", "region": [0, 0, 1024, 768]}, Zoom(0, 0, 1024, 768)),
    ({"action": "left_click", "coordinate": [500, 300]}, [Pointer(500, 300), *click()]),
    ({"action": "left_click", "coordinate": None}, click()),
    ({"action": "right_click", "coordinate": (1, 2)}, [Pointer(1, 2), *click(3)]),
    ({"action": "middle_click"}, click(2)),
    ({"action": "double_click", "coordinate": [1, 2]}, [Pointer(1, 2), *click(1, 2)]),
    ({"action": "triple_click", "coordinate": [1, 2]}, [Pointer(1, 2), *click(1, 3)]),
    (
        {"action": "left_click", "coordinate": [1, 2], "text": "shift"},
        [Key("Shift_L", True), Pointer(1, 2), *click(), Key("Shift_L", False)],
    ),
    (
        {"action": "left_click", "key": "ctrl+shift"},
        [*chord("Control_L", "Shift_L")[:2], *click(), *chord("Control_L", "Shift_L")[2:]],
    ),
    ({"action": "type", "text": "Hello, world!"}, [Text("Hello, world!")]),
    ({"action": "key", "text": "ctrl+s"}, chord("Control_L", "s")),
    ({"action": "key", "text": "Return"}, chord("Return")),
    ({"action": "key", "text": "alt+Tab"}, chord("Alt_L", "Tab")),
    ({"action": "key", "text": "KP_0"}, chord("KP_0")),
    ({"action": "key", "text": "ctrl++"}, chord("Control_L", "+")),
    ({"action": "key", "text": "Down Down"}, [*chord("Down"), *chord("Down")]),
    ({"action": "key", "text": "Down", "repeat": 3}, chord("Down") * 3),
    ({"action": "hold_key", "text": "w", "duration": 1.5}, chord("w", hold_ms=1500)),
    ({"action": "wait", "duration": 2}, [Wait(2000)]),
    ({"action": "mouse_move", "coordinate": [0, 767]}, [Pointer(0, 767)]),
    ({"action": "left_mouse_down"}, [Button(1, True)]),
    ({"action": "left_mouse_up"}, [Button(1, False)]),
    (
        {"action": "left_click_drag", "start_coordinate": [1, 2], "coordinate": [3, 4]},
        [Pointer(1, 2), Button(1, True), Pointer(3, 4), Button(1, False)],
    ),
    (
        {
            "action": "left_click_drag",
            "start_coordinate": [1, 2],
            "coordinate": [3, 4],
            "text": "alt",
        },
        [
            *(Key("Alt_L", True), Pointer(1, 2), Button(1, True)),
            *(Pointer(3, 4), Button(1, False), Key("Alt_L", False)),
        ],
    ),
    (
        {
            "action": "scroll",
            "coordinate": [5, 6],
            "scroll_direction": "down",
            "scroll_amount": 3,
        },
        [Pointer(5, 6), Wheel(0, 3)],
    ),
    (
        {"action": "scroll", "scroll_direction": "left", "scroll_amount": 2, "text": "shift"},
        [Key("Shift_L", True), Wheel(-2, 0), Key("Shift_L", False)],
    ),
]

OPENAI: list[tuple[dict[str, Any], list[Event] | Request]] = [
    ({"type": "screenshot"}, Screenshot()),
    ({"type": "click", "button": "left", "x": 405, "y": 157}, [Pointer(405, 157), *click()]),
    ({"type": "click", "button": "wheel", "x": 1, "y": 2}, [Pointer(1, 2), *click(2)]),
    ({"type": "click", "button": "back", "x": 1, "y": 2}, [Pointer(1, 2), *click(8)]),
    (
        {"type": "click", "button": "right", "x": 1, "y": 2, "keys": ["SHIFT"]},
        [Key("Shift_L", True), Pointer(1, 2), *click(3), Key("Shift_L", False)],
    ),
    ({"type": "click", "button": "left", "x": 1, "y": 2, "keys": []}, [Pointer(1, 2), *click()]),
    ({"type": "double_click", "x": 1, "y": 2, "keys": None}, [Pointer(1, 2), *click(1, 2)]),
    (
        {"type": "drag", "path": [{"x": 100, "y": 200}, {"x": 200, "y": 300}]},
        [Pointer(100, 200), Button(1, True), Pointer(200, 300), Button(1, False)],
    ),
    ({"type": "keypress", "keys": ["CTRL", "L"]}, chord("Control_L", "l")),
    ({"type": "keypress", "keys": ["ENTER"]}, chord("Return")),
    ({"type": "keypress", "keys": ["ARROWLEFT"]}, chord("Left")),
    ({"type": "keypress", "keys": ["/"]}, chord("/")),
    ({"type": "move", "x": 3, "y": 4}, [Pointer(3, 4)]),
    (
        {"type": "scroll", "x": 3, "y": 4, "scroll_x": 0, "scroll_y": 400},
        [Pointer(3, 4), Wheel(0, 4)],
    ),
    (
        {"type": "scroll", "x": 3, "y": 4, "scroll_x": -10, "scroll_y": -120},
        [Pointer(3, 4), Wheel(-1, -1)],
    ),
    ({"type": "type", "text": "penguin"}, [Text("penguin")]),
    ({"type": "wait"}, [Wait(2000)]),
]

COMPUTER13: list[tuple[Any, list[Event] | Request]] = [
    ("WAIT", [Wait(2000)]),
    ("DONE", Done(True)),
    ("FAIL", Done(False)),
    ({"action_type": "DONE"}, Done(True)),
    ({"action_type": "MOVE_TO", "parameters": {"x": 10.7, "y": 20}}, [Pointer(10, 20)]),
    ({"action_type": "CLICK", "parameters": {}}, click()),
    (
        {"action_type": "CLICK", "button": "right", "x": 1, "y": 2, "num_clicks": 2},
        [Pointer(1, 2), *click(3, 2)],
    ),
    ({"action_type": "MOUSE_DOWN", "button": "middle"}, [Button(2, True)]),
    ({"action_type": "MOUSE_UP"}, [Button(1, False)]),
    ({"action_type": "RIGHT_CLICK", "x": 1, "y": 2}, [Pointer(1, 2), *click(3)]),
    ({"action_type": "DOUBLE_CLICK"}, click(1, 2)),
    (
        {"action_type": "DRAG_TO", "x": 1, "y": 2},
        [Button(1, True), Pointer(1, 2), Button(1, False)],
    ),
    ({"action_type": "SCROLL", "dx": 1, "dy": -3}, [Wheel(1, 3)]),
    ({"action_type": "TYPING", "text": "ls\n"}, [Text("ls\n")]),
    ({"action_type": "PRESS", "key": "ENTER"}, chord("Return")),
    ({"action_type": "KEY_DOWN", "key": "ctrl"}, [Key("Control_L", True)]),
    ({"action_type": "KEY_UP", "key": "ctrl"}, [Key("Control_L", False)]),
    ({"action_type": "HOTKEY", "keys": ["ctrl", "alt", "t"]}, chord("Control_L", "Alt_L", "t")),
]

PYAUTOGUI: list[tuple[str, list[Event] | Request]] = [
    ("WAIT", [Wait(2000)]),
    ("DONE", Done(True)),
    ("pyautogui.screenshot()", Screenshot()),
    ("pyautogui.position()", CursorPosition()),
    ("", []),
    ("pyautogui.click(100, 200)", [Pointer(100, 200), *click()]),
    (
        "pyautogui.click(x=100.9, y=200, clicks=2, button='right')",
        [Pointer(100, 200), *click(3, 2)],
    ),
    ("pyautogui.click((100, 200), interval=0.25)", [Pointer(100, 200), *click()]),
    ("pyautogui.click()", click()),
    ("pyautogui.tripleClick(1, 2, button=pyautogui.MIDDLE)", [Pointer(1, 2), *click(2, 3)]),
    ("pyautogui.moveTo(1, 2, 0.7, pyautogui.easeInQuad)", [Pointer(1, 2)]),
    ("pyautogui.moveRel(-5, yOffset=3)", [Motion(-5, 3)]),
    (
        "pyautogui.dragTo(3, 4, duration=1.0, button='left', mouseDownUp=True)",
        drag((3, 4)),
    ),
    ("pyautogui.dragTo(3, 4, mouseDownUp=False)", [Pointer(3, 4)]),
    ("pyautogui.dragTo(3, 4, 1, pyautogui.linear, 'middle')", drag((3, 4), 2)),
    ("pyautogui.drag(0, 0)", []),
    ("pyautogui.move((-5.9, 3))", [Motion(-5, 3)]),
    ("pyautogui.rightClick(1, 2, 0.1, 0.5)", [Pointer(1, 2), *click(3)]),
    ("pyautogui.doubleClick(1, 2, 0.1, 'right')", [Pointer(1, 2), *click(3, 2)]),
    ("pyautogui.mouseUp(button='secondary', duration=1)", [Button(3, False)]),
    ("pyautogui.press(['a'], presses=2, interval=0.5)", chord("a") * 2),
    ("pyautogui.hotkey('ctrl', 'c', interval=0.1)", chord("Control_L", "c")),
    ("pyautogui.drag(0, 30, button='right')", [Button(3, True), Motion(0, 30), Button(3, False)]),
    ("pyautogui.mouseDown(1, 2)", [Pointer(1, 2), Button(1, True)]),
    ("pyautogui.scroll(-10)", [Wheel(0, 10)]),
    ("pyautogui.vscroll(2, x=3, y=4)", [Pointer(3, 4), Wheel(0, -2)]),
    ("pyautogui.hscroll(2)", [Wheel(2, 0)]),
    ("pyautogui.write('Hello world!', interval=0.25)", [Text("Hello world!")]),
    ("pyautogui.typewrite(['a', 'left'])", [*chord("a"), *chord("Left")]),
    ("pyautogui.press(['left', 'enter'], presses=2)", (chord("Left") + chord("Return")) * 2),
    ("pyautogui.hotkey('ctrl', 'shift', 'esc')", chord("Control_L", "Shift_L", "Escape")),
    ("pyautogui.hotkey(['ctrl', 'c'])", chord("Control_L", "c")),
    (
        "import pyautogui\nimport time\npyautogui.FAILSAFE = False\n"
        "pyautogui.keyDown('shift')  # hold\ntime.sleep(.5); pyautogui.keyUp('shift')",
        [Key("Shift_L", True), Wait(500), Key("Shift_L", False)],
    ),
    (
        "with pyautogui.hold('shift'):\n    pyautogui.press('left')",
        [Key("Shift_L", True), *chord("Left"), Key("Shift_L", False)],
    ),
]

UITARS: list[tuple[str, list[Event] | Request]] = [
    ("click(point='<point>500 250</point>')", [Pointer(512, 192), *click()]),
    (
        "Thought: The menu is open.\nAction: left_double(start_box='(500,250)')",
        [Pointer(512, 192), *click(1, 2)],
    ),
    (
        "right_single(start_box='<|box_start|>(1000,1000)<|box_end|>')",
        [Pointer(1023, 767), *click(3)],
    ),
    ("click(start_box='[400, 200, 600, 300]')", [Pointer(512, 192), *click()]),
    (
        "drag(start_point='<point>0 0</point>', end_point='<point>500 500</point>')",
        [Pointer(0, 0), Button(1, True), Pointer(512, 384), Button(1, False)],
    ),
    ("hotkey(key='ctrl c')", chord("Control_L", "c")),
    ("hotkey(key='arrowleft')", chord("Left")),
    ("press(key='ctrl')", [Key("Control_L", True)]),
    ("release(key='ctrl')", [Key("Control_L", False)]),
    ("keydown(key='shift')\n\nkeyup(key='shift')", chord("Shift_L")),
    ("Action\uff1ahotkey(key='enter')", chord("Return")),
    ("Thought: it's done Action: wait()", [Wait(5000)]),
    ("type(content='Action: wait()')", [Text("Action: wait()")]),
    ("Thought: I type.\nAction: type(content='Action: wait()')", [Text("Action: wait()")]),
    (r"type(content='It\'s me\n')", [Text("It's me\n")]),
    ("type(content='It's \"me\"')", [Text('It\'s "me"')]),
    ("type(content='a\nb')", [Text("a\nb")]),
    ("scroll(point='<point>0 0</point>', direction='down')", [Pointer(0, 0), Wheel(0, 5)]),
    ("scroll(direction='left')", [Wheel(-5, 0)]),
    ("wait()", [Wait(5000)]),
    ("finished(content='done')", Done(True, "done")),
    ("finished()", Done(True)),
    ("call_user()", CallUser()),
    ("hotkey(key='ctrl a')\n\ntype(content='x')", [*chord("Control_L", "a"), Text("x")]),
]

UNIVERSE: list[tuple[Any, list[Event] | Request]] = [
    ((), []),
    ([("KeyEvent", "ArrowUp", True)], [Key("Up", True)]),
    ([("KeyEvent", 0xFF0D, False)], [Key("Return", False)]),
    (
        [("PointerEvent", 10, 20, 0), ("PointerEvent", 10, 20, 1), ("PointerEvent", 30, 20, 1)],
        [Pointer(10, 20), Button(1, True), Pointer(30, 20)],
    ),
    (
        [("PointerEvent", 1, 2, mask) for mask in (16, 0, 16, 0, 8, 0)],
        [Pointer(1, 2), Wheel(0, 2), Wheel(0, -1)],
    ),
    ([("Tap", "enter"), ("Text", "ä"), ("Wait", 5)], [*chord("Return"), Text("ä"), Wait(5)]),
]


@pytest.mark.parametrize(
    ("read", "action", "events"),
    [
        (module.to_events, action, events)
        for module, examples in (
            (anthropic, ANTHROPIC),
            (openai, OPENAI),
            (computer13, COMPUTER13),
            (pyautogui, PYAUTOGUI),
            (uitars, UITARS),
            (universe, UNIVERSE),
        )
        for action, events in examples
    ],
    ids=lambda value: None if callable(value) or isinstance(value, list) else str(value)[:60],
)
def test_documented_actions(
    read: Callable[[Any, tuple[int, int]], Any], action: Any, events: list[Event] | Request
) -> None:
    assert read(action, SIZE) == events


def test_every_documented_action_has_an_example() -> None:
    assert {action["action"] for action, _ in ANTHROPIC} == set(anthropic.ZOOMING)
    assert {action["type"] for action, _ in OPENAI} == set(openai.ACTIONS)
    kinds = {a if isinstance(a, str) else a["action_type"] for a, _ in COMPUTER13}
    assert kinds == set(computer13.ACTIONS)


def test_a_whole_tool_use_block_is_an_action() -> None:
    click_it = {"coordinate": [1, 2]}
    of_tool = {"name": "computer", "input": {"action": "left_click", **click_it}}
    of_toolset = {"name": "left_click", "toolset_name": "computer", "input": click_it}
    for block in (of_tool, of_toolset):
        said = {"type": "tool_use", "id": "toolu_01", **block}
        assert anthropic.to_events(said, SIZE) == [Pointer(1, 2), *click()]
        client = types.SimpleNamespace(model_dump=lambda said=said: said)
        assert anthropic.to_events(client, SIZE) == [Pointer(1, 2), *click()]


def test_an_object_of_a_client_is_an_action() -> None:
    action = types.SimpleNamespace(
        model_dump=lambda: {"type": "move", "x": 1, "y": 2, "keys": None}
    )
    assert openai.to_events(action, SIZE) == [Pointer(1, 2)]


def test_pixels_where_the_model_counts_them() -> None:
    said = "click(point='<point>500 250</point>')"
    assert uitars.to_events(said, SIZE, grid=SIZE) == [Pointer(500, 250), *click()]
    assert uitars.to_events(said, SIZE, grid=(1008, 756)) == [Pointer(507, 253), *click()]


def test_an_action_of_universe_goes_on_where_the_last_ended() -> None:
    said = [("PointerEvent", 1, 2, 0)]
    assert universe.to_events(said, SIZE, place=(1, 2), held=1) == [Button(1, False)]
    assert universe.from_events([Button(1, False)], SIZE, place=(1, 2), held=1) == said
