"""ZRLE: every subencoding by hand, and tiles that lie."""

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from reference.checks import Canvas, assert_measures
from reference.rfb_decoders import Rect, ReferenceDecoder
from reference.rfb_encoders import cpixel, pack, run_bytes

from cython_vnc.door import DecoderState, measure_rectangle
from cython_vnc.errors import DecodeError

ZRLE = 16
RECT = (3, 2, 10, 6)
PIXEL = b"\1\2\3"


def payload(plain: bytes) -> bytes:
    stream = zlib.compressobj()
    deflated = stream.compress(plain) + stream.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack(">I", len(deflated)) + deflated


def refuse(plain: bytes, why: str, rect: Rect = RECT) -> None:
    with pytest.raises(DecodeError, match=why):
        Canvas(90, 80).decode(ZRLE, rect, payload(plain), DecoderState())


def palette(colors: int) -> NDArray[np.uint32]:
    return np.random.default_rng(colors).integers(0, 1 << 24, colors).astype(np.uint32)


def table(colors: int) -> bytes:
    return b"".join(cpixel(int(color)) for color in palette(colors))


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 8, 9, 15, 31, 33, 63, 64])
@pytest.mark.parametrize("colors", [2, 3, 4, 5, 8, 15, 16])
def test_packed_rows_begin_at_a_byte(colors: int, width: int) -> None:
    indices = np.random.default_rng(width).integers(0, colors, (3, width))
    each = 1 if colors == 2 else 2 if colors <= 4 else 4
    canvas = Canvas(70, 5)
    plain = bytes([colors]) + table(colors) + pack(indices, each)
    canvas.decode(ZRLE, (2, 1, width, 3), payload(plain), DecoderState())
    np.testing.assert_array_equal(canvas.part((2, 1, width, 3)), palette(colors)[indices])


@pytest.mark.parametrize("colors", range(2, 128))
def test_runs_of_palettes_of_every_size(colors: int) -> None:
    canvas, expected = Canvas(64, 64), np.zeros((64, 64), np.uint32)
    body = b"".join(bytes([index | 128]) + run_bytes(32) for index in range(colors))
    body += bytes([colors - 1 | 128]) + run_bytes(4096 - 32 * colors - 3) + bytes([0, 1, 0])
    encoded = payload(bytes([128 + colors]) + table(colors) + body)
    ReferenceDecoder().decode(ZRLE, (0, 0, 64, 64), encoded, expected)
    canvas.decode(ZRLE, (0, 0, 64, 64), encoded, DecoderState())
    np.testing.assert_array_equal(canvas.part((0, 0, 64, 64)), expected)


@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 510, 511, 512, 4095, 4096])
@pytest.mark.parametrize("subencoding", [128, 131])
def test_runs_of_every_class_of_length(subencoding: int, length: int) -> None:
    canvas, expected = Canvas(64, 64), np.zeros((64, 64), np.uint32)
    first, second = (b"\0\0\0", PIXEL) if subencoding == 128 else (b"\x80", b"\x81")
    head = bytes([subencoding]) + (b"" if subencoding == 128 else table(3))
    body = first + run_bytes(length)
    if length < 4096:
        body += second + run_bytes(4096 - length)
    encoded = payload(head + body)
    ReferenceDecoder().decode(ZRLE, (0, 0, 64, 64), encoded, expected)
    canvas.decode(ZRLE, (0, 0, 64, 64), encoded, DecoderState())
    np.testing.assert_array_equal(canvas.part((0, 0, 64, 64)), expected)


@pytest.mark.parametrize("subencoding", [*range(17, 128), 129])
def test_refuses_subencodings_that_do_not_exist(subencoding: int) -> None:
    refuse(bytes([subencoding]) + bytes(600), "subencoding")


def test_refuses_runs_over_the_end_of_the_tile() -> None:
    refuse(b"\x80" + PIXEL + run_bytes(61), "bounds")
    refuse(b"\x80" + PIXEL + run_bytes(59) + PIXEL + run_bytes(2), "bounds")
    refuse(b"\x82" + PIXEL * 2 + b"\x80" + run_bytes(61), "bounds")
    # A run does not go on in the next tile.
    refuse(b"\x80" + PIXEL + run_bytes(64 * 6 + 1) + bytes(9), "bounds", (0, 0, 70, 6))
    # Nor does it take the decoder a long time to find out, or overflow.
    refuse(b"\x80" + PIXEL + b"\xff" * 200, "bounds")


def test_refuses_indices_beyond_the_palette() -> None:
    refuse(b"\x03" + PIXEL * 3 + b"\xff" * 18, "palette")
    refuse(b"\x05" + PIXEL * 5 + b"\x05" * 30, "palette")
    refuse(b"\x82" + PIXEL * 2 + b"\x02" * 60, "palette")
    refuse(b"\x82" + PIXEL * 2 + b"\xff" + run_bytes(60), "palette")


def test_padding_bits_of_a_row_may_be_anything() -> None:
    canvas = Canvas(20, 10)
    plain = b"\x03" + table(3) + bytes([0b00011000, 0b01111111])
    canvas.decode(ZRLE, (0, 0, 5, 1), payload(plain), DecoderState())
    np.testing.assert_array_equal(canvas.part((0, 0, 5, 1))[0], palette(3)[[0, 1, 2, 0, 1]])


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\0" + PIXEL * 59,
        b"\1\2\3",
        b"\x02" + PIXEL * 2 + bytes(11),
        b"\x10" + PIXEL * 15,
        b"\x80" + PIXEL,
        b"\x80" + PIXEL + b"\x3a\1\2",
        b"\x80" + PIXEL + run_bytes(59) + b"\1\2",
        b"\x82" + PIXEL + b"\0",
        b"\x82" + PIXEL * 2 + b"\x80",
        b"\x82" + PIXEL * 2 + bytes(59),
    ],
)
def test_refuses_tiles_that_are_cut_short(plain: bytes) -> None:
    refuse(plain, "fewer")


def test_refuses_bytes_after_the_last_tile_and_bombs() -> None:
    refuse(b"\1" + PIXEL + b"\0", "more")
    refuse(b"\1" + PIXEL + bytes(40_000_000), "more")


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x10000000, 80000])
def test_refuses_a_length_that_no_compressor_makes(length: int) -> None:
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(ZRLE, RECT, struct.pack(">I", length))


def test_measures_by_its_length_alone() -> None:
    assert_measures(ZRLE, RECT, struct.pack(">I", 300) + bytes(300))
