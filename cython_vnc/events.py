"""What `RFBProtocol.buffer_updated` returns, in the order in which the server said it."""

from dataclasses import dataclass
from typing import NamedTuple


class Rect(NamedTuple):
    """A part of the framebuffer, in pixels."""

    x: int
    y: int
    width: int
    height: int


class PointerShape(NamedTuple):
    """The picture of the pointer: `pixels` are B, G, R, A bytes, row by row; A is 0 or 255."""

    width: int
    height: int
    hotspot_x: int
    hotspot_y: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class FramebufferUpdated:
    """A whole FramebufferUpdate was decoded."""

    frame: int
    damage: tuple[Rect, ...]
    """What it touched, rounded to tiles of 16 pixels."""
    begin_byte: int
    end_byte: int
    """Which bytes it was, of those after ServerInit."""


@dataclass(frozen=True, slots=True)
class Resized:
    """The framebuffer has another size; pictures taken before keep the old one."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PointerShapeChanged:
    """`RFBProtocol.pointer_shape` is another one."""


@dataclass(frozen=True, slots=True)
class Bell:
    """The server rang."""


@dataclass(frozen=True, slots=True)
class CutText:
    """Somebody on the remote copied text."""

    text: str


@dataclass(frozen=True, slots=True)
class FenceReply:
    """The server reached a fence of ours that had an 8-byte payload."""

    payload: int


Event = FramebufferUpdated | Resized | PointerShapeChanged | Bell | CutText | FenceReply
