"""What `vnc_kwargs` may say, and what is asked of a real desktop where it says nothing."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from workers.encodings import VNC_OPTIONS

DESKTOP_DEFAULTS: Mapping[str, Any] = {
    "encoding": "tight",
    "fine_quality_level": 50,
    "subsample_level": 2,
}
"""Universe's own; not for gym-core, whose small pictures are cheaper without loss."""
SUBSCRIPTION = "subscription"
NAMES = (*VNC_OPTIONS, SUBSCRIPTION)
MAX_RECTANGLES = 16
MAX_SIDE_PX = 16384


def check_vnc_kwargs(given: Any) -> dict[str, Any]:
    """Read `vnc_kwargs={...}`; rectangles become lists, as msgpack has them.

    Raises:
        ValueError: a name is unknown or a value out of range; the message says what is allowed.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"vnc_kwargs is {given!r}, expected a mapping")
    found = {}
    for name, value in given.items():
        if name not in NAMES:
            near = difflib.get_close_matches(str(name), NAMES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"vnc_kwargs has {name!r}, allowed are {', '.join(NAMES)}{hint}")
        if name == SUBSCRIPTION:
            found[name] = _subscription(value)
            continue
        allowed = VNC_OPTIONS[name]
        if isinstance(value, bool) or value not in allowed:
            listed = (
                f"{allowed[0]} to {allowed[-1]}"
                if isinstance(allowed, range)
                else ", ".join(repr(each) for each in allowed)
            )
            raise ValueError(f"vnc_kwargs[{name!r}] is {value!r}, allowed are {listed}")
        found[name] = value
    return found


def for_desktop(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in Universe's settings where `given` says nothing.

    JPEG is only in Tight; a coarse quality, or none (-1), is not overruled by a fine one.
    """
    if given.get("encoding", "tight") != "tight":
        return dict(given)
    if "quality_level" in given or given.get("fine_quality_level") == -1:
        return {"encoding": "tight", **given}
    return {**DESKTOP_DEFAULTS, **given}


def _subscription(value: Any) -> list[list[int]]:
    what = f"vnc_kwargs['{SUBSCRIPTION}']"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{what} is {value!r}, expected a list of (x, width, y, height)")
    if not 1 <= len(value) <= MAX_RECTANGLES:
        raise ValueError(f"{what} has {len(value)} rectangles, expected 1 to {MAX_RECTANGLES}")
    for place, rectangle in enumerate(value):
        if not (
            isinstance(rectangle, Sequence)
            and len(rectangle) == 4
            and all(isinstance(side, int) and not isinstance(side, bool) for side in rectangle)
        ):
            raise ValueError(f"{what}[{place}] is {rectangle!r}, expected (x, width, y, height)")
        x, width, y, height = rectangle
        for low, side, axis in ((x, width, "width"), (y, height, "height")):
            if low < 0 or side < 1 or low + side > MAX_SIDE_PX:
                raise ValueError(
                    f"{what}[{place}] is {tuple(rectangle)}, expected a {axis} of 1 and more "
                    f"that begins at 0 or more and ends within {MAX_SIDE_PX} pixels "
                    "(the order is x, width, y, height)"
                )
    return [list(rectangle) for rectangle in value]
