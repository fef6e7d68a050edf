"""Rows of pixels: every path makes the same, and nothing beside the row."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from cython_vnc.door import expand_row, paths

BITS = {
    "rgb": 24,
    "bgr": 24,
    "index": 8,
    "packed4": 4,
    "packed2": 2,
    "bits": 1,
    "fill": 8,
    "gray": 8,
}
MOST_COLORS = {"index": 256, "packed4": 16, "packed2": 4, "bits": 2}
WIDTHS = [*range(1, 70), 127, 128, 129, 1000]
GUARD = 0xDEADBEEF


def expected(kind: str, source: bytes, width: int, colors: list[tuple[int, int, int]]) -> list[int]:
    """The same in plain words."""
    if kind == "fill":
        return [source[0] * 0x010203] * width
    if kind == "gray":
        return [level * 0x010101 for level in source]
    if kind in ("rgb", "bgr"):
        triples = [source[3 * x : 3 * x + 3] for x in range(width)]
        return [int.from_bytes(each, "big" if kind == "rgb" else "little") for each in triples]
    bits = BITS[kind]
    number = int.from_bytes(source, "big")
    total = 8 * len(source)
    indices = [number >> (total - bits * (x + 1)) & ((1 << bits) - 1) for x in range(width)]
    return [int.from_bytes(bytes(colors[index]), "big") for index in indices]


def made(
    path: str, kind: str, source: bytes, width: int, palette: bytes, before: int
) -> NDArray[np.uint32]:
    """A row between guards, at an address that no vector likes."""
    whole = np.full(before + width + 17, GUARD, np.uint32)
    expand_row(path, kind, source, whole[before : before + width], palette)
    assert set(whole[:before]) <= {GUARD}
    assert set(whole[before + width :]) == {GUARD}
    return whole[before : before + width]


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("kind", BITS)
def test_rows(kind: str, path: str) -> None:
    rng = random.Random(kind)
    for width in WIDTHS:
        most = MOST_COLORS.get(kind, 2)
        count = most if kind != "index" else rng.choice([2, 3, 15, 16, 17, 100, 256])
        palette = rng.randbytes(3 * count)
        colors = [(palette[i], palette[i + 1], palette[i + 2]) for i in range(0, 3 * count, 3)]
        source = rng.randbytes((width * BITS[kind] + 7) // 8)
        if kind == "index":
            source = bytes(byte % count for byte in source)
        row = made(path, kind, source, width, palette, rng.randrange(4))
        assert row.tolist() == expected(kind, source, width, colors), (kind, width)


def test_the_scalar_path_is_always_there() -> None:
    assert paths()[0] == "scalar"
    with pytest.raises(KeyError):
        expand_row("avx9", "rgb", b"abc", np.zeros(1, np.uint32))


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("kind", ["index", "packed4", "packed2"])
def test_an_index_beyond_the_palette_shows(kind: str, path: str) -> None:
    colors, each = 3, 8 // BITS[kind]
    for width in (1, 5, 15, 16, 17, 40):
        for place in range(width):
            indices = [1] * width
            indices[place] = 3
            padded = indices + [0] * (-width % each)
            source = bytes(
                sum(index << BITS[kind] * (each - 1 - i) for i, index in enumerate(group))
                for group in (padded[at : at + each] for at in range(0, len(padded), each))
            )
            row = np.zeros(width, np.uint32)
            assert expand_row(path, kind, source, row, bytes(range(1, 3 * colors + 1))) == 3
            assert row[place] == 0


@pytest.mark.parametrize("path", paths())
def test_bits_that_fill_a_byte_up_are_no_index(path: str) -> None:
    row = np.zeros(3, np.uint32)
    assert expand_row(path, "packed4", b"\x11\x1f", row, bytes(range(6))) == 1
    assert expand_row(path, "packed2", b"\x57", row, bytes(range(6))) == 1
