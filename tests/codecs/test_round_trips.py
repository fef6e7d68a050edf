"""Events, said in each vocabulary and read again, are the same events, or are refused."""

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envserver.codecs import anthropic, computer13, openai, pyautogui, uitars, universe
from envserver.codecs.events import (
    BUTTONS,
    Button,
    Event,
    Key,
    Motion,
    Pointer,
    Text,
    Wait,
    Wheel,
)
from envserver.codecs.gestures import Chord, Click, Drag, Gesture, Move, Scroll, Single, gestures
from envserver.codecs.keys import OPENAI, PYAUTOGUI, UITARS, own_name, xdotool_name
from workers.keysyms import X11_NAMES

WIDTH, HEIGHT = SIZE = (320, 200)
ALL_KEYS = sorted({own_name(name) for name in X11_NAMES} | set("azAZ09+-*/éßñжЖ日€ẞ"))
FEW_KEYS = ("a", "Control_L", "Return")


class Vocabulary(NamedTuple):
    """One vocabulary, and what it can say."""

    read: Callable[[Any], Any]
    write: Callable[[Iterable[Event]], list[Any]]
    key_name: Callable[[str], str]
    sayable: Callable[[Gesture], bool]

    def read_all(self, actions: Iterable[Any]) -> list[Event]:
        return [event for action in actions for event in self.read(action)]


def drawn(gesture: Drag) -> bool:
    """Whether it goes from one place to another, with the left button."""
    return gesture.number == 1 and gesture.start is not None and len(gesture.path) == 1


VOCABULARIES = {
    "anthropic": Vocabulary(
        lambda action: anthropic.to_events(action, SIZE),
        lambda events: anthropic.from_events(events, SIZE),
        xdotool_name,
        lambda gesture: (
            isinstance(gesture, Chord)
            or (isinstance(gesture, Click) and gesture.number <= 3 and gesture.count == 1)
            or (isinstance(gesture, Click) and gesture.number == 1 and not gesture.keys)
            or (isinstance(gesture, Scroll) and 0 in (gesture.dx, gesture.dy))
            or (isinstance(gesture, Drag) and drawn(gesture))
            or (isinstance(gesture, Drag) and gesture.number == 1 and not gesture.keys)
            or (isinstance(gesture, Move) and not gesture.keys)
            or (isinstance(gesture, Single) and isinstance(gesture.event, Text | Wait))
        ),
    ),
    "openai": Vocabulary(
        lambda action: openai.to_events(action, SIZE),
        lambda events: openai.from_events(events, SIZE),
        OPENAI.write,
        lambda gesture: (
            (isinstance(gesture, Chord) and gesture.hold_ms is None)
            or (isinstance(gesture, Click) and gesture.count == 1 and gesture.at is not None)
            or (isinstance(gesture, Scroll) and gesture.at is not None)
            or (isinstance(gesture, Drag) and gesture.number == 1 and gesture.start is not None)
            or isinstance(gesture, Move)
            or (isinstance(gesture, Single) and isinstance(gesture.event, Text))
        ),
    ),
    "computer_13": Vocabulary(
        lambda action: computer13.to_events(action, SIZE),
        lambda events: computer13.from_events(events, SIZE),
        PYAUTOGUI.write,
        lambda gesture: (
            (isinstance(gesture, Chord) and gesture.hold_ms is None)
            or (isinstance(gesture, Click | Drag) and gesture.number <= 3)
            or isinstance(gesture, Move | Scroll)
            or (isinstance(gesture, Single) and isinstance(gesture.event, Text))
        ),
    ),
    "pyautogui": Vocabulary(
        lambda action: pyautogui.to_events(action, SIZE),
        lambda events: pyautogui.from_events(events, SIZE),
        PYAUTOGUI.write,
        lambda gesture: (
            isinstance(gesture, Chord | Move)
            or (isinstance(gesture, Click | Drag) and gesture.number <= 3)
            or (isinstance(gesture, Scroll) and 0 in (gesture.dx, gesture.dy))
            or (isinstance(gesture, Single) and isinstance(gesture.event, Text | Wait | Motion))
        ),
    ),
    "uitars": Vocabulary(
        lambda action: uitars.to_events(action, SIZE),
        lambda events: uitars.from_events(events, SIZE),
        UITARS.write,
        lambda gesture: (
            (isinstance(gesture, Chord) and gesture.hold_ms is None)
            or isinstance(gesture, Move)
            or (
                isinstance(gesture, Click)
                and (gesture.number, gesture.count) in ((1, 1), (1, 2), (3, 1))
                and gesture.at is not None
            )
            or (isinstance(gesture, Drag) and drawn(gesture))
            or (isinstance(gesture, Single) and isinstance(gesture.event, Text))
        ),
    ),
    "universe": Vocabulary(
        lambda action: universe.to_events([action], SIZE),
        lambda events: universe.from_events(events, SIZE),
        own_name,
        lambda gesture: (
            isinstance(gesture, Chord | Move)
            or (isinstance(gesture, Click | Drag) and gesture.number <= 8)
            or (isinstance(gesture, Scroll) and (gesture.dx == 0) != (gesture.dy == 0))
            or (isinstance(gesture, Single) and isinstance(gesture.event, Text | Wait))
        ),
    ),
}

