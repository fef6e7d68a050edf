"""Rows of a grey session, of a screen that is film here and desktop there."""

import io
from typing import Any

import cv2
import numpy as np
from fakes.hot_rig import HotRig, Picture, Screen
from fakes.server_bytes import rectangle, update
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from reference.rfb_encoders import compact

WIDTH, HEIGHT = 100, 70
ROWS: list[dict[str, Any]] = [
    {"row": (HEIGHT, WIDTH)},
    {"row": (33, 40)},
    {"row": (30, 64), "crop": (7, 9, 64, 60)},
    {"row": (7, 12)},
]
PAINT = st.tuples(
    st.sampled_from(["film", "film", "raw", "all film", "all raw"]), st.integers(0, 2**20)
)


def show_film(screen: Screen, x: int, y: int, picture: Picture) -> None:
    """Send a grey JPEG of it, whose luma and colours are the same; show what comes of that."""
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(buffer, "JPEG", quality=70)
    encoded = buffer.getvalue()
    height, width = picture.shape[:2]
    decoded = np.array(Image.open(io.BytesIO(encoded)))
    screen.pixels[y : y + height, x : x + width] = decoded[..., None]
    payload = b"\x90" + compact(len(encoded)) + encoded
    screen.server.sendall(update(rectangle(x, y, width, height, 7, payload)))


def expected(screen: Screen, asked: dict[str, Any]) -> Picture:
    x, y, width, height = asked.get("crop", (0, 0, WIDTH, HEIGHT))
    gray = cv2.cvtColor(screen.pixels, cv2.COLOR_RGB2GRAY)[y : y + height, x : x + width]
    return np.asarray(cv2.resize(gray, asked["row"][::-1], interpolation=cv2.INTER_AREA))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    asked=st.sampled_from(ROWS),
    steps=st.lists(st.lists(PAINT, max_size=3), max_size=25),
    slots=st.integers(2, 4),
)
def test_rows_are_grey_of_the_screen(
    asked: dict[str, Any], steps: list[list[tuple[str, int]]], slots: int, rigs: list[HotRig]
) -> None:
    height, width = asked["row"]
    rig = HotRig(
        width, height, slots, channels=1, screen=(WIDTH, HEIGHT), crop=asked.get("crop", ())
    )
    rigs.append(rig)
    screen = Screen(WIDTH, HEIGHT)
    screen.paint_all(1)
    rig.connect(screen)
    rig.reset(1, screen)
    exact = (height, width) == asked.get("crop", (0, 0, WIDTH, HEIGHT))[:1:-1]
    for paints in steps:
        for kind, seed in paints:
            rng = np.random.default_rng(seed)
            x, y = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
            size = int(rng.integers(HEIGHT - y)) + 1, int(rng.integers(WIDTH - x)) + 1
            if kind.startswith("all"):
                x, y, size = 0, 0, (HEIGHT, WIDTH)
            noise = rng.integers(0, 256, (*size, 3), np.uint8)
            picture = np.asarray(cv2.GaussianBlur(noise, (5, 5), 0), np.uint8)
            if "film" in kind:
                show_film(screen, x, y, picture)
            else:
                screen.paint(x, y, picture)
        rig.step()
        apart = rig.picture()[..., 0].astype(int) - expected(screen, asked)
        assert np.abs(apart).max() <= (0 if exact else 1)
    rig.close()
    rigs.remove(rig)
