"""From a script's actions to the events of `envserver.actions.EventSpace`, checked all at once.

An action is a list of `KeyEvent`, `PointerEvent` or `PeekReward` objects, or of tuples:
('KeyEvent', name, down), ('PointerEvent', x, y, mask), and what else EventSpace knows ('Tap',
'Text', 'Wait'). Nothing is sent where one is wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envserver.actions import EventSpace
from envserver.universe.error import Error
from envserver.universe.spaces.vnc_event import KeyEvent, PointerEvent, keycode
from envserver.universe.spaces.vnc_spaces import PeekReward

MAX_COORDINATE = 0xFFFF
LARGEST_SCREEN = EventSpace(MAX_COORDINATE + 1, MAX_COORDINATE + 1)
FORMS = (
    "('KeyEvent', 'ArrowUp', True), ('PointerEvent', x, y, buttonmask), or objects of "
    "universe.spaces"
)

Events = list[tuple[Any, ...]]


def compile_actions(action_n: Any, n: int) -> list[Events]:
    """One list of events for each of n environments.

    Raises:
        Error: there are not n, or one is no list of events; the message says which.
    """
    if isinstance(action_n, str | Mapping) or not isinstance(action_n, Sequence | np.ndarray):
        raise Error(f"could not compile actions: found {action_n!r:.80}, expected a list of {n}")
    if len(action_n) != n:
        raise Error(f"could not compile actions: found {len(action_n)}, expected {n}, one a remote")
    compiled = []
    for index, action in enumerate(action_n):
        try:
            compiled.append(compile_action(action))
        except Error as error:
            raise Error(f"could not compile actions: environment {index}: {error}") from error
    return compiled


def compile_action(action: Any) -> Events:
    """The events of one action; keys are keysyms.

    Raises:
        Error: it is no list of events.
    """
    if isinstance(action, PeekReward):
        return []
    if isinstance(action, str) or not isinstance(action, list | tuple | np.ndarray):
        raise Error(f"action is {action!r:.80}, expected a list of events: {FORMS}")
    events: Events = []
    for place, event in enumerate(action):
        if isinstance(event, PeekReward):
            continue
        try:
            events.append(_compile_event(event))
        except Error as error:
            raise Error(f"event {place} is {event!r:.80}: {error}") from error
    try:
        LARGEST_SCREEN.events(events)  # whatever it would refuse later, when others were sent
    except ValueError as error:
        raise Error(str(error)) from error
    return events


def translated(events: Events, keys: Mapping[int, int]) -> Events:
    """The events with keys that the program calls otherwise."""
    if not keys:
        return events
    return [
        ("KeyEvent", keys.get(event[1], event[1]), event[2]) if event[0] == "KeyEvent" else event
        for event in events
    ]


def clipped(events: Events, width: int, height: int) -> Events:
    """The events with the pointer inside the screen, as VNC servers have it."""
    return [
        (
            "PointerEvent",
            max(0, min(event[1], width - 1)),
            max(0, min(event[2], height - 1)),
            event[3],
        )
        if event[0] == "PointerEvent"
        else event
        for event in events
    ]


def _compile_event(event: Any) -> tuple[Any, ...]:
    if isinstance(event, KeyEvent | PointerEvent):
        event = event.compile()
    kind, *fields = event if isinstance(event, list | tuple) and event else (None,)
    if kind == "KeyEvent" and len(fields) == 2:
        key, down = fields
        if not isinstance(down, bool | int | np.bool_ | np.integer) or int(down) not in (0, 1):
            raise Error(f"down is {down!r}, expected True or False")
        number = keycode(key) if isinstance(key, str) else _whole(key, "keysym", 0x7FFFFFFF)
        return ("KeyEvent", number, bool(down))
    if kind == "PointerEvent" and len(fields) == 3:
        x = _whole(fields[0], "x", MAX_COORDINATE)
        y = _whole(fields[1], "y", MAX_COORDINATE)
        return ("PointerEvent", x, y, _whole(fields[2], "buttonmask", 255))
    if kind == "Tap" and len(fields) == 1:
        return ("Tap", keycode(fields[0]) if isinstance(fields[0], str) else fields[0])
    if kind in ("Text", "Wait") and len(fields) == 1:
        return (kind, fields[0])
    raise Error(f"expected {FORMS}")


def _whole(value: Any, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value <= most:
        raise Error(f"{name} is {value!r}, expected an integer from 0 to {most}")
    return int(value)
