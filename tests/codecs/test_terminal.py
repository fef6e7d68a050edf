"""Agents' actions in a real terminal that reports its mouse: what it got is in a file."""

import functools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import envserver
from envserver.codecs.policies import KeysAndPointer
from envserver.due import QUIET
from envserver.remotes.init import descendants_of

pytestmark = pytest.mark.integration

TIMEOUT_S = 30
REPORT = r"printf '\033[?1002h\033[?1006h'; cat -v > got" + "\n"
"""The terminal reports buttons, wheel and drags as ^[[<button;column;rowM, m for released."""
REPORTED = re.compile(r"\^\[\[<(\d+);(\d+);(\d+)([Mm])")


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory (a unix socket's path is) for the daemon."""
    made = Path(tempfile.mkdtemp(prefix="es-"))
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(made))
    monkeypatch.delenv("ENVSERVER_ADDRESS", raising=False)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def homes_of_shells() -> set[Path]:
    return {
        Path(os.readlink(f"/proc/{pid}/cwd"))
        for pid in descendants_of(os.getpid())
        if Path(f"/proc/{pid}/comm").read_text() == "bash\n"
    }


def reports(actions: list[Any], vocabulary: str, **options: Any) -> tuple[str, list[str]]:
    """What the terminal's program got: all of it, and its mouse as "button@column,row" or so."""
    with envserver.make_vec(
        "terminal.CreateFile-v0",
        1,
        actions=vocabulary,
        provider="process",
        screen=(640, 480),
        fps=None,
        **options,
    ) as envs:
        envs.reset(seed=1)
        (home,) = homes_of_shells()
        got = home / "got"
        for action in actions:
            envs.send([action], due=QUIET(quiet_ms=100, max_ms=3000))
            envs.recv()
        deadline_s = time.monotonic() + TIMEOUT_S
        while not (got.exists() and got.read_text().endswith("\n")):
            assert time.monotonic() < deadline_s, "the program did not end its file"
            envs.step([[]])
        text = got.read_text()
    buttons = [
        f"{button}{'+' if state == 'M' else '-'}@{column},{row}"
        for button, column, row, state in REPORTED.findall(text)
    ]
    return REPORTED.sub("", text), buttons


ANTHROPIC: list[Any] = [
    {"action": "screenshot"},
    {"action": "type", "text": REPORT},
    {"action": "left_click", "coordinate": [401, 101]},
    {"action": "right_click"},
    {"action": "double_click", "coordinate": [201, 301]},
    {"action": "scroll", "coordinate": [401, 101], "scroll_direction": "down", "scroll_amount": 2},
    {"action": "left_click_drag", "start_coordinate": [101, 101], "coordinate": [201, 301]},
    {"action": "type", "text": "Hi, you!"},
    {"action": "key", "text": "shift+a"},
    {"action": "key", "text": "shift+1"},
    {"action": "key", "text": "BackSpace"},
    {"action": "key", "text": "Return"},
    {"action": "key", "text": "ctrl+d"},
]
OTHERS: dict[str, list[Any]] = {
    "openai": [  # the same places in a picture of half the size
        {"type": "type", "text": REPORT},
        {"type": "click", "button": "left", "x": 200, "y": 50},
        {"type": "click", "button": "right", "x": 200, "y": 50},
        {"type": "double_click", "x": 100, "y": 150},
        {"type": "scroll", "x": 200, "y": 50, "scroll_x": 0, "scroll_y": 200},
        {"type": "drag", "path": [{"x": 50, "y": 50}, {"x": 100, "y": 150}]},
        {"type": "type", "text": "Hi, you!"},
        {"type": "keypress", "keys": ["SHIFT", "A"]},
        {"type": "keypress", "keys": ["SHIFT", "1"]},
        {"type": "keypress", "keys": ["BACKSPACE"]},
        {"type": "keypress", "keys": ["ENTER"]},
        {"type": "keypress", "keys": ["CTRL", "D"]},
    ],
    "pyautogui": [
        f"pyautogui.write({REPORT!r})",
        "pyautogui.click(401, 101); time.sleep(0.1); pyautogui.rightClick()",
        "pyautogui.doubleClick(201, 301)",
        "pyautogui.scroll(-2, 401, 101)",
        "pyautogui.moveTo(101, 101)\npyautogui.dragTo(201, 301, duration=1)",
        "pyautogui.write('Hi, you!')",
        "with pyautogui.hold('shift'):\n    pyautogui.press('a')",
        "pyautogui.hotkey('shift', '1')",
        "pyautogui.press('backspace')\npyautogui.press('enter')",
        "pyautogui.hotkey('ctrl', 'd')",
    ],
    "computer_13": [
        {"action_type": "TYPING", "parameters": {"text": REPORT}},
        {"action_type": "CLICK", "parameters": {"x": 401, "y": 101}},
        {"action_type": "RIGHT_CLICK", "parameters": {}},
        {"action_type": "DOUBLE_CLICK", "parameters": {"x": 201, "y": 301}},
        {"action_type": "MOVE_TO", "parameters": {"x": 401, "y": 101}},
        {"action_type": "SCROLL", "parameters": {"dx": 0, "dy": -2}},
        {"action_type": "MOVE_TO", "parameters": {"x": 101, "y": 101}},
        {"action_type": "DRAG_TO", "parameters": {"x": 201, "y": 301}},
        {"action_type": "TYPING", "parameters": {"text": "Hi, you!"}},
        {"action_type": "KEY_DOWN", "parameters": {"key": "shift"}},
        {"action_type": "PRESS", "parameters": {"key": "a"}},
        {"action_type": "KEY_UP", "parameters": {"key": "shift"}},
        {"action_type": "HOTKEY", "parameters": {"keys": ["shift", "1"]}},
        {"action_type": "PRESS", "parameters": {"key": "backspace"}},
        {"action_type": "PRESS", "parameters": {"key": "enter"}},
        {"action_type": "HOTKEY", "parameters": {"keys": ["ctrl", "d"]}},
    ],
    "ui_tars": [
        f"type(content={REPORT!r})",
        "Thought: I click.\nAction: click(start_box='<|box_start|>(627,211)<|box_end|>')",
        "right_single(point='<point>627 211</point>')",
        "left_double(point='<point>315 628</point>')",
        "scroll(point='<point>627 211</point>', direction='down')",
        "drag(start_point='<point>158 211</point>', end_point='<point>315 628</point>')",
        "type(content='Hi, you!')",
        "press(key='shift')\n\nhotkey(key='a')\n\nrelease(key='shift')",
        "hotkey(key='shift 1')",
        "hotkey(key='backspace')",
        "hotkey(key='enter')",
        "hotkey(key='ctrl d')",
    ],
    "universe": [
        [("Text", REPORT)],
        [("PointerEvent", 401, 101, mask) for mask in (0, 1, 0)],
        [("PointerEvent", 401, 101, 4)],
        [("PointerEvent", 401, 101, 0)],
        [("PointerEvent", 201, 301, mask) for mask in (0, 1, 0, 1, 0)],
        [("PointerEvent", 401, 101, mask) for mask in (0, 16, 0, 16, 0)],
        [("PointerEvent", 101, 101, 0), ("PointerEvent", 101, 101, 1)],
        [("PointerEvent", 201, 301, 1), ("PointerEvent", 201, 301, 0)],
        [("Text", "Hi, you!")],
        [("KeyEvent", "shift", True), ("Tap", "a"), ("Tap", "1"), ("KeyEvent", "shift", False)],
        [("Tap", "backspace"), ("Tap", "enter")],
        [("KeyEvent", "ctrl", True), ("Tap", "d"), ("KeyEvent", "ctrl", False)],
    ],
}


