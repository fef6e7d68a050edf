"""The benchmark of observations, on a stream of three updates."""

import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks import observations
from benchmarks.observations import SIZES, measure
from benchmarks.recording import Recording

WIDTH, HEIGHT = 100, 90


def raw_update(x: int, y: int, width: int, height: int, seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, width * height * 4, np.uint8)
    return struct.pack("!BxHHHHHi", 0, 1, x, y, width, height, 0) + pixels.tobytes()


def test_every_size_is_measured_and_compared_with_the_first(tmp_path: Path) -> None:
    body = raw_update(0, 0, WIDTH, HEIGHT, 1)
    body += raw_update(3, 5, 40, 20, 2) + raw_update(90, 80, 10, 10, 3)
    Recording(body, "small", WIDTH, HEIGHT, 0, [0], []).save(tmp_path)
    figures = measure([tmp_path / "small.rfb"], rounds=1)
    assert [figure.unit for figure in figures].count("x") == len(SIZES) - 1
    off = [figure for figure in figures if "off" in figure.name]
    assert all(figure.value > 0 for figure in figures if figure not in off)
    assert [figure.value for figure in off] == [0] * 4, "without JPEGs all is exact"
    assert figures[0].name == "small: RGB, whole"


@pytest.mark.integration
@pytest.mark.parametrize(
    "body",
    [
        raw_update(0, 0, WIDTH, HEIGHT - 1, 1),
        raw_update(0, 0, WIDTH, HEIGHT, 1) + struct.pack("!BxHHHHHi", 0, 1, 90, 80, 20, 20, 0),
    ],
    ids=["no whole picture", "beyond the screen"],
)
def test_a_worker_that_shows_nothing_ends_the_measurement(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves no thread behind."""
    monkeypatch.setattr(observations, "WAIT_S", 1.0)
    recording = Recording(body, "broken", WIDTH, HEIGHT, 0, [0], [])
    whole = 16 + 4 * WIDTH * HEIGHT
    updates = [body[:whole], body[whole:]] if body[whole:] else [body]
    spent = {name: observations.Spent() for name in SIZES}
    running = threading.active_count()
    with pytest.raises(RuntimeError, match=f"no row of update {len(updates)}"):
        observations.worker_rounds(recording, updates, 1, spent)
    assert threading.active_count() == running


def test_updates_before_the_first_picture_are_left_out(tmp_path: Path) -> None:
    size = struct.pack(
        "!BxHHHHHiB3xIHHHHI", 0, 1, 0, 0, WIDTH, HEIGHT, -308, 1, 1, 0, 0, WIDTH, HEIGHT, 0
    )
    body = size + raw_update(0, 0, WIDTH, HEIGHT, 1) + raw_update(3, 5, 40, 20, 2)
    Recording(body, "resized", WIDTH, HEIGHT, 0, [0], []).save(tmp_path)
    figures = measure([tmp_path / "resized.rfb"], rounds=1)
    assert figures[0].value > 0
