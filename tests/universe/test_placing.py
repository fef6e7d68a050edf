"""Where a program's picture is on the script's screen, and where the script's clicks go."""

from types import SimpleNamespace

import numpy as np
import pytest

from envserver.universe.placing import Placement, placement

SCREEN = (20, 16)


def centred(width: int, height: int) -> np.ndarray:
    """A row with a picture of ones in its middle."""
    row = np.zeros((SCREEN[1], SCREEN[0], 3), np.uint8)
    x, y = (SCREEN[0] - width) // 2, (SCREEN[1] - height) // 2
    row[y : y + height, x : x + width] = 1
    return row


@pytest.mark.parametrize("size", [(6, 4), (7, 5), (15, 3)])
def test_a_picture_moves_to_its_corner(size: tuple[int, int]) -> None:
    width, height = size
    row = centred(width, height)
    seen = Placement((2, 3), size, SCREEN).picture(row)
    assert seen[3 : 3 + height, 2 : 2 + width].all()
    assert seen.sum() == row.sum()
    seen[:] = 9
    assert row.max() == 1, "the picture is the script's own"


def test_what_is_too_large_is_cut_off() -> None:
    seen = Placement((2, 3), (19, 20), SCREEN).picture(np.ones((16, 20, 3), np.uint8))
    assert seen[3:, 2:].all()
    assert not seen[:3].any()


def test_clicks_go_where_the_picture_is() -> None:
    events = [("KeyEvent", 97, True), ("PointerEvent", 2, 3, 1), ("PointerEvent", 7, 6, 0)]
    moved = Placement((2, 3), (6, 4), SCREEN).events(events)
    assert moved == [("KeyEvent", 97, True), ("PointerEvent", 7, 6, 1), ("PointerEvent", 12, 9, 0)]
    assert centred(6, 4)[6, 7].all()
    assert centred(6, 4)[9, 12].all()


def test_the_size_is_the_games_or_the_desktops() -> None:
    game = SimpleNamespace(describe={"frame": [4, 6]}, spec=SimpleNamespace(screen="native"))
    page = SimpleNamespace(describe={}, spec=SimpleNamespace(screen=(6, 4)))
    desktop = SimpleNamespace(describe={}, spec=SimpleNamespace(screen=None))
    for session in (game, page):
        placed = placement((0, 0), session, SCREEN)
        assert placed is not None
        assert placed.picture(centred(6, 4))[:4, :6].all()
    assert placement((0, 0), desktop, SCREEN) is None
    assert placement(None, game, SCREEN) is None
