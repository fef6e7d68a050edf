"""Keys, events and spaces, and how actions are compiled."""

from typing import Any

import numpy as np
import pytest

from envserver.actions import EventSpace
from envserver.universe.compiling import clipped, compile_action, compile_actions, translated
from envserver.universe.error import Error
from envserver.universe.spaces import (
    KEYMAP,
    Hardcoded,
    KeyEvent,
    PeekReward,
    PointerEvent,
    VNCActionSpace,
    VNCObservationSpace,
    keycode,
)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ArrowLeft", 0xFF51),
        ("up", 0xFF52),
        ("right", 0xFF53),
        ("ArrowDown", 0xFF54),
        ("a", 0x61),
        ("A", 0x41),
        ("\n", 0xFF0D),
        ("enter", 0xFF0D),
        ("bslash", 0x5C),
        ("slash", 0x2F),
        ("fslash", 0x2F),
        ("space", 0x20),
        ("sb", 0x20),
        ("f20", 0xFFD1),
        ("ctrl", 0xFFE3),
        ("rctrl", 0xFFE4),
        ("lmeta", 0xFFE7),
        ("rhyper", 0xFFEE),
        ("kp7", 0xFFB7),
        ("Page_Up", 0xFF55),
        ("€", 0x10020AC),
    ],
)
def test_names_of_keys(name: str, number: int) -> None:
    assert keycode(name) == number
    assert KeyEvent.by_name(name, down=False) == KeyEvent.by_keysym(number, False)


@pytest.mark.parametrize("name", ["", "ArowUp", 7, None])
def test_no_such_key(name: Any) -> None:
    with pytest.raises(Error, match="key"):
        keycode(name)


def test_key_event() -> None:
    assert KeyEvent.by_name("left").compile() == ("KeyEvent", KEYMAP["left"], True)
    assert KeyEvent.by_name("ctrl").key_name == "ctrl"
    assert KeyEvent(ord("t")).key_name == "t"
    assert len({KeyEvent(1), KeyEvent(1), KeyEvent(1, False)}) == 2
    with pytest.raises(Error, match="by_name takes names"):
        KeyEvent("left")  # type: ignore[arg-type]


def test_build_presses_and_releases_in_opposite_orders() -> None:
    ctrl, t = keycode("ctrl"), ord("t")
    assert KeyEvent.build("ctrl-t") == [
        KeyEvent(ctrl, True),
        KeyEvent(t, True),
        KeyEvent(t, False),
        KeyEvent(ctrl, False),
    ]
    assert KeyEvent.build("ctrl-t", down=True) == [KeyEvent(ctrl, True), KeyEvent(t, True)]
    assert KeyEvent.build("-", down=False) == [KeyEvent(ord("-"), False)]


def test_compiled_actions_are_what_our_spaces_take() -> None:
    action = [
        ("KeyEvent", "ArrowUp", True),
        ["KeyEvent", "a", np.bool_(False)],
        ("PointerEvent", np.int64(10), 20, 1),
        KeyEvent.by_name("space"),
        PointerEvent(1, 2),
        PeekReward(),
        ("Tap", "enter"),
        ("Text", "hi"),
        ("Wait", 5),
    ]
    (compiled,) = compile_actions([action], 1)
    assert compiled[:3] == [
        ("KeyEvent", 0xFF52, True),
        ("KeyEvent", 0x61, False),
        ("PointerEvent", 10, 20, 1),
    ]
    assert len(compiled) == len(action) - 1
    assert compiled in EventSpace(1024, 768)
    assert compile_actions((PeekReward(), []), 2) == [[], []]


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        (None, "found None, expected a list of 1"),
        ("up", "found 'up'"),
        ([[], []], "found 2, expected 1"),
        ([None], "environment 0: action is None"),
        (["up"], "environment 0: action is 'up'"),
        ([("KeyEvent", "up", True)], "event 0 is 'KeyEvent'"),
        ([[("KeyEvent", "up")]], "event 0 is .*expected"),
        ([[("KeyEvent", "up", 2)]], "down is 2"),
        ([[("KeyEvent", -1, True)]], "keysym is -1"),
        ([[[], ("Nonsense", 1)]], "event 0"),
        ([[("PointerEvent", -1, 0, 0)]], "x is -1"),
        ([[("PointerEvent", 0, 0, 256)]], "buttonmask is 256"),
        ([[("PointerEvent", 0.5, 0, 0)]], "x is 0.5"),
        ([[("JoystickAxisXEvent", 0.1)]], "JoystickAxisXEvent"),
        ([[("Text", 5)]], "event 0 is .*expected"),
        ([[("KeyEvent", "up", True), ("Wait", -1)]], "event 1 is .*-1"),
        ([[("Tap", 0)]], "event 0 is .*0"),
        ([[("KeyEvent", 0, True)]], "event 0 is .*0"),
    ],
)
def test_what_cannot_be_compiled(actions: Any, complaint: str) -> None:
    with pytest.raises(Error, match=rf"could not compile actions: .*{complaint}"):
        compile_actions(actions, 1)


def test_keys_that_the_program_calls_otherwise() -> None:
    z, space = keycode("z"), keycode("space")
    events = compile_action([("KeyEvent", "z", True), ("KeyEvent", "y", True)])
    assert translated(events, {z: space}) == [
        ("KeyEvent", space, True),
        ("KeyEvent", ord("y"), True),
    ]


def test_a_pointer_outside_goes_to_the_edge() -> None:
    assert clipped([("PointerEvent", 5000, 3, 1)], 1024, 768) == [("PointerEvent", 1023, 3, 1)]


def test_action_space() -> None:
    space = VNCActionSpace(seed=1)
    assert space.contains([("KeyEvent", "ArrowUp", True), PointerEvent(1023, 767, 255)])
    assert not space.contains([PointerEvent(1024, 0)])
    assert not space.contains("up")
    assert not space.contains([("KeyEvent", "nothing", True)])
    for _ in range(50):
        (event,) = space.sample()
        assert [event] in space
    few = VNCActionSpace(keys=["left"], buttonmasks=[])
    assert few.keys == [KeyEvent.by_name("left"), KeyEvent.by_name("left", False)]
    assert few.sample()[0] in few.keys
    assert not few.contains([("KeyEvent", "right", True)])
    assert VNCActionSpace(keys=[], screen_shape=None).sample() == []


def test_hardcoded_and_observation_space() -> None:
    space = Hardcoded([[KeyEvent(1)], []], seed=1)
    assert (space.n, len(space), space[1]) == (2, 2, [])
    assert space.sample() in space
    assert [KeyEvent(2)] not in space
    assert VNCObservationSpace().contains(None)
    assert VNCObservationSpace().sample() is None
