"""An arrow that shows where the pointer is, for pictures in which it is not."""

import numpy as np
from numpy.typing import NDArray

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


def draw_pointer(picture: NDArray[np.uint8], place: tuple[int, int]) -> None:
    """Draw a white arrow with a black edge into a picture; its tip is at `place`.

    Args:
        picture: uint8 (height, width, 3), changed.
        place: Column and row; they may lie outside.
    """
    columns, rows = _COLUMNS + place[0], _ROWS + place[1]
    height, width = picture.shape[:2]
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    picture[rows[inside], columns[inside]] = _LEVELS[inside, np.newaxis]
