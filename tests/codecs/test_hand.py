"""What becomes of events: places on the screen, time, what is held, and what is refused."""

from typing import Any

import pytest

from envserver.actions import TEXT_MS
from envserver.codecs.events import Button, Event, Key, Motion, Pointer, Text, Wait, Wheel
from envserver.codecs.hand import Hand
from envserver.events import KEY, POINTER
from workers.keysyms import keysym

SCREEN = (640, 480)
WRONG: list[Any] = [1, b"a", 0.5, "soon"]
A, CTRL, SHIFT = keysym("a"), keysym("ctrl"), keysym("shift")


def strokes(
    hand: Hand, *events: Event, size: tuple[int, int] | None = None
) -> list[tuple[int, ...]]:
    """Entries as (ms, keysym, down) and (ms, mask, x, y), noted as sent."""
    action = hand.encode(events, size)
    hand.sent(action)
    return [
        (entry.offset_us // 1000, entry.argument, entry.value)
        if entry.kind == KEY
        else (entry.offset_us // 1000, entry.argument, entry.x, entry.y)
        for entry in action.events
        if entry.kind in (KEY, POINTER)
    ]


@pytest.fixture
def hand() -> Hand:
    return Hand(SCREEN)


def test_a_chord_is_held_for_a_tap(hand: Hand) -> None:
    chord = [Key("ctrl", True), Key("a", True), Key("a", False), Key("ctrl", False)]
    assert strokes(hand, *chord) == [(0, CTRL, 1), (0, A, 1), (30, A, 0), (30, CTRL, 0)]
    assert hand.encode(chord).span_us == 30_000
    assert not hand.keys


def test_keys_and_buttons_stay_down_between_actions(hand: Hand) -> None:
    assert strokes(hand, Key("a", True), Pointer(3, 4), Button(3, True)) == [
        (0, A, 1),
        (0, 0, 3, 4),
        (0, 4, 3, 4),
    ]
    assert (hand.keys, hand.buttons) == (frozenset([A]), frozenset([3]))
    assert hand.place == (3, 4)
    assert strokes(hand, Pointer(5, 6)) == [(0, 4, 5, 6)]
    assert strokes(hand, Key("a", False), Button(3, False)) == [(0, A, 0), (0, 0, 5, 6)]
    assert (hand.keys, hand.buttons) == (frozenset(), frozenset())


def test_what_was_released_by_others_is_forgotten(hand: Hand) -> None:
    strokes(hand, Key("a", True), Pointer(3, 4), Button(1, True))
    hand.forget()
    assert (hand.keys, hand.buttons, hand.place) == (frozenset(), frozenset(), (3, 4))
    assert strokes(hand, Button(2, True)) == [(0, 2, 3, 4)]


def test_encoding_changes_nothing(hand: Hand) -> None:
    hand.encode([Key("a", True), Pointer(1, 1), Button(1, True)])
    assert (hand.keys, hand.buttons, hand.place) == (frozenset(), frozenset(), (320, 240))


def test_a_double_click_lets_the_button_rest(hand: Hand) -> None:
    click: list[Event] = [Button(1, True), Button(1, False)]
    assert [stroke[:2] for stroke in strokes(hand, *click, *click)] == [
        (0, 1),
        (30, 0),
        (60, 1),
        (90, 0),
    ]


def test_the_wheel_clicks_one_by_one_with_what_is_held(hand: Hand) -> None:
    strokes(hand, Pointer(1, 2), Button(1, True))
    assert [stroke[1] for stroke in strokes(hand, Wheel(0, 2))] == [17, 1, 17, 1]
    assert [stroke[1] for stroke in strokes(hand, Wheel(-1, -1))] == [33, 1, 9, 1]
    assert [stroke[1] for stroke in strokes(hand, Wheel(1, 0))] == [65, 1]


def test_times(hand: Hand) -> None:
    events: list[Event] = [Wait(5), Text("ab"), Key("c", True, at_ms=40), Wait(10)]
    action = hand.encode(events)
    starts = [entry.offset_us // 1000 for entry in action.events if entry.value]
    assert starts == [5, 5 + TEXT_MS, 40]
    assert action.span_us == 50_000
    late = hand.encode([Key("a", True, at_ms=1), Key("a", False, at_ms=2)])
    assert [entry.offset_us for entry in late.events] == [1000, 2000]


def test_capitals_are_typed_with_shift(hand: Hand) -> None:
    entries = [(chr(key), down) for _, key, down in strokes(hand, Text("aBC1!É"))]
    shift = chr(SHIFT)
    typed = [(character, down) for character, down in entries if character != shift]
    assert typed == [(character, down) for character in "aBC1!É" for down in (1, 0)]
    assert entries.index((shift, 1)) == entries.index(("B", 1)) - 1
    assert entries.index((shift, 0)) == entries.index(("C", 0)) + 1
    assert not hand.keys
    strokes(hand, Key("Shift_R", True))
    assert [key for _, key, _ in strokes(hand, Text("A"))] == [ord("A")] * 2
    assert hand.holds("Shift_R")


@pytest.mark.parametrize(
    ("seen", "there"), [((640, 480), (7, 9)), ((320, 240), (15, 19)), ((1280, 960), (3, 4))]
)
def test_places_are_those_of_the_picture_that_was_seen(
    hand: Hand, seen: tuple[int, int], there: tuple[int, int]
) -> None:
    assert strokes(hand, Pointer(7, 9), size=seen) == [(0, 0, *there)]
    assert strokes(hand, Pointer(seen[0] - 1, seen[1] - 1), size=seen)[0][2:] >= (638, 478)


def test_places_in_a_part_of_the_screen() -> None:
    hand = Hand(SCREEN, shown=(100, 50, 200, 100))
    assert strokes(hand, Pointer(0, 0), Pointer(199, 99)) == [(0, 0, 100, 50), (0, 0, 299, 149)]
    assert hand.seen() == (199, 99)
    assert strokes(hand, Pointer(10, 10), size=(20, 20)) == [(0, 0, 205, 102)]
    assert hand.seen((20, 20)) == (10, 10)


def test_motions_end_at_the_border(hand: Hand) -> None:
    assert strokes(hand, Motion(-20, 10)) == [(0, 0, 300, 250)]
    assert strokes(hand, Motion(-20, 10), size=(320, 240)) == [(0, 0, 260, 270)]
    assert strokes(hand, Motion(-1000, 1000)) == [(0, 0, 0, 479)]


def test_shift_types_as_a_keyboard_does(hand: Hand) -> None:
    exclam, upper = keysym("!"), keysym("A")
    held = [Key("shift", True), Key("1", True), Key("a", True), Key("Left", True)]
    assert [stroke[1] for stroke in strokes(hand, *held)] == [SHIFT, exclam, upper, keysym("Left")]
    assert [stroke[1] for stroke in strokes(hand, Key("shift", False), Key("a", False))] == [
        SHIFT,
        upper,
    ]
    assert hand.keys == {exclam, keysym("Left")}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Pointer(640, 0), r"event 1 is Pointer.*: x is 640, expected 0 to 639: .* is 640x480"),
        (Pointer(0, 480), r"y is 480, expected 0 to 479"),
        (Button(9, True), r"VNC has no button 9 \(forward\)"),
        (Key("b", True, at_ms=1), r"at_ms is 1, but what comes before it ends at 30 ms"),
        (Wait(59_980), r"the events take more than 60000 ms: split them"),
        (("KeyEvent", "a", True), r"expected Key, Text, Pointer, Motion, Button, Wheel or Wait"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    hand: Hand, event: Event, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        hand.encode([Wait(30), event])
    assert (hand.keys, hand.buttons, hand.place) == (frozenset(), frozenset(), (320, 240))


@pytest.mark.parametrize("size", [(0, 5), (5,), "big", None, 7])
def test_a_picture_has_a_size(hand: Hand, size: tuple[int, int] | None) -> None:
    if size is None:
        assert hand.encode([]).events == ()
    else:
        with pytest.raises(ValueError, match=r"size is .*expected \(width, height\)"):
            hand.encode([], size)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Key("Entr", True), r"no key is called 'Entr', did you mean"),
        (lambda: Key("", True), r"key is '', expected"),
        (lambda: Key("a", WRONG[0]), r"down is 1, expected True or False"),
        (lambda: Text("a\x00"), r"no key types the character '\\x00'"),
        (lambda: Text(WRONG[1]), r"text is b'a', expected a str"),
        (lambda: Pointer(-1, 0), r"x is -1"),
        (lambda: Pointer(WRONG[2], 0), r"x is 0.5, expected an integer"),
        (lambda: Motion(True, 0), r"dx is True, expected an integer"),
        (lambda: Button(4, True), r"button is 4, expected 1 \(left\)"),
        (lambda: Wheel(0, 10_000), r"dy is 10000, expected -1000 to 1000"),
        (lambda: Wait(-1), r"a wait is -1, expected milliseconds"),
        (lambda: Wait(float("nan")), r"a wait is nan"),
        (lambda: Wait(1, at_ms=WRONG[3]), r"at_ms is 'soon'"),
    ],
)
def test_events_refuse_what_no_desktop_does(made: object, message: str) -> None:
    assert callable(made)
    with pytest.raises(ValueError, match=message):
        made()
