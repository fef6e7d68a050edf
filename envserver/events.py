"""Keyboard and pointer events of an action, and the queue entries that they become."""

import operator
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from shm.layout import ENTRY_DTYPE
from workers.entries import EntryKind

KEY = int(EntryKind.KEY)
POINTER = int(EntryKind.POINTER)


class Event(NamedTuple):
    """One queue entry of an action: `kind` and its fields, `offset_us` after the step was sent."""

    kind: int
    offset_us: int
    argument: int
    value: int = 0
    x: int = 0
    y: int = 0


class Encoded(NamedTuple):
    """One environment's action: its events, how long they take, and its number, if it has one."""

    events: tuple[Event, ...]
    span_us: int = 0
    action: int = 0
    raw: bytes = b""
    """The events as queue entries: joining bytes is the cheapest way to put many together."""


def _entry_struct(names: Sequence[str]) -> struct.Struct:
    """An entry with these fields, in the order of `ENTRY_DTYPE`; the others are zero."""
    codes = {"<u4": "I", "<i4": "i", "<i8": "q", "<u2": "H"}
    fields: Mapping[str, Any] = ENTRY_DTYPE.fields or {}
    parts, at = ["<"], 0
    for name in names:
        field, offset = fields[name][:2]
        parts.append(f"{offset - at}x{codes[field.str]}")
        at = offset + field.itemsize
    return struct.Struct("".join([*parts, f"{ENTRY_DTYPE.itemsize - at}x"]))


# NumPy takes 6 microseconds to make one entry, struct half of one.
_PLACED = [name for name in ENTRY_DTYPE.names or () if name in Event._fields]
_ENTRY = _entry_struct(_PLACED)
_placed = operator.attrgetter(*_PLACED)


def encoded(events: Iterable[Event], span_us: int = 0, action: int = 0) -> Encoded:
    """An action with its events packed."""
    events = tuple(events)
    raw = b"".join([_ENTRY.pack(*_placed(event)) for event in events])
    return Encoded(events, span_us, action, raw)


NO_ACTION = Encoded(())