@functools.cache
def reported() -> tuple[str, list[str]]:
    """What the terminal's program got of one vocabulary, looked at."""
    text, mouse = reports(ANTHROPIC, "anthropic")
    assert text == "Hi, you!A\n"
    up, down = mouse[0], mouse[4]
    assert up.startswith("0+@")
    assert down.startswith("0+@")
    at, there = up[2:], down[2:]
    assert mouse[:8] == [
        *(f"0+{at}", f"0-{at}", f"2+{at}", f"2-{at}"),
        *(f"0+{there}", f"0-{there}") * 2,
    ]
    assert mouse[8:10] == [f"65+{at}"] * 2
    assert mouse[-2:] == [f"32+{there}", f"0-{there}"]
    return text, mouse


@pytest.mark.parametrize("vocabulary", OTHERS)
def test_all_vocabularies_do_the_same_in_a_terminal(directory: Path, vocabulary: str) -> None:
    text, mouse = reported()
    smaller = {"size": (240, 320)} if vocabulary == "openai" else {}
    clicks = 5 if vocabulary == "ui_tars" else 2
    wanted = mouse[:8] + mouse[8:9] * clicks + mouse[10:]
    assert reports(OTHERS[vocabulary], vocabulary, **smaller) == (text, wanted)


def test_a_wrong_action_sends_nothing(directory: Path) -> None:
    # A task's episode begins when the shell, in a home of its own, reads its keyboard.
    with envserver.make_vec(
        "terminal.CreateFile-v0", 2, actions="anthropic", provider="process", screen=(320, 240)
    ) as envs:
        envs.reset()
        type_it = {"action": "type", "text": "touch typed\n"}
        outside = {"action": "left_click", "coordinate": [320, 0]}
        with pytest.raises(ValueError, match=r"environment 1: .*outside the picture of 320x240"):
            envs.step([type_it, outside])
        envs.step([[], type_it])
        homes = homes_of_shells()
        assert len(homes) == 2
        deadline_s = time.monotonic() + TIMEOUT_S
        while not any((place / "typed").exists() for place in homes):
            assert time.monotonic() < deadline_s
            envs.step([[], []])
        assert sum((place / "typed").exists() for place in homes) == 1


def test_a_vocabulary_is_checked_before_anything_starts() -> None:
    with pytest.raises(ValueError, match=r"actions is 'claude', expected 'events', 'anthropic'"):
        envserver.make_vec("terminal.Shell-v0", 1, actions="claude")


def test_a_policy_holds_keys_in_a_batch_of_terminals(directory: Path) -> None:
    policy = KeysAndPointer(["x", "Return"])
    with envserver.make_vec(
        "terminal.CreateFile-v0", 2, actions=policy, provider="process", screen=(320, 240), fps=None
    ) as envs:
        nothing = {
            "keys": np.zeros((2, 2), np.int8),
            "buttons": np.zeros((2, 2), np.int8),
            "pointer": np.full((2, 2), 5),
        }
        assert envs.action_space.contains(nothing)
        assert envs.action_space.contains(envs.action_space.sample())
        envs.reset()
        envs.send(nothing, due=QUIET(quiet_ms=300, max_ms=5000))
        before = envs.recv().observations.copy()
        typed = {**nothing, "keys": np.array([[1, 0], [0, 0]], np.int8)}
        envs.send(typed, due=QUIET(quiet_ms=100, max_ms=1000))
        envs.recv()
        envs.send(nothing, due=QUIET(quiet_ms=300, max_ms=5000))
        changed = (envs.recv().observations != before).any(axis=(1, 2, 3))
        assert changed.tolist() == [True, False]
        with pytest.raises(ValueError, match=r"environment 1: pointer is \(320, 5\), outside"):
            envs.step({**nothing, "pointer": np.array([[5, 5], [320, 5]])})
