"""What an observation shows of the screen: `crop`, `size` and `color`, checked."""

import contextlib
import dataclasses
import operator
from typing import Any

COLORS = ("rgb", "gray")


@dataclasses.dataclass(frozen=True)
class Shown:
    """The part of a screen that is shown, and how.

    Attributes:
        screen: Width and height of the screen, in pixels.
        crop: x, y, width and height of the part.
        size: Height and width of an observation.
        channels: 3 (R, G, B) or 1 (grey).
    """

    screen: tuple[int, int]
    crop: tuple[int, int, int, int]
    size: tuple[int, int]
    channels: int


def shown_of(screen: tuple[int, int], crop: Any, size: Any, color: Any) -> Shown:
    """Work out what is shown.

    Args:
        screen: Width and height.
        crop: (x, y, width, height) in pixels of the screen; None: all of it.
        size: (height, width) as Gymnasium's ResizeObservation has it; None: the crop's own.
        color: "rgb" or "gray".

    Raises:
        ValueError: one of them is wrong; the message says what would be right.
    """
    if color not in COLORS:
        raise ValueError(f"color is {color!r}, allowed are 'rgb', 'gray'")
    width, height = screen
    area = (0, 0, width, height)
    if crop is not None:
        x, y, crop_width, crop_height = area = _whole(
            "crop", crop, 4, "(x, y, width, height) in pixels of the screen, or None"
        )
        if not (0 <= x < x + crop_width <= width and 0 <= y < y + crop_height <= height):
            raise ValueError(
                f"crop is {area}, which leaves the {width}x{height} screen "
                "(it is x, y, width, height)"
            )
    if size is None:
        rows, columns = area[3], area[2]
    else:
        rows, columns = _whole("size", size, 2, "(height, width) in pixels, or None")
        if not (1 <= rows <= area[3] and 1 <= columns <= area[2]):
            raise ValueError(
                f"size is {(rows, columns)}, expected (height, width) of at most "
                f"{(area[3], area[2])}, what is shown of the screen: nothing is enlarged"
            )
    return Shown(screen, area, (rows, columns), 1 if color == "gray" else 3)


def check_keep_dim(keep_dim: Any, color: Any) -> None:
    """Check `keep_dim` beside `color`.

    Raises:
        ValueError: it is no truth value, or means nothing.
    """
    if not isinstance(keep_dim, bool):
        raise ValueError(f"keep_dim is {keep_dim!r}, expected True or False")
    if keep_dim and color == "rgb":
        raise ValueError("keep_dim is True, expected False: only color='gray' can lose a dimension")


def _whole(name: str, value: Any, count: int, expected: str) -> tuple[Any, ...]:
    numbers: tuple[int, ...] = ()
    if not isinstance(value, str):
        with contextlib.suppress(TypeError):
            numbers = tuple(operator.index(each) for each in value if not isinstance(each, bool))
    if len(numbers) != count:
        raise ValueError(f"{name} is {value!r}, expected {expected}")
    return numbers
