"""Keys by name and by character."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_vnc.keysym_names import OTHER_NAMES, X11_NAMES
from cython_vnc.keysyms import keysym

HEADER = Path("/usr/include/X11/keysymdef.h")


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("a", 0x61),
        ("A", 0x41),
        ("/", 0x2F),
        (" ", 0x20),
        ("é", 0xE9),
        ("ÿ", 0xFF),
        ("Ā", 0x01000100),
        ("€", 0x010020AC),
        ("🙂", 0x0101F642),
        ("\n", 0xFF0D),
        ("\r", 0xFF0D),
        ("\t", 0xFF09),
        ("\b", 0xFF08),
        ("\x1b", 0xFF1B),
        ("\x7f", 0xFFFF),
        ("Return", 0xFF0D),
        ("enter", 0xFF0D),
        ("Control_L", 0xFFE3),
        ("ctrl", 0xFFE3),
        ("CTRL", 0xFFE3),
        ("alt", 0xFFE9),
        ("shift", 0xFFE1),
        ("super", 0xFFEB),
        ("altgr", 0xFE03),
        ("F1", 0xFFBE),
        ("f12", 0xFFC9),
        ("F35", 0xFFE0),
        ("KP_0", 0xFFB0),
        ("Page_Up", 0xFF55),
        ("page_up", 0xFF55),
        ("pgdn", 0xFF56),
        ("Agrave", 0xC0),
        ("agrave", 0xE0),
        ("U20AC", 0x010020AC),
        ("U41", 0x41),
        ("XF86AudioMute", 0x1008FF12),
    ],
)
def test_keysym(key: str, number: int) -> None:
    assert keysym(key) == number


def test_names_of_universe() -> None:
    names = """bsp tab return enter esc ins delete del home end pgup pgdn ArrowLeft left ArrowUp up
        ArrowRight right ArrowDown down slash bslash fslash spacebar space sb lshift shift rshift
        lctrl ctrl rctrl lmeta meta rmeta lalt alt ralt scrlk sysrq numlk caplk pause lsuper super
        rsuper lhyper hyper rhyper kpenter"""
    keys = [*names.split(), *(f"f{n}" for n in range(1, 21)), *(f"kp{n}" for n in range(10))]
    assert all(keysym(key) >= 0x20 for key in keys)
    pairs = {
        "slash": "/",
        "fslash": "/",
        "bslash": "\\",
        "sb": " ",
        "kp7": "KP_7",
        "rmeta": "Meta_R",
    }
    for name, same in pairs.items():
        assert keysym(name) == keysym(same)


@given(st.characters(min_codepoint=0xA0, exclude_categories=["Cs"]))
def test_every_character_has_its_own_keysym(character: str) -> None:
    number = keysym(character)
    assert number == (ord(character) if ord(character) <= 0xFF else 0x01000000 + ord(character))


def test_every_printable_character() -> None:
    typed = set(string.printable) - set("\x0b\x0c\r")
    assert len({keysym(character) for character in typed}) == len(typed)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("Retrun", "no key is called 'Retrun', did you mean Return"),
        ("contrl", "did you mean control"),
        ("F36", "no key is called 'F36', did you mean F"),
        ("agraVe", "did you mean"),
        ("", "no key is called ''$"),
        ("\x01", "no key types the character"),
        ("\x9f", "no key types the character"),
        ("\ud800", "no key types the character"),
        ("Ud800", "no key is called"),
        ("U110000", "no key is called"),
    ],
)
def test_no_such_key(key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keysym(key)


def test_other_names_lead_to_names_of_x11() -> None:
    assert set(OTHER_NAMES.values()) <= set(X11_NAMES)
    assert all(name == name.lower() for name in OTHER_NAMES)
    assert not {"", *OTHER_NAMES} & {name for name in X11_NAMES if len(name) == 1}


@pytest.mark.skipif(not HEADER.exists(), reason="the X11 headers (x11proto-dev) are not installed")
def test_numbers_are_those_of_x11() -> None:
    defined = {
        name: int(number, 16)
        for name, number in re.findall(r"#define XK_(\w+) +0x([0-9a-f]+)", HEADER.read_text())
    }
    ours = {name: number for name, number in X11_NAMES.items() if not name.startswith("XF86")}
    assert len(ours) > 270
    assert ours == {name: defined[name] for name in ours}
