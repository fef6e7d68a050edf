"""Events and spaces of the Universe API."""

from envserver.universe.spaces.vnc_event import KEYMAP, KeyEvent, PointerEvent, keycode
from envserver.universe.spaces.vnc_spaces import (
    Hardcoded,
    PeekReward,
    VNCActionSpace,
    VNCObservationSpace,
)

__all__ = [
    "KEYMAP",
    "Hardcoded",
    "KeyEvent",
    "PeekReward",
    "PointerEvent",
    "VNCActionSpace",
    "VNCObservationSpace",
    "keycode",
]
