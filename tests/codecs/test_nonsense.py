"""Whatever a model or policy says, the answer is events, a request or a ValueError."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envserver.codecs import anthropic, computer13, openai, pyautogui, uitars, universe
from envserver.codecs.acting import VOCABULARIES, Policy
from envserver.codecs.events import Button, Event, Wait
from envserver.codecs.hand import Hand
from envserver.codecs.policies import Combinations, HeldKeys, KeysAndMotion, KeysAndPointer

SIZE = (320, 240)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 500),
    st.floats(),
    st.just(10**400),
    st.text(max_size=5),
    st.sampled_from(["ctrl+a", "left", "up", "1 2", "\ud800", "\x00"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=6,
)
FIELDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "anthropic": (
        "action",
        anthropic.ZOOMING,
        (
            *("text", "key", "coordinate", "start_coordinate", "duration", "region"),
            *("scroll_direction", "scroll_amount", "repeat", "type", "name", "input"),
        ),
    ),
    "openai": (
        "type",
        openai.ACTIONS,
        ("x", "y", "button", "keys", "path", "scroll_x", "scroll_y", "text"),
    ),
    "computer_13": (
        "action_type",
        computer13.ACTIONS,
        ("x", "y", "button", "num_clicks", "dx", "dy", "text", "key", "keys", "parameters"),
    ),
}
MODULES: dict[str, Any] = {
    "anthropic": anthropic,
    "openai": openai,
    "computer_13": computer13,
    "pyautogui": pyautogui,
    "ui_tars": uitars,
    "universe": universe,
}


def answered(name: str, action: Any) -> None:
    """Either refused by a ValueError, or done by a hand and said again or refused."""
    before = copy.deepcopy(action)
    try:
        said = MODULES[name].to_events(action, SIZE)
        if isinstance(said, list):
            assert all(isinstance(event, Event) for event in said)
            Hand(SIZE).encode(said, SIZE)
            MODULES[name].from_events(said, SIZE)
    except ValueError as error:
        assert str(error)  # noqa: PT017  (any other error is what is looked for)
    assert repr(action) == repr(before)


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_fields_with_anything_in_them(name: str, data: st.DataObject) -> None:
    kind, actions, fields = FIELDS[name]
    action = data.draw(st.dictionaries(st.sampled_from(fields), VALUES, max_size=5))
    answered(name, {kind: data.draw(st.sampled_from(actions)), **action})


@pytest.mark.parametrize("name", MODULES)
@given(action=VALUES)
@settings(deadline=None, max_examples=50)
def test_anything_for_an_action(name: str, action: Any) -> None:
    answered(name, action)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["KeyEvent", "PointerEvent", "Tap", "Text", "Wait"]),
            SCALARS,
            SCALARS,
            SCALARS,
        ).flatmap(lambda said: st.integers(1, 4).map(lambda count: said[:count])),
        max_size=3,
    )
)
@settings(deadline=None, max_examples=100)
def test_tuples_with_anything_in_them(action: list[Any]) -> None:
    answered("universe", action)


CALLS = st.builds(
    "{}{}({})".format,
    st.sampled_from(["pyautogui.", "time.", ""]),
    st.sampled_from(
        [
            "click",
            "scroll",
            "press",
            "hotkey",
            "write",
            "drag",
            "sleep",
            "hold",
            "dragTo",
            "move",
            "type",
            "finished",
            "wait",
        ]
    ),
    st.lists(
        st.sampled_from(
            f"1;-5;1e999;'a';['a'];x;*x;**x;clicks=3;x=1;None;(1, 2);content='it's';key='ctrl c';"
            f"point='1 2';direction='up';[[]];1j;b'a';x(1);{{[]}};{'9' * 400};{'9' * 5000};"
            f"0x{'f' * 5000};{'-' * 5000};x{'(1)' * 2000}".split(";")
        ),
        max_size=3,
    ).map(", ".join),
)


@pytest.mark.parametrize("name", ["pyautogui", "ui_tars"])
@given(text=st.lists(CALLS | st.text(max_size=8), max_size=3).map("\n".join))
@settings(deadline=None, max_examples=100)
def test_code_with_anything_in_it(name: str, text: str) -> None:
    answered(name, text)


ELEMENTS = VALUES | st.fixed_dictionaries(
    dict.fromkeys(("keys", "buttons"), VALUES | st.just([0])),
    optional=dict.fromkeys(("pointer", "motion"), VALUES | st.builds(np.array, SCALARS)),
)


@pytest.mark.parametrize(
    "policy",
    [Combinations(["a", ""]), HeldKeys(["a"])]
    + [kind(["a"], buttons=(1,)) for kind in (KeysAndPointer, KeysAndMotion)],
    ids=lambda policy: type(policy).__name__,
)
@given(action=ELEMENTS)
@settings(deadline=None, max_examples=50)
def test_policies_given_anything(policy: Policy, action: Any) -> None:
    hand = Hand(SIZE)
    try:
        hand.encode(policy.to_events(action, hand, SIZE), SIZE)
    except ValueError as error:
        assert str(error)  # noqa: PT017  (any other error is what is looked for)


@given(st.tuples(VALUES, VALUES), st.tuples(SCALARS, SCALARS))
@settings(deadline=None, max_examples=100)
def test_policies_made_of_anything(lists: tuple[Any, Any], numbers: tuple[Any, Any]) -> None:
    keys, buttons = lists
    makes: list[Callable[[], Policy]] = [
        lambda: Combinations(keys),
        lambda: HeldKeys(keys),
        lambda: KeysAndPointer(["a"], buttons),
        lambda: KeysAndMotion(["a"], (1,), *numbers),
    ]
    for make in makes:
        try:
            policy = make()
        except ValueError as error:
            assert str(error)  # noqa: PT017  (any other error is what is looked for)
        else:
            policy.space(SIZE).sample()


@pytest.mark.parametrize("value", [[], {}, 1.0, True, None, 10**400])
def test_events_with_anything_in_them(value: Any) -> None:
    with pytest.raises(ValueError, match="button is"):
        Button(value, True)
    if value not in (1.0,) or isinstance(value, bool):
        with pytest.raises(ValueError, match="a wait is"):
            Wait(value)


def test_every_vocabulary_is_tried() -> None:
    assert {*MODULES, "events"} == set(VOCABULARIES)
