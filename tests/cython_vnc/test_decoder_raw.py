"""Raw: sizes and limits. That it paints what was sent is in test_decoder_contract.py."""

import numpy as np
import pytest
from reference.checks import Canvas, assert_measures

from cython_vnc.door import DecoderState, measure_rectangle
from cython_vnc.errors import DecodeError

RAW = 0


def test_takes_four_bytes_a_pixel() -> None:
    assert_measures(RAW, (0, 0, 13, 7), bytes(13 * 7 * 4))


def test_refuses_a_rectangle_beyond_any_framebuffer_before_its_bytes_come() -> None:
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(RAW, (0, 0, 65535, 65535), b"")
    # 1 << 28 bytes are the most.
    assert measure_rectangle(RAW, (0, 0, 8192, 8192), b"") is None
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(RAW, (0, 0, 8192, 8193), b"")


def test_pixels_are_little_endian() -> None:
    canvas = Canvas(4, 4)
    canvas.decode(RAW, (1, 2, 1, 1), bytes([3, 2, 1, 0]), DecoderState())
    assert canvas.part((1, 2, 1, 1)) == np.uint32(0x010203)