MILLISECONDS = st.integers(0, 60_000_000).map(lambda us: us / 1000)
POINTS = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
TEXTS = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp")) | st.sampled_from("\n\t\\'\"")
) | st.sampled_from(["Action: wait()", "DONE", "')\n\nwait()", "<point>1 2</point>"])


def gestures_of(keys: list[str]) -> st.SearchStrategy[Gesture]:
    chords = st.lists(st.sampled_from(keys), min_size=1, max_size=4, unique=True).map(tuple)
    held = st.just(()) | chords
    place = st.none() | POINTS
    turns = st.integers(-5, 5)
    buttons = st.sampled_from(sorted(BUTTONS))
    return st.one_of(
        st.builds(Chord, chords, st.none() | MILLISECONDS),
        st.builds(Click, buttons, st.integers(1, 4), place, held),
        st.builds(Drag, buttons, st.lists(POINTS, min_size=1, max_size=3).map(tuple), place, held),
        st.builds(Scroll, turns, turns, place, held),
        st.builds(Move, POINTS, held),
        st.builds(Single, st.builds(Text, TEXTS)),
        st.builds(Single, st.builds(Wait, MILLISECONDS)),
        st.builds(Single, st.builds(Motion, turns, turns)),
    )


def has_name(key_name: Callable[[str], str], key: str) -> bool:
    try:
        key_name(key)
    except ValueError:
        return False
    return True


@functools.cache
def sayable(name: str) -> st.SearchStrategy[Gesture]:
    vocabulary = VOCABULARIES[name]
    named = [key for key in ALL_KEYS if has_name(vocabulary.key_name, key)]
    return gestures_of(named).filter(vocabulary.sayable)


# Few values, so that what belongs together comes together often.
ANY_EVENTS = st.lists(
    st.one_of(
        st.builds(Key, st.sampled_from(FEW_KEYS), st.booleans()),
        st.builds(Pointer, st.integers(0, 1), st.just(7)),
        st.builds(Button, st.sampled_from((1, 1, 3, 9)), st.booleans()),
        st.builds(Wheel, st.integers(-1, 1), st.sampled_from((0, 0, 5))),
        st.builds(Wait, st.sampled_from((2000.0, 5000.0, 1.5))),
        st.builds(Text, st.sampled_from(("", "it's\n", 'a"b'))),
        st.builds(Motion, st.integers(-1, 1), st.just(0)),
    ),
    max_size=9,
)


def turned_together(events: Iterable[Event]) -> list[Event]:
    """One turn of the wheel where several follow each other: masks do not tell them apart."""
    merged: list[Event] = []
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, Wheel) and isinstance(last, Wheel):
            dx, dy = last.dx + event.dx, last.dy + event.dy
            if (last.dx == 0) == (event.dx == 0) and abs(dx) + abs(dy) > max(
                abs(last.dx) + abs(last.dy), abs(event.dx) + abs(event.dy)
            ):
                merged[-1] = Wheel(dx, dy)
                continue
        merged.append(event)
    return merged


def again(name: str, events: list[Event]) -> tuple[list[Event], list[Event]]:
    """The events, and what becomes of them when they are said and read."""
    vocabulary = VOCABULARIES[name]
    actions = vocabulary.write(events)
    if name == "universe":
        return turned_together(events), universe.to_events(actions, SIZE)
    if name == "pyautogui":
        assert vocabulary.read("\n".join(actions)) == vocabulary.read_all(actions)
    return events, vocabulary.read_all(actions)


