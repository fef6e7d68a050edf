"""Faults on command, for tests of clients: what the server does wrong, and when.

In `vnc`, from the moment that a viewer has had `after_updates` updates:

    silent               accepts and never says a word
    not_vnc              greets like a web server
    refuse               refuses every password
    close_in_rectangle   closes in the middle of a rectangle
    outside_rectangle    sends a rectangle that leaves the screen
    huge_length          announces 4 GB of cut text
    stop_reading         reads no more input
    stop_updates         sends no more updates; still answers fences
    die                  kills its own process

In `rewarder`, from the moment that a client has had `after_messages` messages: `silent` sends
nothing more, `junk` sends what is no message, `drop` breaks the connection without a close.
"""

import dataclasses
import struct
from collections.abc import Mapping
from typing import Any

VNC_KINDS = frozenset(
    {"", "silent", "not_vnc", "refuse", "close_in_rectangle", "outside_rectangle"}
    | {"huge_length", "stop_reading", "stop_updates", "die"}
)
REWARDER_KINDS = frozenset({"", "silent", "junk", "drop"})
WEB_GREETING = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
OUTSIDE_RECTANGLE = struct.pack(">BxHHHHHi", 0, 1, 65000, 65000, 500, 500, 0) + bytes(4096)
HUGE_CUT_TEXT = struct.pack(">BxxxI", 3, 0xFFFFFFFF) + b"never so long"
JUNK = ("no JSON", '{"method": 7}', "[" * 2000)


@dataclasses.dataclass
class Misbehaviour:
    """What to do wrong; nothing by default. Its fields may be changed while the server runs.

    Raises:
        ValueError: a kind that does not exist, or a number below 0.
    """

    vnc: str = ""
    after_updates: int = 0
    rewarder: str = ""
    after_messages: int = 0
    reset_delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.vnc not in VNC_KINDS:
            raise ValueError(f"misbehave.vnc is {self.vnc!r}, expected one of {sorted(VNC_KINDS)}")
        if self.rewarder not in REWARDER_KINDS:
            allowed = sorted(REWARDER_KINDS)
            raise ValueError(f"misbehave.rewarder is {self.rewarder!r}, expected one of {allowed}")
        if min(self.after_updates, self.after_messages, self.reset_delay_s) < 0:
            raise ValueError("misbehave has a number below 0")

    def become(self, other: "Misbehaviour") -> None:
        """Take over another's fields."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(other, field.name))


def parse_misbehaviour(fields: Mapping[str, Any] | None) -> Misbehaviour:
    """From a start request.

    Raises:
        ValueError: an unknown field or value.
    """
    try:
        return Misbehaviour(**dict(fields or {}))
    except TypeError as error:
        raise ValueError(f"misbehave: {error}") from error
