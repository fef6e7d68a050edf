"""What agents say that is no event: they want to see, to know, or to stop.

`to_events` of a vocabulary gives one of these instead of a list of events; whoever drives the
desktop answers it. `from_events` never does, since events do not say them.
"""

import dataclasses
from collections.abc import Sequence

from envserver.codecs.events import Event


@dataclasses.dataclass(frozen=True, slots=True)
class Screenshot:
    """The agent wants a picture of the screen."""


@dataclasses.dataclass(frozen=True, slots=True)
class Zoom:
    """The agent wants a part of the screen, enlarged.

    `left`, `top` belong to it, `right`, `bottom` do not; pixels of the picture that it saw.
    """

    left: int
    top: int
    right: int
    bottom: int


@dataclasses.dataclass(frozen=True, slots=True)
class CursorPosition:
    """The agent wants to know where the pointer is (`Hand.seen`)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """The agent ends its task: `success` False where it says that it cannot be done."""

    success: bool = True
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class CallUser:
    """The agent wants a person to take over."""


Request = Screenshot | Zoom | CursorPosition | Done | CallUser


def joined(said: Sequence[list[Event] | Request]) -> list[Event] | Request:
    """What several calls in one action say: the events of all, or the one request.

    Raises:
        ValueError: a request is not alone.
    """
    events: list[Event] = []
    for each in said:
        if isinstance(each, list):
            events += each
        elif len(said) == 1:
            return each
        else:
            raise ValueError(f"{type(each).__name__} stands beside other calls: give it alone")
    return events
