"""Actions that a vocabulary does not have, or that are wrong in it: one clear error each."""

from typing import Any

import numpy as np
import pytest

from envserver.codecs import anthropic, computer13, openai, pyautogui, uitars, universe
from envserver.codecs.events import Pointer
from envserver.codecs.hand import Hand

SIZE = (1024, 768)
WRONG: list[tuple[Any, Any, str]] = [
    (anthropic, "left_click", r"action is 'left_click', expected a mapping"),
    (anthropic, {"type": "click"}, r"\{'type': 'click'\} has no 'action', expected the name"),
    (anthropic, {"action": 5}, r"action is 5, expected the name of an action"),
    (anthropic, {"action": "jump"}, r"has no action 'jump', expected one of key, hold_key"),
    (anthropic, {"action": "key", "text": "ctrl+Entr"}, r"no key is called 'Entr', did you mean"),
    (anthropic, {"action": "key", "text": "ctrl+"}, r"an empty key in the combination 'ctrl\+'"),
    (anthropic, {"action": "key", "text": "a+a"}, r"the key 'a' is held twice"),
    (anthropic, {"action": "key", "text": "  "}, r"text of key is '  ', expected keys"),
    (anthropic, {"action": "key"}, r"key has no 'text', which it needs"),
    (anthropic, {"action": "key", "text": "a", "repeat": 0}, r"repeat of key is 0, expected 1 to"),
    (anthropic, {"type": "tool_use", "name": "key"}, r"input of the tool_use block is None"),
    (anthropic, {"type": "tool_use", "name": "hop", "input": {}}, r"has no action 'hop'"),
    (anthropic, {"action": "type", "text": 5}, r"text of type is 5, expected a str"),
    (anthropic, {"action": "type", "text": "a", "coordinate": [1, 1]}, r"takes no 'coordinate'"),
    (anthropic, {"action": "mouse_move", "coordinate": [1024, 0]}, r"outside the picture of 1024x"),
    (anthropic, {"action": "mouse_move", "coordinate": [-1, 0]}, r"is \(-1, 0\), outside"),
    (anthropic, {"action": "mouse_move", "coordinate": [0.5, 0]}, r"is 0.5, expected an integer"),
    (anthropic, {"action": "mouse_move", "coordinate": "1,2"}, r"is '1,2', expected \[x, y\]"),
    (anthropic, {"action": "wait", "duration": -1}, r"duration of wait is -1, expected seconds"),
    (
        anthropic,
        {"action": "wait", "duration": 61},
        r"duration of wait is 61, expected seconds, 0 to 60",
    ),
    (
        anthropic,
        {"action": "scroll", "scroll_direction": "in", "scroll_amount": 1},
        r"scroll_direction of scroll is 'in', expected one of up, down, left, right",
    ),
    (
        anthropic,
        {"action": "scroll", "scroll_direction": "up", "scroll_amount": -1},
        r"scroll_amount of scroll is -1, expected 0 or more",
    ),
    (anthropic, {"action": "zoom", "region": [5, 5, 5, 9]}, r"which holds no pixel"),
    (anthropic, {"action": "zoom", "region": [5, 5]}, r"expected \[x0, y0, x1, y1\]"),
    (openai, {"type": "tap"}, r"has no action 'tap'"),
    (openai, {"type": "click", "button": "side", "x": 1, "y": 1}, r"button of click is 'side'"),
    (openai, {"type": "click", "button": "left", "x": 1}, r"click has no 'y', which it needs"),
    (openai, {"type": "move", "x": 0, "y": 768}, r"the place of move is \(0, 768\), outside"),
    (openai, {"type": "keypress", "keys": ["RETRUN"]}, r"'RETRUN' by OpenAI, did you mean RETURN"),
    (openai, {"type": "keypress", "keys": "ENTER"}, r"keys are 'ENTER', expected a list"),
    (openai, {"type": "computer_call", "actions": []}, r"expected what its 'actions' are"),
    (openai, {"type": "move", "x": 1, "y": 1, "keys": ""}, r"keys are '', expected a list"),
    (openai, {"type": "keypress", "keys": []}, r"no key is named, expected at least one"),
    (openai, {"type": "drag", "path": [{"x": 1, "y": 1}]}, r"expected two places or more"),
    (openai, {"type": "drag", "path": [{"x": 1}, {"y": 1}]}, r"a place of drag is \{'x': 1\}"),
    (openai, {"type": "scroll", "x": 1, "y": 1, "scroll_x": 0}, r"has no 'scroll_y'"),
    (computer13, {"action_type": "SCROLL"}, r"SCROLL has neither 'dx' nor 'dy'"),
    (computer13, "REST", r"computer_13 has no action 'REST'"),
    (computer13, {"action_type": "CLICK", "x": 5}, r"CLICK has no 'y'"),
    (computer13, {"action_type": "CLICK", "num_clicks": 4}, r"num_clicks of CLICK is 4"),
    (computer13, {"action_type": "MOVE_TO", "x": 1024.0, "y": 1}, r"\(1024, 1\), outside"),
    (computer13, {"action_type": "PRESS", "key": "junja"}, r"called 'junja' by pyautogui"),
    (computer13, {"action_type": "HOTKEY", "keys": "ctrl"}, r"keys of HOTKEY are 'ctrl'"),
    (pyautogui, 5, r"action is 5, expected code"),
    (pyautogui, "pyautogui.click(", r"is no Python code"),
    (pyautogui, "import os", r"line 1, import os: expected calls of pyautogui"),
    (pyautogui, "pyautogui.click(1, 2)\nx = 5", r"line 2, x = 5: expected calls of pyautogui"),
    (pyautogui, "pyautogui.click(x, 2)", r"x is no plain value"),
    (pyautogui, "pyautogui.alert('hi')", r"pyautogui.alert is no call that makes events"),
    (pyautogui, "pyautogui.__init__(5)", r"pyautogui.__init__ is no call"),
    (pyautogui, "pyautogui.click(1, 2, clicks=0)", r"clicks is 0, expected 1 to 100"),
    (pyautogui, "pyautogui.press('entr')", r"no key is called 'entr' by pyautogui, did you mean"),
    (pyautogui, "pyautogui.keyDown()", r"keyDown has no 'key', which it needs"),
    (
        pyautogui,
        "pyautogui.click(1, 2, buton='right')",
        r"click takes no 'buton', expected x, y,",
    ),
    (pyautogui, "pyautogui.click(1, 2, x=3)", r"click is given 'x' twice"),
    (pyautogui, "pyautogui.keyUp('a', 1, 2, 3, 4)", r"keyUp takes 4 arguments at most, not 5"),
    (pyautogui, "pyautogui.press(**{})", r"\*\* is no plain value"),
    (pyautogui, "pyautogui.hold('shift')", r"expected `with pyautogui.hold\(...\):`"),
    (pyautogui, "pyautogui.hotkey()", r"no key is named"),
    (pyautogui, "pyautogui.screenshot(); pyautogui.click()", r"Screenshot stands beside other"),
    (pyautogui, "pyautogui.click('button.png')", r"is 'button.png', expected an integer"),
    (pyautogui, "pyautogui.click(5000, 1)", r"line 1, .*\(5000, 1\), outside the picture"),
    (pyautogui, "pyautogui.scroll(1e999)", r"line 1, .*clicks is inf, expected an integer"),
    (pyautogui, "pyautogui.hscroll(float('nan'))", r"float\('nan'\) is no plain value"),
    (pyautogui, f"x{'(1)' * 2000}", r"is nested too deeply"),
    (pyautogui, "__import__('os').system('true')", r"expected calls of pyautogui"),
    (uitars, "press the button", r"is no action"),
    (uitars, "", r"there is no action in ''"),
    (uitars, "leap(point='1 2')", r"UI-TARS has no action 'leap'"),
    (uitars, "click()", r"click has no 'point', which it needs"),
    (uitars, "click(point='<point>1001 5</point>')", r"outside of the grid of 1000x1000"),
    (uitars, "click(point='here')", r"is 'here', expected '<point>x y</point>'"),
    (uitars, "hotkey(key='ctrl+c')", r"no key is called 'ctrl\+c' by UI-TARS"),
    (uitars, "scroll(direction='in')", r"direction of scroll is 'in'"),
    (uitars, f"click(point='{'9' * 400} 2')", r"outside of the grid of 1000x1000"),
    (uitars, f"click{'(a=1)' * 2000}", r"is nested too deeply"),
    (uitars, "wait(5)", r"is no action, expected click"),
    (universe, "a", r"action is 'a', expected a sequence of events"),
    (universe, [("KeyEvent", "hop", True)], r"event 0 is .*no key is called 'hop'"),
    (universe, [("KeyEvent", "a", 2)], r"down is 2, expected True or False"),
    (universe, [("PointerEvent", 1024, 0, 0)], r"\(1024, 0\), outside the picture"),
    (universe, [("PointerEvent", 1, 0, 256)], r"mask is 256, expected 0 to 255"),
    (universe, [("Jump",)], r"expected \('KeyEvent', key, down\)"),
]


