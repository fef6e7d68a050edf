"""The arrow at the pointer's place: its tip, its edge, and what is cut off."""

import numpy as np
import pytest

from envserver.pointer_mark import ARROW, draw_pointer


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
