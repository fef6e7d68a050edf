"""CopyRect: overlap in every direction, and sources outside."""

import struct

import numpy as np
import pytest
from reference.checks import Canvas
from reference.rfb_decoders import ReferenceDecoder

from cython_vnc.door import DecoderState
from cython_vnc.errors import DecodeError

COPYRECT = 1
STEPS = [(dx, dy) for dx in (-3, -1, 0, 1, 3) for dy in (-3, -1, 0, 1, 3)]


def filled() -> Canvas:
    canvas = Canvas(40, 30)
    canvas.pixels[:] = np.random.default_rng(0).integers(0, 1 << 24, (30, 40))
    return canvas


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_copies_where_source_and_target_overlap(step: tuple[int, int]) -> None:
    canvas = filled()
    rect = (10, 9, 17, 12)
    payload = struct.pack(">HH", 10 + step[0], 9 + step[1])
    expected = canvas.pixels.copy()
    ReferenceDecoder().decode(COPYRECT, rect, payload, expected)
    canvas.decode(COPYRECT, rect, payload, DecoderState())
    np.testing.assert_array_equal(canvas.pixels, expected)


@pytest.mark.parametrize("source", [(0, 0), (23, 0), (0, 18), (23, 18)])
def test_copies_from_the_corners(source: tuple[int, int]) -> None:
    canvas = filled()
    expected = canvas.pixels.copy()
    payload = struct.pack(">HH", *source)
    ReferenceDecoder().decode(COPYRECT, (5, 5, 17, 12), payload, expected)
    canvas.decode(COPYRECT, (5, 5, 17, 12), payload, DecoderState())
    np.testing.assert_array_equal(canvas.pixels, expected)


@pytest.mark.parametrize("source", [(24, 0), (0, 19), (65535, 0), (0, 65535), (65535, 65535)])
def test_refuses_a_source_outside_the_framebuffer(source: tuple[int, int]) -> None:
    canvas = filled()
    before = canvas.whole.copy()
    with pytest.raises(DecodeError, match="bounds"):
        canvas.decode(COPYRECT, (5, 5, 17, 12), struct.pack(">HH", *source), DecoderState())
    np.testing.assert_array_equal(canvas.whole, before)


def test_refuses_another_length_and_paints_no_empty_rectangle() -> None:
    canvas = filled()
    before = canvas.whole.copy()
    for payload in (b"", b"\0\0\0", b"\0\0\0\0\0"):
        with pytest.raises(DecodeError):
            canvas.decode(COPYRECT, (5, 5, 17, 12), payload, DecoderState())
    canvas.decode(COPYRECT, (5, 5, 0, 12), bytes(4), DecoderState())
    canvas.decode(COPYRECT, (5, 5, 12, 0), bytes(4), DecoderState())
    np.testing.assert_array_equal(canvas.whole, before)
