"""The pointer, drawn into pictures in which it is not: its own shape, or an arrow."""

import numpy as np
from numpy.typing import NDArray

from workers.pointer import PointerShape

ARROW = """\
#..........
##.........
#o#........
#oo#.......
#ooo#......
#oooo#.....
#ooooo#....
#oooooo#...
#ooooooo#..
#oooooooo#.
#ooooo#####
#oo#oo#....
#o##oo#....
##..#oo#...
#...#oo#...
.....#oo#..
.....#oo#..
......##..."""
SHADES = {"#": 0, "o": 255}

_ROWS, _COLUMNS, _LEVELS = (
    np.array(each)
    for each in zip(
        *(
            (row, column, SHADES[mark])
            for row, line in enumerate(ARROW.splitlines())
            for column, mark in enumerate(line)
            if mark in SHADES
        ),
        strict=True,
    )
)


def draw_pointer(
    picture: NDArray[np.uint8], place: tuple[int, int], shape: PointerShape | None = None
) -> None:
    """Draw the pointer into a picture.

    Args:
        picture: uint8 (height, width, 3), RGB, changed.
        place: Column and row of its tip, the hotspot; they may lie outside.
        shape: One of 0x0 does not show. None: a white arrow with a black edge.
    """
    if shape is None:
        columns, rows, colors = _COLUMNS, _ROWS, np.repeat(_LEVELS[:, np.newaxis], 3, axis=1)
    else:
        drawn = np.frombuffer(shape.pixels, np.uint8).reshape(shape.height, shape.width, 4)
        rows, columns = drawn[..., 3].nonzero()
        colors = drawn[rows, columns, 2::-1]
        rows, columns = rows - shape.hotspot_y, columns - shape.hotspot_x
    columns, rows = columns + place[0], rows + place[1]
    height, width = picture.shape[:2]
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    picture[rows[inside], columns[inside]] = colors[inside]
