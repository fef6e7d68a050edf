"""Pictures and digits found in pixels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from envserver.rewarder.screen import find, find_all, read_digits


def drawn(text: str, width: int = 60) -> Any:
    """White text on black; each character 8 pixels wide."""
    picture = Image.new("RGB", (width, 12))
    for place, character in enumerate(text):
        ImageDraw.Draw(picture).text((8 * place, 0), character, fill=(255, 255, 255))
    return np.asarray(picture)


GLYPHS = {character: drawn(character, 6) for character in "0123456789-."}


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_part_of_the_screen_is_found_where_it_is(seed: int, colour: bool) -> None:
    chance = np.random.default_rng(seed)
    shape = (40, 50, 3) if colour else (40, 50)
    screen = chance.integers(0, 256, shape, dtype=np.uint8)
    x, y = int(chance.integers(0, 40)), int(chance.integers(0, 30))
    template = screen[y : y + 10, x : x + 10].copy()
    assert find_all(screen, template) == [(x, y)]
    template[3, 4] ^= 255
    assert find(screen, template) is None


def test_tolerance_and_order() -> None:
    screen = np.zeros((20, 30, 3), np.uint8)
    template = np.full((3, 3, 3), 200, np.uint8)
    for x, y in ((20, 5), (3, 12)):
        screen[y : y + 3, x : x + 3] = 190
    assert find_all(screen, template, tolerance=9) == []
    assert find_all(screen, template, tolerance=10) == [(20, 5), (3, 12)]
    assert find(screen, template, tolerance=10) == (20, 5)
    assert find(screen[:2], template) is None


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="unlike channels"):
        find(np.zeros((5, 5, 3), np.uint8), np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="template is empty"):
        find(np.zeros((5, 5), np.uint8), np.zeros((0, 2), np.uint8))


@pytest.mark.parametrize("text", ["0", "1044", "-3.14", "9876543", "11111"])
def test_digits_are_read(text: str) -> None:
    assert read_digits(drawn(text), GLYPHS) == text


def test_nothing_is_read_where_nothing_is() -> None:
    assert read_digits(np.full((12, 40, 3), 77, np.uint8), GLYPHS) == ""
