"""The fields of one action, where actions are mappings; each is checked as it is taken."""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envserver.actions import MAX_SPAN_MS, is_sequence
from envserver.codecs.gestures import Point
from envserver.codecs.hand import checked_size

Size = tuple[int, int]
MAX_SECONDS = MAX_SPAN_MS / 1000


class Fields:
    """What an action says; each field is taken once, and `end` refuses what is left.

    Args:
        action: A mapping, or an object of an API's client with `model_dump()`; fields that are None
            were not given.
        kind: The field that names the action.

    Raises:
        ValueError: it is no mapping, or names no action.
    """

    def __init__(self, action: Any, kind: str) -> None:
        given = action.model_dump() if hasattr(action, "model_dump") else action
        if not isinstance(given, Mapping):
            raise ValueError(f"action is {action!r:.80}, expected a mapping with {kind!r}")
        self._left = {name: value for name, value in given.items() if value is not None}
        name = self._left.pop(kind, None)
        if name is None:
            raise ValueError(f"{given!r:.80} has no {kind!r}, expected the name of an action there")
        if not isinstance(name, str):
            raise ValueError(f"{kind} is {name!r:.80}, expected the name of an action")
        self.name = name

    def __contains__(self, field: str) -> bool:
        return field in self._left

    def take(self, field: str) -> Any:
        """The field's value.

        Raises:
            ValueError: it was not given.
        """
        if field not in self._left:
            raise ValueError(f"{self.name} has no {field!r}, which it needs")
        return self._left.pop(field)

    def optional(self, field: str, otherwise: Any = None) -> Any:
        return self._left.pop(field, otherwise)

    def end(self) -> None:
        """Refuse fields that the action does not have.

        Raises:
            ValueError: there are some.
        """
        if self._left:
            raise ValueError(f"{self.name} takes no {', '.join(map(repr, self._left))}")

    def text(self, field: str) -> str:
        value = self.take(field)
        if not isinstance(value, str):
            raise ValueError(f"{field} of {self.name} is {value!r:.80}, expected a str")
        return value

    def whole(self, field: str) -> int:
        return whole(f"{field} of {self.name}", self.take(field))

    def seconds(self, field: str) -> float:
        """A time in seconds, as milliseconds."""
        return milliseconds(f"{field} of {self.name}", self.take(field))

    def choice(self, field: str, known: Sequence[str], otherwise: str | None = None) -> str:
        value = self.take(field) if otherwise is None else self.optional(field, otherwise)
        if not isinstance(value, str) or value not in known:
            raise ValueError(
                f"{field} of {self.name} is {value!r:.80}, expected one of {', '.join(known)}"
            )
        return value

    def point(self, field: str, size: Size) -> Point:
        """A pair of coordinates, inside the picture."""
        value = self.take(field)
        if not is_pair(value):
            raise ValueError(f"{field} of {self.name} is {value!r:.80}, expected [x, y]")
        return checked_point(value[0], value[1], size, f"{field} of {self.name}")

    def x_and_y(self, size: Size) -> Point:
        """The fields "x" and "y", inside the picture."""
        return checked_point(self.take("x"), self.take("y"), size, f"the place of {self.name}")


def is_pair(value: object) -> bool:
    """Whether it is a list, tuple or array of two."""
    if isinstance(value, np.ndarray):
        return len(value.shape) == 1 and len(value) == 2
    return is_sequence(value) and len(value) == 2  # type: ignore[arg-type]


def unknown(name: str, known: Sequence[str], vocabulary: str) -> ValueError:
    return ValueError(
        f"{vocabulary} has no action {name!r:.80}, expected one of {', '.join(known)}"
    )


def whole(name: str, value: object) -> int:
    """A whole number, Python's or NumPy's.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"{name} is {value!r:.80}, expected an integer")
    return int(value)


def milliseconds(name: str, value: object) -> float:
    """Seconds, as milliseconds, exact to a microsecond.

    Raises:
        ValueError: it is no time.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_SECONDS:  # type: ignore[operator]
        raise ValueError(f"{name} is {value!r:.80}, expected seconds, 0 to {MAX_SECONDS:g}")
    return round(float(value) * 1000, 3)  # type: ignore[arg-type]


def seconds(ms: float) -> float:
    """Milliseconds as seconds, exact to a microsecond."""
    return round(ms / 1000, 6)


def checked_point(x: object, y: object, size: Size, name: str = "the place") -> Point:
    """A pixel of the picture.

    Raises:
        ValueError: it is outside, or no pair of whole numbers.
    """
    width, height = checked_size(size)
    column, row = whole(f"x in {name}", x), whole(f"y in {name}", y)
    if not (0 <= column < width and 0 <= row < height):
        raise ValueError(
            f"{name} is ({column}, {row}), outside the picture of {width}x{height}: "
            "give the size of the picture that the agent saw"
        )
    return column, row


def pixel(value: object) -> object:
    """A coordinate without its fraction, where it is a number."""
    return int(value) if isinstance(value, float) and math.isfinite(value) else value