@given(st.lists(gestures_of(list(FEW_KEYS)), max_size=4), ANY_EVENTS)
@settings(deadline=None, max_examples=100)
def test_gestures_are_the_events_they_were_found_in(made: list[Gesture], more: list[Event]) -> None:
    events = [event for gesture in made for event in gesture.events()] + more
    found = gestures(events)
    assert [event for gesture in found for event in gesture.events()] == events
    for gesture in found:
        assert gestures(gesture.events()) == [gesture]
        parts = gesture.parts()
        assert not parts or [e for part in parts for e in part.events()] == gesture.events()


@pytest.mark.parametrize("name", VOCABULARIES)
@given(data=st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_what_can_be_said_comes_back(name: str, data: st.DataObject) -> None:
    made = data.draw(st.lists(sayable(name), min_size=1, max_size=4))
    events = [event for gesture in made for event in gesture.events()]
    if name == "universe":
        events = [Pointer(1, 1), *events]
    given_events, read = again(name, events)
    assert read == given_events


@pytest.mark.parametrize("name", VOCABULARIES)
@given(events=ANY_EVENTS)
@settings(deadline=None, max_examples=100)
def test_any_events_come_back_or_are_refused(name: str, events: list[Event]) -> None:
    try:
        given_events, read = again(name, events)
    except ValueError as error:
        refused = re.search("cannot say|nothing said where the pointer is", str(error))
        if refused is None:
            raise
    else:
        assert read == given_events


@pytest.mark.parametrize("name", [name for name in VOCABULARIES if name != "universe"])
@given(data=st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_an_action_comes_back(name: str, data: st.DataObject) -> None:
    vocabulary = VOCABULARIES[name]
    gesture = data.draw(sayable(name))
    for action in vocabulary.write(gesture.events()):
        assert vocabulary.write(vocabulary.read(action)) == [action]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("KeyEvent"), st.sampled_from(FEW_KEYS), st.booleans()),
            st.tuples(st.just("PointerEvent"), st.integers(0, 2), st.just(3), st.integers(0, 255)),
            st.tuples(st.just("Text"), TEXTS),
            st.tuples(st.just("Wait"), MILLISECONDS),
        )
    )
)
@settings(deadline=None, max_examples=100)
def test_universe_ends_with_the_same_buttons_and_place(action: list[tuple[Any, ...]]) -> None:
    buttons = 0b10000111  # without the wheel, which masks press and events turn
    pointers = [said for said in action if said[0] == "PointerEvent"]
    said = universe.from_events(universe.to_events(action, SIZE), SIZE)
    said_pointers = [each for each in said if each[0] == "PointerEvent"]
    assert bool(pointers) == bool(said_pointers)
    if pointers:
        (_, x, y, mask), (_, said_x, said_y, said_mask) = pointers[-1], said_pointers[-1]
        assert (said_x, said_y, said_mask & buttons) == (x, y, mask & buttons)


@pytest.mark.parametrize(
    ("read", "write"),
    [(own_name, xdotool_name), *((n.read, n.write) for n in (PYAUTOGUI, UITARS, OPENAI))],
    ids=["xdotool", "pyautogui", "UI-TARS", "OpenAI"],
)
def test_every_name_of_a_key_means_that_key(
    read: Callable[[str], str], write: Callable[[str], str]
) -> None:
    named = [key for key in ALL_KEYS if has_name(write, key)]
    assert len(named) > 100
    assert [read(write(key)) for key in named] == named


@given(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), st.data())
@settings(deadline=None, max_examples=100)
def test_a_grid_of_thousandths_tells_every_pixel_of_a_small_picture(
    size: tuple[int, int], data: st.DataObject
) -> None:
    at = data.draw(st.tuples(*(st.integers(0, side - 1) for side in size)))
    (said,) = uitars.from_events([Pointer(*at)], size)
    assert uitars.to_events(said, size) == [Pointer(*at)]
    (said,) = uitars.from_events([Pointer(*at)], size, grid=size)
    assert said == f"hover(point='<point>{at[0]} {at[1]}</point>')"
    assert uitars.to_events(said, size, grid=size) == [Pointer(*at)]