@pytest.mark.parametrize(("module", "action", "message"), WRONG, ids=lambda v: str(v)[:40])
def test_wrong_actions_are_refused(module: Any, action: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module.to_events(action, SIZE)


def test_versions_of_the_anthropic_tool() -> None:
    zoom = {"action": "zoom", "region": [0, 0, 9, 9]}
    with pytest.raises(ValueError, match=r"computer_20250124 has no action 'zoom'"):
        anthropic.to_events(zoom, SIZE, version="computer_20250124")
    with pytest.raises(ValueError, match=r"version is 'computer_1', expected one of computer_2025"):
        anthropic.to_events(zoom, SIZE, version="computer_1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"version is \['computer_20251124'\], expected one of"):
        anthropic.to_events(zoom, SIZE, version=["computer_20251124"])  # type: ignore[arg-type]


@pytest.mark.parametrize("grid", [0, -1, True, 10**400, "1000", None, 1000.0, (1000,), (0, 5)])
def test_wrong_grids_of_ui_tars_are_refused(grid: Any) -> None:
    for point in ("1 2", f"{'9' * 400} 2"):
        with pytest.raises(ValueError, match=r"grid is .*expected the parts each way"):
            uitars.to_events(f"click(point='{point}')", SIZE, grid=grid)
    with pytest.raises(ValueError, match=r"grid is .*expected the parts each way"):
        uitars.from_events([Pointer(1, 2)], SIZE, grid=grid)


@pytest.mark.parametrize(
    "size",
    [
        *("88", ("3", "4"), 5, {3, 4}, (1,), (1, 2, 3), np.array(5), np.array([1.0, 2.0])),
        *((10.9, 3.7), (float("inf"), 5), (float("nan"), 5), (True, True), (0, 5), (10**400, 1)),
    ],
)
def test_wrong_sizes_of_pictures_are_refused(size: Any) -> None:
    for module, action in [
        (anthropic, {"action": "mouse_move", "coordinate": [1, 2]}),
        (openai, {"type": "move", "x": 1, "y": 2}),
        (computer13, {"action_type": "MOVE_TO", "x": 1, "y": 2}),
        (pyautogui, "pyautogui.moveTo(1, 2)"),
        (uitars, "hover(point='1 2')"),
        (universe, [("PointerEvent", 1, 2, 0)]),
    ]:
        with pytest.raises(ValueError, match=r"size is .*in whole pixels"):
            module.to_events(action, size)
    with pytest.raises(ValueError, match=r"size is .*in whole pixels"):
        Hand(SIZE).encode([Pointer(1, 2)], size)


def test_sizes_and_places_may_be_numpys() -> None:
    size = np.array(SIZE)
    said = {"action": "mouse_move", "coordinate": np.array([10, 20])}
    assert anthropic.to_events(said, size) == [Pointer(10, 20)]  # type: ignore[arg-type]
    answer = "hover(point='500 500')"
    grid: Any = np.int64(1000)
    assert uitars.to_events(answer, SIZE, grid=grid) == uitars.to_events(answer, SIZE)
