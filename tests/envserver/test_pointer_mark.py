"""The pointer at its place: the arrow's tip and edge, a shape's colors, and what is cut off."""

import numpy as np
import pytest

from envserver.pointer_mark import ARROW, draw_pointer
from workers.pointer import PointerShape


def test_its_tip_is_the_place() -> None:
    picture = np.full((40, 40, 3), 100, np.uint8)
    draw_pointer(picture, (7, 5))
    rows, columns = (picture != 100).any(axis=2).nonzero()
    assert (rows.min(), columns.min()) == (5, 7)
    assert (picture[5, 7] == 0).all()
    assert (picture[8, 8] == 255).all(), "white within"
    assert len(rows) == sum(line.count("#") + line.count("o") for line in ARROW.splitlines())


@pytest.mark.parametrize("place", [(39, 39), (-3, 2), (3, -17), (100, 5), (0, -40)])
def test_what_lies_outside_is_cut_off(place: tuple[int, int]) -> None:
    large = np.full((120, 160, 3), 100, np.uint8)
    draw_pointer(large, (place[0] + 50, place[1] + 50))
    small = np.full((40, 40, 3), 100, np.uint8)
    draw_pointer(small, place)
    assert np.array_equal(small, large[50:90, 50:90])


def test_a_shape_is_drawn_where_it_is_opaque() -> None:
    pixels = bytes((1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 255, 10, 11, 12, 255))
    picture = np.full((5, 6, 3), 100, np.uint8)
    draw_pointer(picture, (4, 0), PointerShape(2, 2, 1, 0, pixels))
    assert picture[0, 3].tolist() == [3, 2, 1]
    assert picture[0, 4].tolist() == [100, 100, 100]
    assert picture[1, 3:5].tolist() == [[9, 8, 7], [12, 11, 10]]
    assert (picture != 100).any(axis=2).sum() == 3
    small = np.full((1, 1, 3), 100, np.uint8)
    draw_pointer(small, (0, -1), PointerShape(2, 2, 1, 0, pixels))
    assert small.tolist() == [[[12, 11, 10]]]


def test_a_shape_without_pixels_does_not_show() -> None:
    picture = np.full((5, 6, 3), 100, np.uint8)
    draw_pointer(picture, (3, 3), PointerShape(0, 0, 0, 0, b""))
    assert (picture == 100).all()
