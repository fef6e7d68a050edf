"""Random pictures with what encodings look for: few colors, runs, flat areas, noise, slopes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint32]
# Around the limits of palettes: of 1, 2 and 4 bits an index in ZRLE, and their greatest sizes.
COLOR_COUNTS = (1, 2, 3, 4, 5, 15, 16, 17, 126, 127, 128, 200, 256)


def random_colors(rng: np.random.Generator, count: int) -> Picture:
    """Make that many different colors, R << 16 | G << 8 | B."""
    colors = rng.choice(1 << 24, size=count, replace=False)
    return colors.astype(np.uint32)


def join(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> Picture:
    """Join channels of 0..255 to pixels."""
    pixels = red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue.astype(np.uint32)
    return pixels.astype(np.uint32)


def noise(rng: np.random.Generator, width: int, height: int, colors: int) -> Picture:
    """Make pixels of `colors` colors at most, each by itself."""
    palette = random_colors(rng, colors)
    return palette[rng.integers(0, colors, (height, width))]


def runs(rng: np.random.Generator, width: int, height: int, colors: int) -> Picture:
    """Make runs in reading order, of one pixel up to several hundred."""
    palette = random_colors(rng, colors)
    pixels = np.empty(width * height, np.uint32)
    at = 0
    while at < pixels.size:
        length = int(rng.choice([1, 1, 2, 3, 40, 255, 256, 257, 511, 600]))
        pixels[at : at + length] = palette[rng.integers(colors)]
        at += length
    return pixels.reshape(height, width)


def patches(rng: np.random.Generator, width: int, height: int, colors: int) -> Picture:
    """Make rectangles of one color each over a background, as a desktop has."""
    palette = random_colors(rng, colors)
    pixels = np.full((height, width), palette[0], np.uint32)
    for _ in range(int(rng.integers(0, 12))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size_x, size_y = (int(size) for size in rng.integers(1, 20, 2))
        pixels[y : y + size_y, x : x + size_x] = palette[rng.integers(colors)]
    return pixels


def slope(rng: np.random.Generator, width: int, height: int, colors: int) -> Picture:
    """Make a smooth gradient with some noise and hard edges (`colors` does not matter)."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [
        (rows * int(a) + columns * int(b) + rng.integers(0, 3, rows.shape)) % 256
        for a, b in rng.integers(0, 9, (3, 2))
    ]
    return join(*channels)


def random_picture(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Make a picture of parts, each of another kind and number of colors."""
    pixels = np.empty((height, width), np.uint32)
    part = int(rng.choice([16, 64, 200]))
    for y in range(0, height, part):
        for x in range(0, width, part):
            kind = (noise, runs, patches, slope)[int(rng.integers(4))]
            colors = int(rng.choice(COLOR_COUNTS))
            size_x, size_y = min(part, width - x), min(part, height - y)
            pixels[y : y + part, x : x + part] = kind(rng, size_x, size_y, colors)
    return pixels
