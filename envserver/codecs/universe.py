"""The tuples of OpenAI Universe, which are envserver's own actions for desktops too.

    ('KeyEvent', key, down)      ('PointerEvent', x, y, mask)      ('Wait', ms)
    ('Tap', key)                 ('Text', text)

A `PointerEvent` says where the pointer is and which buttons are down, so what it changes depends on
what came before: `place` and `held` say how an action begins.
"""

from collections.abc import Iterable
from typing import Any

from envserver.actions import EVENT_FORMS, is_sequence
from envserver.codecs.events import Button, Event, Key, Pointer, Text, Wait, Wheel
from envserver.codecs.fields import Size, checked_point, whole
from envserver.codecs.gestures import Chord, Point
from envserver.codecs.hand import MASKS, WHEEL
from envserver.codecs.keys import named_by_number, own_name


def to_events(action: Any, size: Size, *, place: Point | None = None, held: int = 0) -> list[Event]:
    """The events of one environment's action.

    Args:
        action: A sequence of tuples.
        size: Width and height of the picture that the agent saw.
        place: Where the pointer is when the action begins, if that is known.
        held: The mask of the buttons that are down then.

    Raises:
        ValueError: it is no sequence of tuples; the message says which one and why.
    """
    if not is_sequence(action):
        raise ValueError(f"action is {action!r:.80}, expected a sequence of events")
    events: list[Event] = []
    mask = held
    for number, said in enumerate(action):
        try:
            match tuple(said) if is_sequence(said) else ():
                case ("KeyEvent", key, down):
                    events.append(Key(_key(key), _flag(down)))
                case ("PointerEvent", x, y, new):
                    at = checked_point(x, y, size)
                    new = whole("mask", new)
                    if not 0 <= new <= 255:
                        raise ValueError(f"mask is {new}, expected 0 to 255")
                    if at != place or new == mask:
                        events.append(Pointer(*at))
                    _buttons(events, mask, new)
                    place, mask = at, new
                case ("Tap", key):
                    events += Chord((_key(key),)).events()
                case ("Text", text):
                    events.append(Text(text))
                case ("Wait", ms):
                    events.append(Wait(ms))
                case _:
                    raise ValueError(f"expected {EVENT_FORMS}")
        except ValueError as error:
            raise ValueError(f"event {number} is {said!r:.120}: {error}") from error
    return events


def from_events(
    events: Iterable[Event], size: Size, *, place: Point | None = None, held: int = 0
) -> list[tuple[Any, ...]]:
    """One action that is these events.

    Args:
        events: In their order.
        size: Width and height of the picture whose pixels they count.
        place: Where the pointer is when they begin, if that is known.
        held: The mask of the buttons that are down then.

    Raises:
        ValueError: an event moves by a distance, has a time of its own, is a button that masks do
            not have, or needs the pointer's place, which nothing said.
    """
    action: list[tuple[Any, ...]] = []
    for number, event in enumerate(events):
        if not isinstance(event, Event) or event.at_ms is not None:
            raise ValueError(f"event {number} is {event!r:.120}, which Universe cannot say")
        match event:
            case Key(key, down):
                action.append(("KeyEvent", own_name(key), down))
            case Text(text):
                action.append(("Text", text))
            case Wait(ms):
                action.append(("Wait", ms))
            case Pointer(x, y):
                place = checked_point(x, y, size)
                action.append(("PointerEvent", x, y, held))
            case _:
                if place is None:
                    raise ValueError(
                        f"event {number} is {event!r}, but nothing said where the pointer is: "
                        "give its place, or begin with a Pointer"
                    )
                masks = _masks(event, held)
                action += [("PointerEvent", *place, mask) for mask in masks]
                held = masks[-1]
    return action


def _masks(event: Event, held: int) -> list[int]:
    """The masks that an event of buttons or wheel goes through."""
    if isinstance(event, Button) and event.number in MASKS:
        bit = MASKS[event.number]
        if bool(held & bit) == event.down:
            raise ValueError(f"Universe cannot say {event!r}: the button is so already")
        return [held ^ bit]
    if isinstance(event, Wheel) and (event.dx == 0) != (event.dy == 0):
        for (dx, dy), bit in WHEEL.items():
            clicks = event.dx * dx + event.dy * dy
            if clicks > 0:
                return [held | bit, held] * clicks
    raise ValueError(f"Universe cannot say {event!r}: a mask has buttons 1, 2, 3, 8 and one wheel")


def _buttons(events: list[Event], old: int, new: int) -> None:
    """Add what changes from one mask to the next; clicks of the wheel one way are one turn."""
    for number, bit in MASKS.items():
        if (old ^ new) & bit:
            events.append(Button(number, bool(new & bit)))
    for (dx, dy), bit in WHEEL.items():
        if new & ~old & bit:
            last = events[-1] if events else None
            if isinstance(last, Wheel) and _same_way(last, dx, dy):
                events[-1] = Wheel(last.dx + dx, last.dy + dy)
            else:
                events.append(Wheel(dx, dy))


def _same_way(wheel: Wheel, dx: int, dy: int) -> bool:
    return wheel.dx * dx + wheel.dy * dy > 0 and (wheel.dx == 0) == (dx == 0)


def _key(key: Any) -> str:
    return own_name(key) if isinstance(key, str) else named_by_number(whole("keysym", key))


def _flag(down: Any) -> bool:
    if whole("down", int(down) if isinstance(down, bool) else down) not in (0, 1):
        raise ValueError(f"down is {down!r:.80}, expected True or False")
    return bool(down)
