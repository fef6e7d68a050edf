"""Keyboard and pointer events as objects, and the names that Universe gave to keys."""

import dataclasses
from typing import Any

from envserver.universe.error import Error
from workers.keysyms import keysym


def _keymap() -> dict[str, int]:
    names = {
        "bsp": "BackSpace",
        "tab": "Tab",
        "return": "Return",
        "enter": "Return",
        "esc": "Escape",
        "ins": "Insert",
        "delete": "Delete",
        "del": "Delete",
        "home": "Home",
        "end": "End",
        "pgup": "Page_Up",
        "pgdn": "Page_Down",
        "ArrowLeft": "Left",
        "left": "Left",
        "ArrowUp": "Up",
        "up": "Up",
        "ArrowRight": "Right",
        "right": "Right",
        "ArrowDown": "Down",
        "down": "Down",
        "slash": "slash",
        "fslash": "slash",
        "bslash": "backslash",
        "spacebar": "space",
        "space": "space",
        "sb": "space",
        "scrlk": "Scroll_Lock",
        "sysrq": "Sys_Req",
        "numlk": "Num_Lock",
        "caplk": "Caps_Lock",
        "pause": "Pause",
        "kpenter": "KP_Enter",
    }
    for name in ("shift", "ctrl", "meta", "alt", "super", "hyper"):
        x11 = {"ctrl": "Control"}.get(name, name.capitalize())
        names |= {name: f"{x11}_L", f"l{name}": f"{x11}_L", f"r{name}": f"{x11}_R"}
    names |= {f"f{i}": f"F{i}" for i in range(1, 21)}
    names |= {f"kp{i}": f"KP_{i}" for i in range(10)}
    return {name: keysym(x11) for name, x11 in names.items()}


KEYMAP = _keymap()
"""Universe's name of a key -> its X11 keysym. Single characters are not in it."""
_NAMES = {number: name for name, number in reversed(KEYMAP.items())}


def keycode(name: str) -> int:
    """The keysym of a key: one character, a name of `KEYMAP`, or any of X11.

    Raises:
        Error: no key is called so.
    """
    if not isinstance(name, str):
        raise Error(f"key is {name!r}, expected a name such as 'ArrowUp', or one character")
    if name in KEYMAP:
        return KEYMAP[name]
    try:
        return keysym(name)
    except ValueError as error:
        raise Error(str(error)) from error


def key_name(number: int) -> str:
    """What Universe calls a keysym; its number in hexadecimal where it has no name."""
    if number in _NAMES:
        return _NAMES[number]
    return chr(number) if 0x20 < number < 0x7F else hex(number)


@dataclasses.dataclass(frozen=True)
class KeyEvent:
    """A key goes down or up.

    Args:
        key: Its keysym.
        down: Pressed; False: released.
    """

    key: int
    down: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.key, bool) or not isinstance(self.key, int) or self.key < 1:
            raise Error(f"key is {self.key!r}, expected a keysym: KeyEvent.by_name takes names")
        object.__setattr__(self, "down", bool(self.down))

    @classmethod
    def by_name(cls, name: str, down: bool = True) -> "KeyEvent":
        """The event of a key called as in `keycode`."""
        return cls(keycode(name), bool(down))

    @classmethod
    def by_keysym(cls, number: int, down: bool = True) -> "KeyEvent":
        """The event of a keysym."""
        return cls(number, bool(down))

    @classmethod
    def build(cls, keys: str, down: bool | None = None) -> list["KeyEvent"]:
        """The events of keys joined by a dash, such as "ctrl-t".

        Args:
            keys: Names; a dash alone is the key of that character.
            down: True: press them; False: release them in the opposite order; None: both.
        """
        numbers = [keycode(name) for name in (keys.split("-") if keys != "-" else ["-"])]
        presses = [cls(number, True) for number in numbers]
        releases = [cls(number, False) for number in reversed(numbers)]
        if down is None:
            return presses + releases
        return presses if down else releases

    @property
    def key_name(self) -> str:
        """What Universe calls the key."""
        return key_name(self.key)

    def compile(self) -> tuple[Any, ...]:
        """The event as a tuple."""
        return ("KeyEvent", self.key, self.down)

    def __repr__(self) -> str:
        return f"KeyEvent<{self.key_name} {'down' if self.down else 'up'}>"


@dataclasses.dataclass(frozen=True)
class PointerEvent:
    """The pointer is at (x, y), and the buttons of `buttonmask` are down.

    Args:
        x: Pixels from the left.
        y: Pixels from the top.
        buttonmask: Bit 0 left, 1 middle, 2 right, 3 and 4 the wheel.
    """

    x: int
    y: int
    buttonmask: int = 0

    def compile(self) -> tuple[Any, ...]:
        """The event as a tuple."""
        return ("PointerEvent", self.x, self.y, self.buttonmask)

    def __repr__(self) -> str:
        return f"PointerEvent<x={self.x} y={self.y} buttonmask={self.buttonmask}>"
