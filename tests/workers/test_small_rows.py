"""Rows far smaller than the screen: of its JPEGs at half their size, unless all is exact."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from fakes.hot_rig import HotRig, Picture, Screen
from fakes.server_bytes import rectangle, update
from PIL import Image
from reference.rfb_encoders import compact

WIDTH, HEIGHT = 216, 160
FILM = (27, 15, 171, 131)
TEXT = (100, 60)


def film(seed: int) -> bytes:
    """Of 4:2:0, with colours that stay in range."""
    width, height = FILM[2:]
    x, y = np.arange(width)[None, :, None] + seed, np.arange(height)[:, None, None]
    waves = np.sin(x / np.array([7, 13, 21])) + np.cos(y / np.array([19, 9, 13]))
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(128 + 40 * waves, np.uint8))
    picture.save(buffer, "JPEG", quality=50, optimize=True)
    assert 8 * len(buffer.getvalue()) <= width * height
    return buffer.getvalue()


def decoded(jpeg: bytes, mode: str, halved: bool) -> Picture:
    """Pillow's opinion, (height, width, 3)."""
    opened = Image.open(io.BytesIO(jpeg))
    width, height = opened.size
    opened.draft(mode, (width // 2, height // 2) if halved else None)
    pixels = np.asarray(opened.convert("RGB"), np.uint8)
    return pixels.repeat(2, 0).repeat(2, 1)[:height, :width] if halved else pixels


def expected(pixels: Picture, row: tuple[int, int, int], crop: tuple[int, ...]) -> Picture:
    x, y, width, height = crop or (0, 0, WIDTH, HEIGHT)
    part = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    if row[2] == 1:
        part = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.uint8)
    resized = cv2.resize(part, (row[1], row[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8).reshape(row)


SMALL: list[tuple[tuple[int, int, int], dict[str, Any], bool]] = [
    ((16, 21, 1), {}, True),
    ((16, 21, 3), {}, True),
    ((17, 24, 1), {}, True),
    ((12, 17, 1), {"crop": (30, 11, 161, 119)}, True),
    ((18, 24, 1), {}, False),
    ((17, 25, 3), {}, False),
    ((16, 21, 1), {"exact": True}, False),
    ((16, 21, 3), {"exact": True}, False),
]


@pytest.mark.parametrize(("row", "asked", "halved"), SMALL)
def test_rows_are_means_of(
    row: tuple[int, int, int], asked: dict[str, Any], halved: bool, rigs: list[HotRig]
) -> None:
    """What is decoded, film and desktop, within a level; for an exact row all in colour."""
    rig = HotRig(row[1], row[0], 3, channels=row[2], screen=(WIDTH, HEIGHT), **asked)
    rigs.append(rig)
    screen = Screen(WIDTH, HEIGHT)
    screen.paint_all(1)
    rig.connect(screen)
    rig.reset(1, screen)
    luma = row[2] == 1 and not asked.get("exact")
    x, y, width, height = FILM
    found_apart = 0
    for seed in range(6):
        jpeg = film(5 * seed)
        payload = b"\x90" + compact(len(jpeg)) + jpeg
        screen.server.sendall(update(rectangle(x, y, width, height, 7, payload)))
        shown = decoded(jpeg, "L" if luma else "RGB", halved)
        screen.pixels[y : y + height, x : x + width] = shown
        found_apart += int((shown != decoded(jpeg, "L" if luma else "RGB", False)).sum())
        if seed % 2:
            noise = np.random.default_rng(seed).integers(0, 256, (41, 61, 3), np.uint8)
            screen.paint(*TEXT, noise)
        rig.step()
        apart = rig.picture().astype(int) - expected(screen.pixels, row, asked.get("crop", ()))
        assert np.abs(apart).max() <= 1
    assert (found_apart > 0) == halved
