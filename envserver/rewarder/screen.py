"""Finds pictures and reads digits in pixels, by comparing them with templates.

For programs that draw the same thing the same way each time. Pixels are uint8, (height, width, 3)
or (height, width), as `Desktop.screen` gives them.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
PROBES = 16
"""Pixels of a template that are compared everywhere, before the places left are compared whole."""


def find(screen: Pixels, template: Pixels, tolerance: int = 0) -> tuple[int, int] | None:
    """Where a template is: x and y of its upper left corner, the topmost; None where it is not."""
    places = find_all(screen, template, tolerance)
    return places[0] if places else None


def find_all(screen: Pixels, template: Pixels, tolerance: int = 0) -> list[tuple[int, int]]:
    """Every place of a template, (x, y) each, by rows.

    Args:
        tolerance: how far each value of each pixel may be off.

    Raises:
        ValueError: one has colours and the other not, or the template is empty.
    """
    if screen.ndim != template.ndim or screen.shape[2:] != template.shape[2:]:
        raise ValueError(f"screen is {screen.shape}, template {template.shape}: unlike channels")
    if template.size == 0:
        raise ValueError(f"template is empty: {template.shape}")
    rows = screen.shape[0] - template.shape[0] + 1
    columns = screen.shape[1] - template.shape[1] + 1
    if rows < 1 or columns < 1:
        return []
    low = np.clip(template.astype(np.int16) - tolerance, 0, 255).astype(np.uint8)
    high = np.clip(template.astype(np.int16) + tolerance, 0, 255).astype(np.uint8)
    may_be = np.ones((rows, columns), dtype=np.bool_)
    for y, x in _probes(template):
        part = screen[y : y + rows, x : x + columns]
        fits = (part >= low[y, x]) & (part <= high[y, x])
        may_be &= fits if fits.ndim == 2 else fits.all(axis=2)
    found: list[tuple[int, int]] = []
    height, width = template.shape[:2]
    for y, x in np.argwhere(may_be).tolist():
        part = screen[y : y + height, x : x + width]
        if bool(((part >= low) & (part <= high)).all()):
            found.append((x, y))
    return found


def read_digits(region: Pixels, templates: Mapping[str, Pixels], tolerance: int = 0) -> str:
    """The characters on one line of a region, from left to right.

    Args:
        templates: the picture of each character; "-" and "." work as well as digits.
        tolerance: see `find_all`.

    Returns:
        what is there, without spaces; empty where nothing is. Where two pictures overlap, the
        larger one counts: a "1" is not read out of a "4".
    """
    hits: list[tuple[int, int, str]] = []
    for character, template in templates.items():
        width = template.shape[1]
        hits += ((x, width, character) for x, _ in find_all(region, template, tolerance))
    sizes = {character: template.size for character, template in templates.items()}
    taken: list[tuple[int, int, str]] = []
    for x, width, character in sorted(hits, key=lambda hit: (-sizes[hit[2]], hit[0])):
        if all(x + width <= other or x >= other + wide for other, wide, _ in taken):
            taken.append((x, width, character))
    return "".join(character for _, _, character in sorted(taken))


def _probes(template: Pixels) -> list[tuple[int, int]]:
    """Pixels to compare first: those unlike the template's mean, which stand out."""
    values = template.reshape(template.shape[0], template.shape[1], -1).astype(np.int32)
    distance = np.abs(values - values.mean(axis=(0, 1))).sum(axis=2)
    order = np.argsort(-distance, axis=None, kind="stable")
    step = max(1, order.size // PROBES)
    return [divmod(int(place), template.shape[1]) for place in order[::step][:PROBES]]
