"""Finds the few colours of a picture without sorting its pixels: a table that learns.

A colour's hash is a place in a table that holds its number. A picture is looked up whole and
compared with what its numbers mean; only where that differs are colours learned.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_COLOURS = 255
"""Number 0 means unknown."""
_BITS = 14
# Odd numbers; another one is tried when two colours meet in one place.
_FACTORS = tuple(np.uint32(factor) for factor in (2654435761, 2246822519, 3266489917, 668265263))


class Indexed(NamedTuple):
    """A picture as numbers of colours."""

    colours: NDArray[np.uint32]
    indices: NDArray[np.uint8]


class Palette:
    """The colours seen so far."""

    def __init__(self) -> None:
        self._known = np.zeros(0, np.uint32)
        self._factor = _FACTORS[0]
        self._build(self._known)

    def index(self, pixels: NDArray[np.uint32]) -> Indexed | None:
        """Number the pixels; None when they have too many colours."""
        numbers = self._look_up(pixels)
        wrong = self._colours[numbers] != pixels
        if wrong.any():
            if not self._learn(pixels, pixels[wrong]):
                return None
            numbers = self._look_up(pixels)
        used = np.flatnonzero(np.bincount(numbers.ravel(), minlength=256))
        compact = np.zeros(256, np.uint8)
        compact[used] = np.arange(len(used), dtype=np.uint8)
        return Indexed(self._colours[used], compact[numbers])

    def _look_up(self, pixels: NDArray[np.uint32]) -> NDArray[np.uint8]:
        numbers: NDArray[np.uint8] = self._table[(pixels * self._factor) >> np.uint32(32 - _BITS)]
        return numbers

    def _learn(self, pixels: NDArray[np.uint32], unknown: NDArray[np.uint32]) -> bool:
        # A photograph shows itself in its first pixels, without a sort of all of them.
        if len(np.unique(unknown[: 4 * MAX_COLOURS])) > MAX_COLOURS:
            return False
        known = np.union1d(self._known, unknown)
        if len(known) <= MAX_COLOURS and self._build(known):
            return True
        here = np.unique(pixels)
        return len(here) <= MAX_COLOURS and self._build(here)

    def _build(self, colours: NDArray[np.uint32]) -> bool:
        for factor in _FACTORS:
            places = (colours * factor) >> np.uint32(32 - _BITS)
            if len(np.unique(places)) == len(colours):
                self._factor, self._known = factor, colours
                self._table = np.zeros(1 << _BITS, np.uint8)
                self._table[places] = np.arange(1, len(colours) + 1, dtype=np.uint8)
                # Number 0 must mean no pixel: the fourth byte of a pixel is always 0.
                self._colours = np.concatenate(([np.uint32(0xFFFFFFFF)], colours)).astype(np.uint32)
                self._colours = np.resize(self._colours, 256)
                return True
        return False
