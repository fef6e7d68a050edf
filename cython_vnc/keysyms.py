"""Keysyms: what a KeyEvent calls a key (RFC 6143 section 7.5.4), by name and by character."""

import difflib
import re

from .keysym_names import OTHER_NAMES, X11_NAMES

CONTROL_CHARACTERS = {
    "\n": "Return",
    "\r": "Return",
    "\t": "Tab",
    "\b": "BackSpace",
    "\x1b": "Escape",
    "\x7f": "Delete",
}
UNICODE_RULE = 0x01000000
"""A character beyond latin-1 is the keysym UNICODE_RULE + its code point."""

_UNICODE_NAME = re.compile(r"U([0-9A-Fa-f]{2,6})")


def _index() -> dict[str, int]:
    """By lower case: every name that is clear without its case ("agrave" and "Agrave" are not)."""
    numbers: dict[str, set[int]] = {}
    for name, number in X11_NAMES.items():
        numbers.setdefault(name.lower(), set()).add(number)
    clear = {name: found.pop() for name, found in numbers.items() if len(found) == 1}
    return clear | {name: X11_NAMES[x11_name] for name, x11_name in OTHER_NAMES.items()}


_BY_LOWER_CASE = _index()


def keysym(key: str) -> int:
    """Find the keysym of a key.

    Args:
        key: one character; or a name of X11 ("Return", "Page_Up", "KP_0", "U20AC"), or one that
            people use ("enter", "ctrl", "pgup"). Case matters only where two names differ by it.

    Raises:
        ValueError: no key is called so; the message says which are called nearly so.
    """
    if len(key) == 1:
        return _keysym_of_character(key)
    if key in X11_NAMES:
        return X11_NAMES[key]
    if key.lower() in _BY_LOWER_CASE:
        return _BY_LOWER_CASE[key.lower()]
    if match := _UNICODE_NAME.fullmatch(key):
        code_point = int(match[1], 16)
        if code_point <= 0x10FFFF and not 0xD800 <= code_point <= 0xDFFF:
            return _keysym_of_character(chr(code_point))
    near = difflib.get_close_matches(key, [*X11_NAMES, *OTHER_NAMES], n=3)
    hint = f", did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"no key is called {key!r}{hint}")


def _keysym_of_character(character: str) -> int:
    if character in CONTROL_CHARACTERS:
        return X11_NAMES[CONTROL_CHARACTERS[character]]
    code_point = ord(character)
    if 0x20 <= code_point <= 0x7E or 0xA0 <= code_point <= 0xFF:
        return code_point
    if code_point < 0xA0 or 0xD800 <= code_point <= 0xDFFF:
        raise ValueError(f"no key types the character {character!r}")
    return UNICODE_RULE + code_point
