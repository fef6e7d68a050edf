"""Key names of other vocabularies, and the one name by which events know each key.

A key's own name is its character where it types one ("a", "é", "+"), else the keysym's name in X
("Return", "Control_L", "space"). Each vocabulary reads its names as these and writes these as its
names; what it has no name for is an error that says so.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence

from workers.keysyms import X11_NAMES, keysym

_UNICODE_RULE = 0x01000000
_NAMES = {number: name for name, number in X11_NAMES.items() if number > 0xFF}
_CHARACTER_NAMES = {number: name for name, number in X11_NAMES.items() if number <= 0xFF}


def own_name(key: str) -> str:
    """The one name of a key that may be called by several.

    Raises:
        ValueError: no key is called so.
    """
    number = keysym(key)
    character = _character(number)
    if character is None or character.isspace():
        return _NAMES.get(number) or _CHARACTER_NAMES.get(number) or key
    return character


def named_by_number(number: int) -> str:
    """The own name of a keysym.

    Raises:
        ValueError: it has none.
    """
    character = _character(number) if 0 < number <= _UNICODE_RULE + 0x10FFFF else None
    name = _NAMES.get(number) or character
    if name is None:
        raise ValueError(f"no key has the keysym {number:#x}")
    return own_name(name)


class KeyNames:
    """The key names of one vocabulary.

    Args:
        vocabulary: Its name, for errors.
        names: What it calls keys that type nothing, or a blank; of several names for a key the
            first is written.
        plain: Turns the name that was read into the form of `names`, such as `str.lower`.
        characters: What it calls the keys of characters, or None where it has none for one.
        lone: The character's key that a lone character means.
    """

    def __init__(
        self,
        vocabulary: str,
        names: Mapping[str, str],
        *,
        plain: Callable[[str], str] = str.lower,
        characters: Callable[[str], str | None] = lambda character: character,
        lone: Callable[[str], str] = lambda character: character,
    ) -> None:
        self.vocabulary = vocabulary
        self._plain, self._characters, self._lone = plain, characters, lone
        self._keys = {plain(name): own_name(key) for name, key in names.items()}
        self._written: dict[str, str] = {}
        for name, key in names.items():
            self._written.setdefault(own_name(key), name)

    def read(self, name: object) -> str:
        """The own name of the key that the vocabulary calls so.

        Raises:
            ValueError: it calls none so.
        """
        if not isinstance(name, str) or not name:
            raise ValueError(
                f"key is {name!r:.80}, expected one of {self.vocabulary}'s names of keys"
            )
        if (key := self._keys.get(self._plain(name))) is not None:
            return key
        if len(name) == 1:
            return own_name(self._lone(name))
        near = difflib.get_close_matches(self._plain(name), self._keys, n=3)
        hint = f", did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"no key is called {name!r:.80} by {self.vocabulary}{hint}")

    def write(self, key: str) -> str:
        """What the vocabulary calls a key.

        Raises:
            ValueError: it has no name for it.
        """
        own = own_name(key)
        name = self._written.get(own)
        if name is None and len(own) == 1:
            name = self._characters(own)
        if name is None:
            raise ValueError(f"{self.vocabulary} has no name for the key {key!r:.80}")
        return name


def xdotool_name(key: str) -> str:
    """What xdotool calls a key: its keysym's name, and a short one for modifiers.

    `own_name` reads it again.
    """
    own = own_name(key)
    if len(own) > 1 or (own.isascii() and own.isalnum()):
        return _SHORT.get(own, own)
    return _CHARACTER_NAMES.get(ord(own), f"U{ord(own):04X}")


def combination(text: str) -> tuple[str, ...]:
    """The own names of keys that are held together, as xdotool writes them: "ctrl+shift+t".

    The key plus is "plus", or a last "+".

    Raises:
        ValueError: a part is empty, no key, or a key that is there twice.
    """
    head, plus = text, []
    if text == "+" or text.endswith("++"):
        head, plus = text[:-1].removesuffix("+"), ["+"]
    parts = (head.split("+") if head or not plus else []) + plus
    if "" in parts:
        raise ValueError(f"an empty key in the combination {text!r:.80}")
    return distinct([own_name(part) for part in parts])


def distinct(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys of a chord.

    Raises:
        ValueError: there are none, or one is there twice.
    """
    if not keys:
        raise ValueError("no key is named, expected at least one")
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise ValueError(f"the key {key!r} is held twice in {'+'.join(keys)!r:.80}")
    return tuple(keys)


