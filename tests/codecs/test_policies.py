"""Spaces of policies: elements as events, events as elements, and a batch of them."""

import math
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envserver.codecs.acting import VOCABULARIES, HandCodec, check_actions, make_codec
from envserver.codecs.events import Button, Event, Key, Motion, Pointer, Text, Wait
from envserver.codecs.hand import Hand
from envserver.codecs.policies import Combinations, HeldKeys, KeysAndMotion, KeysAndPointer
from envserver.spec import SessionSpec
from workers.keysyms import keysym

SIZE = (320, 240)
POLICIES: dict[str, Any] = {
    "combinations": Combinations({"noop": "", "left": "Left", "fire left": "Left+space"}),
    "held": HeldKeys(["a", "ctrl", "Left"]),
    "pointer": KeysAndPointer(["a", "shift"], buttons=(1, 3, 8)),
    "motion": KeysAndMotion(["a"], bins=7, largest_px=20),
}


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return bool(np.array_equal(one, other))


@pytest.mark.parametrize("name", POLICIES)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_actions_come_back_from_what_they_do(name: str, seed: int, count: int) -> None:
    policy, hand = POLICIES[name], Hand((640, 480))
    space = policy.space(SIZE)
    space.seed(seed)
    for _ in range(count):
        action = space.sample()
        events = policy.to_events(action, hand, SIZE)
        said = policy.from_events(events, hand, SIZE)
        assert space.contains(said) or isinstance(said, int)
        assert equal(said, action)
        hand.sent(hand.encode(events, SIZE))
        assert policy.to_events(action, hand, SIZE) == [
            event for event in events if isinstance(event, Motion)
        ]


def test_combinations_change_what_differs() -> None:
    policy, hand = POLICIES["combinations"], Hand(SIZE)
    assert policy.names == ("noop", "left", "fire left")
    for action, events in [
        (0, []),
        (2, [Key("Left", True), Key("space", True)]),
        (1, [Key("space", False)]),
        (0, [Key("Left", False)]),
    ]:
        assert policy.to_events(action, hand, SIZE) == events
        hand.sent(hand.encode(events))


def test_bins_grow_by_equal_factors() -> None:
    assert KeysAndMotion(["a"]).distances_px == (-64, -23, -8, -3, -1, 0, 1, 3, 8, 23, 64)
    distances = KeysAndMotion(["a"], bins=9, largest_px=4).distances_px
    assert distances == (-4, -3, -2, -1, 0, 1, 2, 3, 4)
    nearest = KeysAndMotion(["a"]).from_events([Motion(50, -2)], Hand(SIZE), SIZE)
    assert nearest["motion"].tolist() in ([10, 3], [10, 4])


def test_the_pointer_is_there_before_the_button() -> None:
    action = {"keys": [1, 0], "buttons": [1, 0, 0], "pointer": [3, 4]}
    assert POLICIES["pointer"].to_events(action, Hand(SIZE), SIZE) == [
        Key("a", True),
        Pointer(3, 4),
        Button(1, True),
    ]


