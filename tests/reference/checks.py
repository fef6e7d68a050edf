"""What must hold for every rectangle, whatever its encoding."""

import numpy as np
from reference.pictures import Picture
from reference.rfb_decoders import Rect

from cython_vnc.door import DecoderState, decode_rectangle, measure_rectangle

MARGIN = 20
SENTINEL = 0x5A5A5A5A
COLOR = 0xFFFFFF


class Canvas:
    """A framebuffer inside a larger array: whatever is painted beside the rectangle shows."""

    def __init__(self, width: int, height: int) -> None:
        self.whole = np.full((height + 2 * MARGIN, width + 2 * MARGIN), SENTINEL, np.uint32)
        self.pixels = self.whole[MARGIN:-MARGIN, MARGIN:-MARGIN]

    def assert_untouched_beside(self, rect: Rect, before: Picture) -> None:
        x, y, width, height = rect
        now = self.whole.copy()
        part = (
            slice(y + MARGIN, y + MARGIN + height),
            slice(x + MARGIN, x + MARGIN + width),
        )
        now[part] = before[part]
        np.testing.assert_array_equal(now, before)

    def decode(self, encoding: int, rect: Rect, payload: bytes, state: DecoderState) -> None:
        """Decode, and see to it that nothing else was painted, even if it raises."""
        before = self.whole.copy()
        try:
            decode_rectangle(encoding, rect, payload, self.pixels, state)
        finally:
            self.assert_untouched_beside(rect, before)

    def part(self, rect: Rect) -> Picture:
        """Copy the colors of a rectangle, without the byte that does not matter."""
        x, y, width, height = rect
        return self.pixels[y : y + height, x : x + width] & np.uint32(COLOR)


def assert_measures(encoding: int, rect: Rect, payload: bytes, prefixes: int = 300) -> None:
    """Check `measure`: nothing from any part of the payload, its size from all of it and more.

    Args:
        prefixes: how many parts, if there are more; those of the first and last 40 bytes always.
    """
    size = len(payload)
    assert measure_rectangle(encoding, rect, payload) == size
    assert measure_rectangle(encoding, rect, payload + b"\x81\x00\xff" * 50) == size
    step = max(1, size // prefixes)
    ends = {*range(min(40, size)), *range(0, size, step), *range(max(0, size - 40), size)}
    trickle = DecoderState()
    for end in sorted(ends):
        assert measure_rectangle(encoding, rect, payload[:end]) is None
        # The same connection asked again and again, as its bytes arrive.
        assert measure_rectangle(encoding, rect, payload[:end], trickle) is None
    assert measure_rectangle(encoding, rect, payload, trickle) == size
