"""Means of levels: OpenCV's within one level, the same by every path and in any parts."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.painter import Painter

TILE_PX = 16
Levels = NDArray[np.uint8]


def drawn(seed: int, kind: str, height: int, width: int) -> Levels:
    random = np.random.default_rng(seed)
    if kind == "white":
        return np.full((height, width), 255, np.uint8)
    levels = random.integers(0, 256, (height, width), np.uint8)
    return np.asarray(levels // 128 * 255 if kind == "checkers" else levels, np.uint8)


def stamps(levels: Levels) -> NDArray[np.uint64]:
    height, width = levels.shape
    return np.zeros((-(-height // TILE_PX), -(-width // TILE_PX)), np.uint64)


def paint(
    painter: Painter, levels: Levels, row: Levels, changed_at: NDArray[np.uint64], since: int
) -> None:
    """What pixels say is not looked at."""
    nothing = np.full(levels.shape, 0x123456, np.uint32)
    painter.publish(nothing, changed_at, since, row.reshape(-1), levels=levels)


def painted(levels: Levels, row: tuple[int, int], vectors: bool) -> Levels:
    made = np.full(row, 77, np.uint8)
    painter = Painter(row[1], row[0], 1, levels.shape[::-1], vectors=vectors)
    paint(painter, levels, made, stamps(levels), 0)
    return made


def expected(levels: Levels, row: tuple[int, int]) -> Levels:
    return np.asarray(cv2.resize(levels, row[::-1], interpolation=cv2.INTER_AREA), np.uint8)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    kind=st.sampled_from(["noise", "checkers", "white"]),
    source=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    part=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_factor_is_opencvs_within_a_level(
    seed: int, kind: str, source: tuple[int, int], part: tuple[float, float]
) -> None:
    height, width = (max(1, round(side * of)) for side, of in zip(source, part, strict=True))
    levels = drawn(seed, kind, *source)
    found = painted(levels, (height, width), True)
    apart = found.astype(int) - expected(levels, (height, width))
    assert np.abs(apart).max() <= 1
    by_scalars = painted(levels, (height, width), False).astype(int)
    assert np.abs(by_scalars - expected(levels, (height, width))).max() <= 1


@pytest.mark.parametrize(
    ("source", "row"),
    [((768, 1024), (84, 84)), ((1500, 70), (2, 70)), ((4000, 64), (1, 3)), ((257, 40), (1, 20))],
)
def test_many_lines_add_up(source: tuple[int, int], row: tuple[int, int]) -> None:
    for vectors in (True, False):
        assert (painted(drawn(0, "white", *source), row, vectors) == 255).all()
        noise = drawn(1, "noise", *source)
        assert np.abs(painted(noise, row, vectors).astype(int) - expected(noise, row)).max() <= 1


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    row=st.sampled_from([(13, 20), (69, 99), (8, 150), (70, 12)]),
    damage=st.lists(st.tuples(st.integers(0, 159), st.integers(0, 69)), min_size=1, max_size=4),
    vectors=st.booleans(),
)
def test_repainted_in_parts_equals_painted_at_once(
    seed: int, row: tuple[int, int], damage: list[tuple[int, int]], vectors: bool
) -> None:
    levels = drawn(seed, "noise", 70, 160)
    made = painted(levels, row, vectors)
    changed_at = stamps(levels)
    for x, y in damage:
        levels[y : y + 9, x : x + 40] += 93
        bottom, right = min(y + 8, 69) // TILE_PX, min(x + 39, 159) // TILE_PX
        changed_at[y // TILE_PX : bottom + 1, x // TILE_PX : right + 1] = 2
    painter = Painter(row[1], row[0], 1, levels.shape[::-1], vectors=vectors)
    paint(painter, levels, made, changed_at, 1)
    np.testing.assert_array_equal(made, painted(levels, row, vectors))


def test_levels_that_do_not_fit() -> None:
    levels = np.zeros((20, 30), np.uint8)
    row = np.zeros(12, np.uint8)
    pixels, changed_at = np.zeros((20, 30), np.uint32), stamps(levels)
    with pytest.raises(ValueError, match="levels are for grey rows"):
        Painter(2, 2, 3, (30, 20)).publish(pixels, changed_at, 0, row, levels=levels)
    with pytest.raises(ValueError, match="of the size of the pixels"):
        Painter(3, 4, 1, (30, 20)).publish(pixels, changed_at, 0, row, levels=levels[:19])