@pytest.mark.parametrize(
    ("name", "action", "message"),
    [
        ("combinations", 3, r"action is 3, expected 0 to 2"),
        ("combinations", 0.5, r"action is 0.5, expected an integer"),
        ("held", [0, 1], r"action is \[0, 1\], expected 3 numbers that are 0 or 1"),
        ("held", [0, 1, 2], r"expected 3 numbers that are 0 or 1"),
        ("held", ["0", "1", "0"], r"expected 3 numbers that are 0 or 1"),
        ("held", [[0], [0, 1], []], r"expected 3 numbers that are 0 or 1"),
        ("pointer", {"keys": [0, 0]}, r"expected a mapping with keys, buttons, pointer"),
        (
            "pointer",
            {"keys": [0, 0], "buttons": [0, 0, 0], "pointer": [320, 0]},
            r"pointer is \(320, 0\), outside the picture of 320x240",
        ),
        (
            "motion",
            {"keys": [0], "buttons": [0, 0], "motion": [7, 0]},
            r"expected bins from 0 to 6",
        ),
        (
            "motion",
            {"keys": [0], "buttons": [0, 0], "motion": np.array(5)},
            r"motion is array\(5\), expected two integers",
        ),
    ],
)
def test_wrong_elements_are_refused(name: str, action: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        POLICIES[name].to_events(action, Hand(SIZE), SIZE)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("events", [[Text("a")], [Wait(5)], [Key("z", True)]], ids=str)
def test_what_no_element_does_is_refused(name: str, events: list[Event]) -> None:
    with pytest.raises(ValueError, match=r"no one action does|no action holds"):
        POLICIES[name].from_events(events, Hand(SIZE), SIZE)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Combinations, [[]], r"keys are \[\], expected a list of combinations"),
        (Combinations, ["Left"], r"keys are 'Left', expected a list of combinations"),
        (Combinations, [{"Left", "Right"}], r"keys are \{.*expected a list of combinations"),
        (Combinations, [[1, 2]], r"keys are \[1, 2\], expected a list of combinations"),
        (Combinations, [{"noop": None}], r"keys are \[None\], expected a list of combinations"),
        (Combinations, [["Left+hop"]], r"no key is called 'hop'"),
        (HeldKeys, ["Left"], r"keys are 'Left', expected a list of keys such as 'Left'"),
        (HeldKeys, [{"a", "b"}], r"keys are \{.*expected a list of keys"),
        (HeldKeys, [None], r"keys are None, expected a list of keys"),
        (HeldKeys, [[1]], r"keys are \[1\], expected a list of keys"),
        (HeldKeys, [["a", "a"]], r"the key 'a' is held twice"),
        (KeysAndPointer, ["wasd"], r"keys are 'wasd', expected a list of keys"),
        (KeysAndPointer, [["a"], (1, 1)], r"buttons are \(1, 1\), expected a list with different"),
        (KeysAndPointer, [["a"], (9,)], r"expected a list with different ones of 1, 2, 3, 8"),
        (KeysAndPointer, [["a"], ()], r"buttons are \(\), expected a list with"),
        (KeysAndPointer, [["a"], 1], r"buttons are 1, expected a list with"),
        (KeysAndPointer, [["a"], {1, 3}], r"buttons are \{1, 3\}, expected a list with"),
        (KeysAndPointer, [["a"], [[1]]], r"buttons are \[\[1\]\], expected a list with"),
        (KeysAndMotion, ["wasd"], r"keys are 'wasd', expected a list of keys"),
        (KeysAndMotion, [["a"], (True,)], r"buttons are \(True,\), expected a list with"),
        (KeysAndMotion, [["a"], (1,), 4], r"4 bins up to 64 px, expected an odd number"),
        (KeysAndMotion, [["a"], (1,), "11"], r"bins is '11', expected an integer"),
        (KeysAndMotion, [["a"], (1,), 11.0], r"bins is 11.0, expected an integer"),
        (KeysAndMotion, [["a"], (1,), 11, math.nan], r"largest_px is nan, expected an integer"),
        (KeysAndMotion, [["a"], (1,), 11, math.inf], r"largest_px is inf, expected an integer"),
        (KeysAndMotion, [["a"], (1,), 11, 10**9], r"11 bins up to 1000000000 px, expected"),
        (KeysAndMotion, [["a"], (1,), 11, 4], r"11 bins up to 4 px, expected"),
    ],
)
def test_policies_refuse_what_they_cannot_hold(
    kind: Any, arguments: list[Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(*arguments)


@pytest.mark.parametrize("name", POLICIES)
def test_a_batch_is_checked_whole_and_held_one_by_one(name: str) -> None:
    hands = [Hand((640, 480)), Hand((640, 480))]
    codec = HandCodec(POLICIES[name], hands, SIZE)
    codec.batched_space.seed(5)
    batch = codec.batched_space.sample()
    first = codec.encode(batch, [0, 1])
    assert [hand.keys for hand in hands] == [frozenset(), frozenset()]
    codec.sent([0, 1], first)
    assert len(codec.encode(batch, [0, 1])) == 2
    alone = codec.single_space.sample()
    assert len(codec.encode([alone], [1])) == 1
    with pytest.raises(ValueError, match=r"expected 2"):
        codec.encode([alone], [0, 1])
    codec.forget(0)
    assert hands[0].keys == frozenset()


def test_a_wrong_action_names_its_environment() -> None:
    codec = HandCodec("anthropic", [Hand(SIZE), Hand(SIZE)], SIZE)
    wait = {"action": "wait", "duration": 1}
    with pytest.raises(ValueError, match=r"environment 1: action 1: computer_.* no action 'hop'"):
        codec.encode([wait, [wait, {"action": "hop"}]], [0, 1])
    (made,) = codec.encode([[wait, {"action": "screenshot"}, wait]], [1])
    assert (made.events, made.span_us) == ((), 2_000_000)


def test_masks_of_universe_go_on_where_the_hand_is() -> None:
    codec = HandCodec("universe", [Hand(SIZE)], SIZE)

    def masks(*said: tuple[Any, ...]) -> list[int]:
        (made,) = codec.encode([said], [0])
        codec.sent([0], [made])
        return [entry.argument for entry in made.events]

    press, release = ("PointerEvent", 3, 4, 1), ("PointerEvent", 3, 4, 0)
    assert masks(press, release) == [0, 1, 0]
    assert masks(press) == [0, 1]
    assert masks(("PointerEvent", 9, 4, 1)) == [1]
    assert masks(("PointerEvent", 9, 4, 0))[-1] == 0
    assert codec.hands[0].buttons == frozenset()


def test_an_object_of_a_client_may_stand_alone() -> None:
    action = types.SimpleNamespace(model_dump=lambda: {"type": "keypress", "keys": ["A"]})
    (made,) = HandCodec("openai", [Hand(SIZE)], SIZE).encode([action], [0])
    assert made.events[0].argument == keysym("a")


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_spoken_space_holds_what_is_said(name: str) -> None:
    said: dict[str, Any] = {
        "events": [Key("a", True)],
        "anthropic": {"action": "key", "text": "a"},
        "openai": [{"type": "keypress", "keys": ["A"]}, {"type": "screenshot"}],
        "pyautogui": "pyautogui.press('a')",
        "computer_13": ["DONE", {"action_type": "PRESS", "key": "a"}],
        "ui_tars": "hotkey(key='a')",
        "universe": [("Tap", "a")],
    }
    codec = HandCodec(name, [Hand(SIZE)], SIZE)
    assert codec.single_space.contains(said[name])
    assert codec.single_space.contains(codec.single_space.sample())
    assert not codec.single_space.contains(5)
    (made,) = codec.encode([said[name]], [0])
    assert made.events[0].argument == keysym("a")


@pytest.mark.parametrize("actions", ["claude", HeldKeys, 5])
def test_what_is_no_codec_is_refused(actions: Any) -> None:
    with pytest.raises(ValueError, match=r"actions is .*expected 'events', 'anthropic'"):
        check_actions(actions)


class Described:
    """What `make_codec` looks at in a session."""

    num_envs = 1
    names = ("games.A-v0",)
    spec = SessionSpec(
        runtime="xvnc", num_envs=1, width=640, height=480, crop=(100, 50, 200, 100), size=(10, 20)
    )

    def __init__(self, **describe: Any) -> None:
        self.describe = describe


def test_places_are_pixels_of_the_observations() -> None:
    codec = make_codec(Described(), 7, "events")  # type: ignore[arg-type]
    (made,) = codec.encode([[Pointer(19, 9), Key("a", True), Key("a", False)]], [0])
    assert made.events[0][-2:] == (295, 145)
    assert made.span_us == 7000
    with pytest.raises(ValueError, match=r"environment 0: event 0 .*the picture is 20x10"):
        codec.encode([[Pointer(20, 0)]], [0])


def test_numbered_actions_stay_the_runtimes_own() -> None:
    with pytest.raises(ValueError, match=r"games.A-v0 has numbered actions of its own"):
        make_codec(Described(keysyms=[[], [32]]), actions="events")  # type: ignore[arg-type]
