"""RRE: counts that lie, subrectangles that leave, and a bound on painting."""

import struct

import numpy as np
import pytest
from reference.checks import Canvas

from cython_vnc.door import DecoderState, measure_rectangle
from cython_vnc.errors import DecodeError

RRE = 2
RECT = (3, 4, 20, 10)


def payload(*parts: tuple[int, int, int, int]) -> bytes:
    subrectangles = [bytes([1, 2, 3, 0]) + struct.pack(">4H", *part) for part in parts]
    return struct.pack(">I", len(parts)) + bytes([9, 8, 7, 0]) + b"".join(subrectangles)


def test_paints_in_order_over_the_background() -> None:
    canvas = Canvas(30, 20)
    canvas.decode(RRE, RECT, payload((0, 0, 20, 1), (19, 9, 1, 1)), DecoderState())
    expected = np.full((10, 20), 0x070809, np.uint32)
    expected[0, :] = expected[9, 19] = 0x030201
    np.testing.assert_array_equal(canvas.part(RECT), expected)


@pytest.mark.parametrize(
    "part",
    [
        (20, 0, 1, 1),
        (0, 10, 1, 1),
        (1, 0, 20, 1),
        (0, 1, 1, 10),
        (65535, 65535, 65535, 65535),
        (65535, 0, 1, 1),
        (0, 0, 65535, 1),
    ],
)
def test_refuses_a_subrectangle_that_leaves(part: tuple[int, int, int, int]) -> None:
    with pytest.raises(DecodeError, match="bounds"):
        Canvas(30, 20).decode(RRE, RECT, payload(part), DecoderState())


@pytest.mark.parametrize("count", [0x15555556, 0x20000000, 0x80000000, 0xFFFFFFFF, 22369622])
def test_refuses_a_count_beyond_any_limit_at_once(count: int) -> None:
    start = struct.pack(">I", count)
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(RRE, RECT, start)
    with pytest.raises(DecodeError, match="ends inside"):
        Canvas(30, 20).decode(RRE, RECT, start + bytes(64), DecoderState())


def test_waits_for_the_greatest_count_that_is_allowed() -> None:
    assert measure_rectangle(RRE, RECT, struct.pack(">I", 22369620)) is None


def test_refuses_to_paint_the_same_pixels_without_end() -> None:
    canvas = Canvas(400, 300)
    parts = [(0, 0, 400, 300)] * 900
    with pytest.raises(DecodeError, match="limit"):
        canvas.decode(RRE, (0, 0, 400, 300), payload(*parts), DecoderState())
    canvas.decode(RRE, (0, 0, 400, 300), payload(*parts[:200]), DecoderState())
    assert (canvas.part((0, 0, 400, 300)) == 0x030201).all()