def _character(number: int) -> str | None:
    if number >= _UNICODE_RULE and number not in _NAMES:
        return chr(number - _UNICODE_RULE)
    return chr(number) if number <= 0xFF else None


def _unshifted(character: str) -> str:
    """The key of a letter, which agents write in either case."""
    return character.lower() if len(character.lower()) == 1 else character


def _ascii(character: str) -> str | None:
    return character if character.isascii() else None


_SHORT = {
    "Control_L": "ctrl",
    "Alt_L": "alt",
    "Shift_L": "shift",
    "Super_L": "super",
    "Meta_L": "meta",
}

_COMMON = {
    "space": "space",
    "enter": "Return",
    "return": "Return",
    "tab": "Tab",
    "backspace": "BackSpace",
    "delete": "Delete",
    "del": "Delete",
    "insert": "Insert",
    "esc": "Escape",
    "escape": "Escape",
    "home": "Home",
    "end": "End",
    "pageup": "Page_Up",
    "pagedown": "Page_Down",
    "ctrl": "Control_L",
    "alt": "Alt_L",
    "shift": "Shift_L",
    "win": "Super_L",
    "option": "Alt_L",
    "capslock": "Caps_Lock",
    "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock",
    "printscreen": "Print",
    "pause": "Pause",
    **{f"f{number}": f"F{number}" for number in range(1, 25)},
}
_ARROWS = {name.lower(): name for name in ("Left", "Up", "Right", "Down")}
_PYAUTOGUI = {
    **_COMMON,
    **_ARROWS,
    "pgup": "Page_Up",
    "pgdn": "Page_Down",
    "ctrlleft": "Control_L",
    "ctrlright": "Control_R",
    "altleft": "Alt_L",
    "altright": "Alt_R",
    "shiftleft": "Shift_L",
    "shiftright": "Shift_R",
    "winleft": "Super_L",
    "winright": "Super_R",
    "command": "Super_L",
    "optionleft": "Alt_L",
    "optionright": "Alt_R",
    "apps": "Menu",
    "print": "Print",
    "prntscrn": "Print",
    "prtsc": "Print",
    "prtscr": "Print",
    "select": "Select",
    "execute": "Execute",
    "help": "Help",
    "clear": "Clear",
    "modechange": "Mode_switch",
    **{f"num{number}": f"KP_{number}" for number in range(10)},
    "multiply": "KP_Multiply",
    "add": "KP_Add",
    "separator": "KP_Separator",
    "subtract": "KP_Subtract",
    "decimal": "KP_Decimal",
    "divide": "KP_Divide",
    "volumedown": "XF86AudioLowerVolume",
    "volumeup": "XF86AudioRaiseVolume",
    "volumemute": "XF86AudioMute",
    "playpause": "XF86AudioPlay",
    "stop": "XF86AudioStop",
    "prevtrack": "XF86AudioPrev",
    "nexttrack": "XF86AudioNext",
    "browserback": "XF86Back",
    "browserforward": "XF86Forward",
    "browserrefresh": "XF86Refresh",
    "browserhome": "XF86HomePage",
    "browsersearch": "XF86Search",
    "browserfavorites": "XF86Favorites",
    "launchmail": "XF86Mail",
    "sleep": "XF86Sleep",
}

PYAUTOGUI = KeyNames("pyautogui", _PYAUTOGUI, characters=_ascii)
UITARS = KeyNames(
    "UI-TARS",
    {
        **_PYAUTOGUI,
        **{f"arrow{name}": key for name, key in _ARROWS.items()},
        "page_up": "Page_Up",
        "page_down": "Page_Down",
        "super": "Super_L",
        "cmd": "Super_L",
        "meta": "Super_L",
        "control": "Control_L",
    },
    characters=lambda character: character if _unshifted(character) == character else None,
    lone=_unshifted,
)
OPENAI = KeyNames(
    "OpenAI",
    {
        name.upper(): key
        for name, key in {
            **_COMMON,
            **{f"arrow{name}": key for name, key in _ARROWS.items()},
            **_ARROWS,
            "control": "Control_L",
            "cmd": "Super_L",
            "command": "Super_L",
            "meta": "Super_L",
            "super": "Super_L",
        }.items()
    },
    plain=str.upper,
    characters=lambda character: (
        character.upper()
        if _unshifted(character) == character and _unshifted(character.upper()) == character
        else None
    ),
    lone=_unshifted,
)
