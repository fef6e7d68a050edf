"""What agents call one action: a click, a drag, a chord of keys; made of events, found in events.

Each gesture knows its `events()`. `gestures` reads a list of events as the largest gestures that
are exactly these events, so that the events of all of them are the list again. `told` gives a
vocabulary one gesture after another; one that it cannot say is told as its `parts()`, which are the
same events again.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from envserver.codecs.events import Button, Event, Key, Pointer, Wait, Wheel

Point = tuple[int, int]
DIRECTIONS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
"""Where the wheel turns, as agents say it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Single:
    """One event."""

    event: Event

    def events(self) -> list[Event]:
        return [self.event]

    def parts(self) -> "list[Gesture]":
        return []


@dataclasses.dataclass(frozen=True, slots=True)
class Chord:
    """Keys that go down one after another, are held for a while, and come up in reverse order."""

    keys: tuple[str, ...]
    hold_ms: float | None = None

    def events(self) -> list[Event]:
        held: list[Event] = [] if self.hold_ms is None else [Wait(self.hold_ms)]
        return _while_held(self.keys, held)

    def parts(self) -> "list[Gesture]":
        return [Single(event) for event in self.events()]


@dataclasses.dataclass(frozen=True, slots=True)
class Click:
    """A button that goes down and up `count` times, at a place, while keys are held."""

    number: int
    count: int = 1
    at: Point | None = None
    keys: tuple[str, ...] = ()

    def events(self) -> list[Event]:
        once: list[Event] = [Button(self.number, True), Button(self.number, False)]
        return _while_held(self.keys, _at(self.at) + once * self.count)

    def parts(self) -> "list[Gesture]":
        if self.keys:
            return _unkeyed(self, self.keys)
        if self.count > 1:
            return [
                dataclasses.replace(self, count=1),
                Click(self.number, self.count - 1),
            ]
        return [Single(event) for event in self.events()]


@dataclasses.dataclass(frozen=True, slots=True)
class Drag:
    """A button that is held along a path, from `start` or from where the pointer is."""

    number: int
    path: tuple[Point, ...]
    start: Point | None = None
    keys: tuple[str, ...] = ()

    def events(self) -> list[Event]:
        way: list[Event] = [Pointer(x, y) for x, y in self.path]
        held = [Button(self.number, True), *way, Button(self.number, False)]
        return _while_held(self.keys, _at(self.start) + held)

    def parts(self) -> "list[Gesture]":
        if self.keys:
            return _unkeyed(self, self.keys)
        if self.start:
            return [Move(self.start), dataclasses.replace(self, start=None)]
        return [Single(event) for event in self.events()]


@dataclasses.dataclass(frozen=True, slots=True)
class Scroll:
    """The wheel, at a place, while keys are held."""

    dx: int
    dy: int
    at: Point | None = None
    keys: tuple[str, ...] = ()

    def events(self) -> list[Event]:
        return _while_held(self.keys, [*_at(self.at), Wheel(self.dx, self.dy)])

    def parts(self) -> "list[Gesture]":
        if self.keys:
            return _unkeyed(self, self.keys)
        if self.at:
            return [Move(self.at), dataclasses.replace(self, at=None)]
        return [Single(Wheel(self.dx, self.dy))]


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """The pointer goes to a place while keys are held."""

    at: Point
    keys: tuple[str, ...] = ()

    def events(self) -> list[Event]:
        return _while_held(self.keys, _at(self.at))

    def parts(self) -> "list[Gesture]":
        return _unkeyed(self, self.keys) if self.keys else []


Gesture = Single | Chord | Click | Drag | Scroll | Move
Pointing = Click | Drag | Scroll | Move


def gestures(events: Iterable[Event]) -> list[Gesture]:
    """The largest gestures whose events are these.

    Raises:
        ValueError: they are no events, or one says when in its step it happens.
    """
    if isinstance(events, Event) or not isinstance(events, Iterable):
        raise ValueError(f"events are {events!r:.80}, expected a list of events")
    given = list(events)
    for place, event in enumerate(given):
        if not isinstance(event, Event):
            raise ValueError(f"event {place} is {event!r:.80}, expected an event of codecs.events")
        if event.at_ms is not None:
            raise ValueError(
                f"event {place} is {event!r}: no vocabulary of agents says when in its step an "
                "event happens; put Wait events between them"
            )
    found: list[Gesture] = []
    place = 0
    while place < len(given):
        gesture = _keyed(given, place) or _pointing(given, place) or Single(given[place])
        found.append(gesture)
        place += len(gesture.events())
    return found


def told(
    events: Iterable[Event], say: Callable[[Gesture], Any | None], vocabulary: str, hint: str = ""
) -> list[Any]:
    """What a vocabulary says for these events.

    Args:
        events: In their order.
        say: The action that is this gesture; None where there is none.
        vocabulary: Its name, for the error.
        hint: What the error says of the way out.

    Raises:
        ValueError: it cannot say one of the events.
    """
    actions: list[Any] = []
    waiting = gestures(events)[::-1]
    while waiting:
        gesture = waiting.pop()
        action = say(gesture)
        if action is not None:
            actions.append(action)
            continue
        parts = gesture.parts()
        if not parts or parts == [gesture]:
            what = ", ".join(repr(event) for event in gesture.events())
            raise ValueError(f"{vocabulary} cannot say {what}{hint and ': '}{hint}")
        waiting.extend(_joined(parts)[::-1])
    return actions


def _joined(parts: Sequence[Gesture]) -> list[Gesture]:
    """Single events of which a smaller gesture consists are that gesture."""
    return [
        Move((part.event.x, part.event.y))
        if isinstance(part, Single) and isinstance(part.event, Pointer)
        else part
        for part in parts
    ]


def _keyed(events: Sequence[Event], start: int) -> Gesture | None:
    """The gesture that begins here with keys that go down."""
    keys: list[str] = []
    place = start
    while place < len(events):
        event = events[place]
        if not (isinstance(event, Key) and event.down) or event.key in keys:
            break
        keys.append(event.key)
        place += 1
    if not keys:
        return None
    chord = tuple(keys)
    inner: list[Gesture] = [Chord(chord)]
    if place < len(events):
        event = events[place]
        if isinstance(event, Wait):
            inner = [Chord(chord, event.ms)]
        elif (pointing := _pointing(events, place)) is not None:
            inner = [dataclasses.replace(pointing, keys=chord)]
            if isinstance(pointing, Click):
                inner += [
                    dataclasses.replace(pointing, count=count, keys=chord)
                    for count in range(pointing.count - 1, 0, -1)
                ]
    for gesture in inner:
        made = gesture.events()
        if list(events[start : start + len(made)]) == made:
            return gesture
    return None


def _pointing(events: Sequence[Event], start: int) -> Pointing | None:
    """The gesture of the pointer that begins here."""
    place, at = start, None
    first = events[place]
    if isinstance(first, Pointer):
        at = (first.x, first.y)
        place += 1
    following = events[place] if place < len(events) else None
    if isinstance(following, Wheel):
        return Scroll(following.dx, following.dy, at)
    if isinstance(following, Button) and following.down:
        number = following.number
        up = Button(number, False)
        way: list[Point] = []
        count = 0
        while list(events[place : place + 2]) == [following, up]:
            place += 2
            count += 1
        if count:
            return Click(number, count, at)
        for event in events[place + 1 :]:
            if isinstance(event, Pointer):
                way.append((event.x, event.y))
                continue
            if event == up:
                return Drag(number, tuple(way), at)
            break
    return Move(at) if at else None


def _while_held(keys: Sequence[str], events: Sequence[Event]) -> list[Event]:
    downs: list[Event] = [Key(key, True) for key in keys]
    ups: list[Event] = [Key(key, False) for key in reversed(keys)]
    return [*downs, *events, *ups]


def _unkeyed(gesture: Pointing, keys: Sequence[str]) -> list[Gesture]:
    downs: list[Gesture] = [Single(Key(key, True)) for key in keys]
    ups: list[Gesture] = [Single(Key(key, False)) for key in reversed(keys)]
    return [*downs, dataclasses.replace(gesture, keys=()), *ups]


def _at(point: Point | None) -> list[Event]:
    return [] if point is None else [Pointer(*point)]
